/** OpenAPI v2 (Swagger): one document for everything. Clients up to kubectl 1.27 read it, as protobuf (`gnostic.ts`). */
import type { Json, JsonObject } from '../json.ts'
import { listName, renderDefinitions } from './definitions.ts'
import { type Describe, longName, reference } from './names.ts'
import {
  codeTexts,
  gvkKey,
  type Operation,
  operationExtensions,
  type Parameter,
  patchTypesOf,
  resourcePaths,
} from './paths.ts'
import type { PlainPath } from './plain-paths.ts'
import { SharedParameters } from './shared-parameters.ts'
import { definitionNames, documentInfo, type OpenApiInput, parameterText } from './v3.ts'

const patchDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'
const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const watchTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']

/** The document of all built-in and custom resources. */
export function openApiV2({ schemas, resources, describe, plain = [] }: OpenApiInput): JsonObject {
  const names = definitionNames(schemas)
  const items = resources.flatMap(resourcePaths)
  const lists = items
    .flatMap((item) => item.operations)
    .filter(({ answer }) => answer === 'list')
    .map(({ gvk }) => names.get(gvkKey(gvk)))
    .filter((name) => name !== undefined)
  const shared = new SharedParameters()
  const parameter = (one: Parameter): JsonObject => shared.refer(renderParameter(one, describe))
  const body = (operation: Operation): readonly JsonObject[] =>
    bodyParameter(operation, names).map((one) => shared.refer(one))
  const paths = [
    ...plain.map((one): [string, Json] => [one.path, renderPlain(one)]),
    ...items.map((item): [string, Json] => {
      const made = item.operations.map((operation): [string, Json] => [
        operation.method,
        renderOperation(operation, item.tag, names, [...body(operation), ...operation.parameters.map(parameter)]),
      ])
      return [item.path, { ...Object.fromEntries(made), parameters: item.parameters.map(parameter) }]
    }),
  ]
  return {
    swagger: '2.0',
    info: documentInfo,
    paths: Object.fromEntries(paths.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    definitions: renderDefinitions({
      schemas,
      dialect: 'v2',
      roots: [...schemas.structs.keys(), patchDefinition],
      lists: [...new Set(lists)],
      ...(describe === undefined ? {} : { describe }),
    }),
    parameters: shared.definitions(),
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  }
}

function renderParameter(parameter: Parameter, describe: Describe | undefined): JsonObject {
  const { name, in: place, type, required } = parameter
  return {
    uniqueItems: true,
    type,
    ...parameterText(parameter, describe),
    name,
    in: place,
    ...(required === true ? { required } : {}),
  }
}

function renderOperation(
  operation: Operation,
  tag: string,
  names: ReadonlyMap<string, string>,
  parameters: readonly JsonObject[],
): JsonObject {
  const { operationId, description, answer } = operation
  return {
    description,
    consumes: operation.body === 'patch' ? patchTypesOf(operation.gvk, names) : ['*/*'],
    produces: answer === 'list' || answer === 'event' ? [...objectTypes, ...watchTypes] : objectTypes,
    schemes: ['https'],
    tags: [tag],
    operationId,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: Object.fromEntries([
      ...operation.codes.map((code): [string, Json] => [String(code), response(operation, code, names)]),
      ['401', { description: codeTexts[401] ?? '' }],
    ]),
    ...operationExtensions(operation),
  }
}

function renderPlain({ tag, operationId, description, produces, definition }: PlainPath): JsonObject {
  const schema = definition === undefined ? { type: 'string' } : { $ref: reference('v2', longName(definition)) }
  return {
    get: {
      description,
      ...(definition === undefined ? {} : { consumes: produces }),
      produces,
      schemes: ['https'],
      tags: [tag],
      operationId,
      responses: {
        '200': { description: codeTexts[200] ?? '', schema },
        '401': { description: codeTexts[401] ?? '' },
      },
    },
  }
}

function bodyParameter({ body, gvk }: Operation, names: ReadonlyMap<string, string>): readonly JsonObject[] {
  if (body === undefined) return []
  const definition = names.get(gvkKey(gvk))
  const object = definition === undefined ? patchDefinition : longName(definition)
  const name =
    body === 'patch' ? patchDefinition : body === 'deleteOptions' ? longName('meta.v1.DeleteOptions') : object
  return [
    {
      name: 'body',
      in: 'body',
      ...(body === 'deleteOptions' ? {} : { required: true }),
      schema: { $ref: reference('v2', name) },
    },
  ]
}

function response({ answer, gvk }: Operation, code: number, names: ReadonlyMap<string, string>): JsonObject {
  const description = codeTexts[code] ?? ''
  const definition = names.get(gvkKey(gvk))
  if (answer === 'event') return { description, schema: { $ref: reference('v2', longName('meta.v1.WatchEvent')) } }
  if (answer === 'text' || definition === undefined) return { description, schema: { type: 'string' } }
  const name =
    answer === 'status' ? longName('meta.v1.Status') : answer === 'list' ? listName(definition) : longName(definition)
  return { description, schema: { $ref: reference('v2', name) } }
}
