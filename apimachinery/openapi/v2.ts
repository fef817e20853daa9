/** OpenAPI v2 (Swagger): one document for everything. Clients up to kubectl 1.27 read it, as protobuf (`gnostic.ts`). */
import type { Json, JsonObject } from '../json.ts'
import { listName, renderDefinitions } from './definitions.ts'
import { longName, reference } from './names.ts'
import {
  codeTexts,
  gvkKey,
  type Operation,
  operationExtensions,
  type Parameter,
  patchTypesOf,
  resourcePaths,
} from './paths.ts'
import { definitionNames, type OpenApiInput } from './v3.ts'

const patchDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'
const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

/** The document of all built-in and custom resources. */
export function openApiV2({ schemas, resources, describe }: OpenApiInput): JsonObject {
  const names = definitionNames(schemas)
  const items = resources.flatMap(resourcePaths)
  const lists = items
    .flatMap((item) => item.operations)
    .filter(({ answer }) => answer === 'list')
    .map(({ gvk }) => names.get(gvkKey(gvk)))
    .filter((name) => name !== undefined)
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.36.2' },
    paths: Object.fromEntries(
      items.map((item) => [
        item.path,
        {
          ...Object.fromEntries(item.operations.map((made) => [made.method, renderOperation(made, item.tag, names)])),
          parameters: item.parameters.map(renderParameter),
        },
      ]),
    ),
    definitions: renderDefinitions({
      schemas,
      dialect: 'v2',
      roots: [...schemas.structs.keys(), patchDefinition],
      lists: [...new Set(lists)],
      ...(describe === undefined ? {} : { describe }),
    }),
    securityDefinitions: {
      BearerToken: { description: 'Bearer Token authentication', type: 'apiKey', name: 'authorization', in: 'header' },
    },
    security: [{ BearerToken: [] }],
  }
}

function renderParameter({ name, in: place, type, required, description }: Parameter): JsonObject {
  return {
    uniqueItems: true,
    type,
    ...(description === undefined ? {} : { description }),
    name,
    in: place,
    ...(required === true ? { required } : {}),
  }
}

function renderOperation(operation: Operation, tag: string, names: ReadonlyMap<string, string>): JsonObject {
  const { operationId, description, parameters } = operation
  return {
    description,
    consumes: operation.body === 'patch' ? patchTypesOf(operation.gvk, names) : ['*/*'],
    produces: objectTypes,
    schemes: ['https'],
    tags: [tag],
    operationId,
    parameters: [...bodyParameter(operation, names), ...parameters.map(renderParameter)],
    responses: Object.fromEntries([
      ...operation.codes.map((code): [string, Json] => [String(code), response(operation, code, names)]),
      ['401', { description: codeTexts[401] ?? '' }],
    ]),
    ...operationExtensions(operation),
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
  if (answer === 'text' || definition === undefined) return { description, schema: { type: 'string' } }
  const name =
    answer === 'status' ? longName('meta.v1.Status') : answer === 'list' ? listName(definition) : longName(definition)
  return { description, schema: { $ref: reference('v2', name) } }
}
