/**
 * OpenAPI v3 as protobuf: `application/com.github.proto-openapi.spec.v3@v1.0+protobuf`. Only the parts that our documents have are
 * written. Field numbers: gnostic `OpenAPIv3.proto`.
 */
import type { JsonObject } from '../json.ts'
import {
  any,
  bool,
  each,
  encodeDocument,
  message,
  named,
  nested,
  orReference,
  schemaOrBool,
  text,
  texts,
  type Write,
  wrapped,
} from './gnostic-message.ts'

/** What clients ask for in `Accept`; the second is the form that the answer is labelled with. */
export const gnosticV3Accepted = [
  'application/com.github.proto-openapi.spec.v3@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v3.v1.0+protobuf',
]
/** What the answer is labelled as: Go refuses to parse the form with `@`. */
export const gnosticV3ContentType = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'

/** Encodes a document that `openApiV3()` has made. */
export function encodeOpenApiV3(document: JsonObject): Buffer {
  return encodeDocument(documentFields, document)
}

const reference: Write = nested(() => message({ $ref: [1, text] }))

const number: Write = (writer, field, value) => {
  if (typeof value !== 'number' || value === 0) return
  writer.double(value)
  writer.tag(field, 1)
}
const integer: Write = (writer, field, value) => {
  if (typeof value !== 'number' || value === 0) return
  writer.varint(value)
  writer.tag(field, 0)
}

/** Numbers, booleans and strings; gnostic has no place for others. */
const defaultValue: Write = (writer, field, value) => {
  const mark = writer.length
  if (typeof value === 'string') {
    writer.textField(3, value)
  } else if (typeof value === 'boolean') {
    writer.varint(value ? 1 : 0)
    writer.tag(2, 0)
  } else if (typeof value === 'number') {
    writer.double(value)
    writer.tag(1, 1)
  }
  writer.close(field, mark)
}

const bareSchema: Write = nested(() => schemaFields)
const schema: Write = orReference(bareSchema, reference)
const schemaFields = message(
  {
    nullable: [1, bool],
    title: [9, text],
    multipleOf: [10, number],
    maximum: [11, number],
    exclusiveMaximum: [12, bool],
    minimum: [13, number],
    exclusiveMinimum: [14, bool],
    maxLength: [15, integer],
    minLength: [16, integer],
    pattern: [17, text],
    maxItems: [18, integer],
    minItems: [19, integer],
    uniqueItems: [20, bool],
    maxProperties: [21, integer],
    minProperties: [22, integer],
    required: [23, texts],
    enum: [24, each(any)],
    type: [25, text],
    allOf: [26, each(schema)],
    oneOf: [27, each(schema)],
    anyOf: [28, each(schema)],
    not: [29, bareSchema],
    items: [30, wrapped(1, schema)],
    properties: [31, named(1, schema)],
    additionalProperties: [32, schemaOrBool(schema)],
    default: [33, defaultValue],
    description: [34, text],
    format: [35, text],
  },
  36,
)

const content: Write = named(
  1,
  nested(() => message({ schema: [1, schema] })),
)
const parameters: Write = each(
  orReference(
    nested(() =>
      message(
        { name: [1, text], in: [2, text], description: [3, text], required: [4, bool], schema: [10, schema] },
        14,
      ),
    ),
    reference,
  ),
)
const requestBody: Write = orReference(
  nested(() => message({ description: [1, text], content: [2, content], required: [3, bool] }, 4)),
  reference,
)
const responses: Write = named(
  2,
  orReference(
    nested(() => message({ description: [1, text], content: [3, content] }, 5)),
    reference,
  ),
)

const operation: Write = nested(() => operationFields)
const operationFields = message(
  {
    tags: [1, texts],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    parameters: [6, parameters],
    requestBody: [7, requestBody],
    responses: [8, responses],
    deprecated: [10, bool],
  },
  13,
)

const pathItem: Write = nested(() => pathItemFields)
const pathItemFields = message({
  get: [4, operation],
  put: [5, operation],
  post: [6, operation],
  delete: [7, operation],
  options: [8, operation],
  head: [9, operation],
  patch: [10, operation],
  parameters: [13, parameters],
})

const securityScheme: Write = orReference(
  nested(() => message({ type: [1, text], description: [2, text], name: [3, text], in: [4, text] })),
  reference,
)

const documentFields = message({
  openapi: [1, text],
  info: [2, nested(() => message({ title: [1, text], description: [2, text], version: [6, text] }))],
  paths: [4, named(1, pathItem)],
  components: [
    5,
    nested(() => message({ schemas: [1, named(1, schema)], securitySchemes: [7, named(1, securityScheme)] })),
  ],
})
