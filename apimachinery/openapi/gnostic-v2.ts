/**
 * OpenAPI v2 as protobuf: `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`, which client-go asks for and decodes
 * whatever it gets. Only the parts that our documents have are written. Field numbers: gnostic `OpenAPIv2.proto`.
 */
import { isJsonObject, type JsonObject } from '../json.ts'
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

/** What clients ask for in `Accept`; old ones write the first, which is no valid media type. */
export const gnosticAccepted = [
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
]
/** What the answer is labelled as: Go refuses to parse the form with `@`. */
export const gnosticContentType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** Encodes a document that `openApiV2()` has made. */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  return encodeDocument(documentFields, document)
}

const schema: Write = nested(() => schemaFields)
const typeItem: Write = wrapped(1, text)
const schemaFields = message(
  {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    default: [5, any],
    required: [19, texts],
    enum: [20, each(any)],
    additionalProperties: [21, schemaOrBool(schema)],
    type: [22, typeItem],
    items: [23, wrapped(1, schema)],
    allOf: [24, each(schema)],
    properties: [25, named(1, schema)],
  },
  31,
)

const parameterFields = { required: [1, bool], in: [2, text], description: [3, text], name: [4, text] } as const
const queryParameter = nested(() =>
  message({ ...parameterFields, type: [6, text], format: [7, text], uniqueItems: [20, bool] }),
)
const pathParameter = nested(() =>
  message({ ...parameterFields, type: [5, text], format: [6, text], uniqueItems: [19, bool] }),
)
const bodyParameter = nested(() =>
  message({ description: [1, text], name: [2, text], in: [3, text], required: [4, bool], schema: [5, schema] }),
)

/** `Parameter{body | nonBody{query | path}}`. */
const bareParameter: Write = (writer, number, value) => {
  if (!isJsonObject(value)) return
  const mark = writer.length
  if (value['in'] === 'body') bodyParameter(writer, 1, value)
  else {
    const inner = writer.length
    if (value['in'] === 'path') pathParameter(writer, 4, value)
    else queryParameter(writer, 3, value)
    writer.close(2, inner)
  }
  writer.close(number, mark)
}

const jsonReference: Write = nested(() => message({ $ref: [1, text], description: [2, text] }))

/** `ParametersItem{parameter | reference}`. */
const parameter: Write = orReference(bareParameter, jsonReference)

const response: Write = wrapped(
  1,
  nested(() => message({ description: [1, text], schema: [2, wrapped(1, schema)] })),
)

const operation: Write = nested(() => operationFields)
const operationFields = message(
  {
    tags: [1, texts],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    produces: [6, texts],
    consumes: [7, texts],
    parameters: [8, each(parameter)],
    responses: [9, named(1, response)],
    schemes: [10, texts],
  },
  13,
)

const pathItem: Write = nested(() => pathItemFields)
const pathItemFields = message({
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  options: [6, operation],
  head: [7, operation],
  patch: [8, operation],
  parameters: [9, each(parameter)],
})

const apiKey: Write = (writer, number, value) => {
  const mark = writer.length
  nested(() => message({ type: [1, text], name: [2, text], in: [3, text], description: [4, text] }))(writer, 2, value)
  writer.close(number, mark)
}

/** `StringArray`: which scopes; there are none. */
const wrappedTexts: Write = (writer, number, value) => {
  const mark = writer.length
  texts(writer, 1, value)
  writer.close(number, mark)
}

const documentFields = message({
  swagger: [1, text],
  info: [2, nested(() => message({ title: [1, text], version: [2, text], description: [3, text] }))],
  paths: [8, named(2, pathItem)],
  definitions: [9, named(1, schema)],
  parameters: [10, named(1, bareParameter)],
  security: [12, each(named(1, wrappedTexts))],
  securityDefinitions: [13, named(1, apiKey)],
})
