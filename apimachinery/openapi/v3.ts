/**
 * OpenAPI v3: one document per group-version with the schemas and paths of its kinds.
 * `kubectl explain` and field validation read it.
 */
import type { Json, JsonObject } from '../json.ts'
import type { Schemas } from '../schema/schema.ts'
import { listName, renderDefinitions } from './definitions.ts'
import { type Describe, longName, reference } from './names.ts'
import {
  codeTexts,
  type Gvk,
  gvkKey,
  type OpenApiResource,
  type Operation,
  operationExtensions,
  type Parameter,
  type PathItem,
  patchTypesOf,
  resourcePaths,
} from './paths.ts'
import type { PlainPath } from './plain-paths.ts'

export type OpenApiInput = {
  readonly schemas: Schemas
  /** For v3: of one group-version. */
  readonly resources: readonly OpenApiResource[]
  readonly describe?: Describe
  /** Paths beside those of resources. */
  readonly plain?: readonly PlainPath[]
}

/** Of the API, not of the server. */
export const documentInfo = { title: 'Kubernetes', version: '1.36' }
const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']
const watchTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']

/** The path of a group-version's document below `/openapi/v3/`. */
export function openApiV3Path({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

/** The document of one group-version, or of plain paths alone. */
export function openApiV3({ schemas, resources, describe, plain = [] }: OpenApiInput): JsonObject {
  const names = definitionNames(schemas)
  const items = resources.flatMap(resourcePaths)
  const parameter = (one: Parameter): JsonObject => renderParameter(one, describe)
  const paths = [
    ...plain.map((one): [string, Json] => [one.path, renderPlain(one)]),
    ...items.map(({ path, tag, parameters, operations }): [string, Json] => [
      path,
      {
        parameters: parameters.map(parameter),
        ...Object.fromEntries(operations.map((made) => [made.method, renderOperation(made, tag, names, parameter)])),
      },
    ]),
  ]
  return {
    openapi: '3.0.0',
    info: documentInfo,
    paths: Object.fromEntries(paths.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      ...schemasOf({ schemas, resources, plain, ...(describe === undefined ? {} : { describe }) }, items, names),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          description: 'Bearer Token authentication',
          name: 'authorization',
          in: 'header',
        },
      },
    },
  }
}

function schemasOf(
  { schemas, describe, plain = [] }: OpenApiInput,
  items: readonly PathItem[],
  names: ReadonlyMap<string, string>,
): JsonObject {
  const operations = items.flatMap((item) => item.operations)
  const ofKinds = operations.map(({ gvk }) => names.get(gvkKey(gvk)))
  const lists = operations.filter(({ answer }) => answer === 'list').map(({ gvk }) => names.get(gvkKey(gvk)))
  const roots = new Set([...ofKinds, ...operations.flatMap(helpersOf), ...plain.map(({ definition }) => definition)])
  roots.delete(undefined)
  if (roots.size === 0) return {}
  const rendered = renderDefinitions({
    schemas,
    dialect: 'v3',
    roots: [...roots].filter((name) => name !== undefined),
    lists: [...new Set(lists)].filter((name) => name !== undefined),
    ...(describe === undefined ? {} : { describe }),
  })
  return { schemas: rendered }
}

/** Definitions that operations share. */
function helpersOf({ body, answer }: Operation): readonly string[] {
  return [
    ...(body === 'deleteOptions' ? ['meta.v1.DeleteOptions'] : []),
    ...(body === 'patch' ? [longPatch] : []),
    ...(answer === 'status' ? ['meta.v1.Status'] : []),
    ...(answer === 'event' ? ['meta.v1.WatchEvent'] : []),
  ]
}

const longPatch = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'

/** Definitions by their kind. */
export function definitionNames(schemas: Schemas): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { gvk, name } of schemas.structs.values()) if (gvk !== undefined) names.set(gvkKey(gvk), name)
  return names
}

/** The prose of a parameter: its own, or what all parameters of that name have. */
export function parameterText({ description, text }: Parameter, describe: Describe | undefined): JsonObject {
  const words = description ?? (text === undefined ? undefined : describe?.('parameters', text))
  return words === undefined ? {} : { description: words }
}

function renderParameter(parameter: Parameter, describe: Describe | undefined): JsonObject {
  const { name, in: place, type, required } = parameter
  return {
    name,
    in: place,
    ...parameterText(parameter, describe),
    ...(required === true ? { required } : {}),
    schema: { type, uniqueItems: true },
  }
}

function renderOperation(
  operation: Operation,
  tag: string,
  names: ReadonlyMap<string, string>,
  parameter: (parameter: Parameter) => JsonObject,
): JsonObject {
  const { operationId, description, parameters, body } = operation
  return {
    tags: [tag],
    description,
    operationId,
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameter) }),
    ...(body === undefined ? {} : { requestBody: requestBody(operation, names) }),
    responses: Object.fromEntries([
      ...operation.codes.map((code): [string, Json] => [String(code), response(operation, code, names)]),
      ['401', { description: codeTexts[401] ?? '' }],
    ]),
    ...operationExtensions(operation),
  }
}

function renderPlain({ tag, operationId, description, produces, definition }: PlainPath): JsonObject {
  const schema = definition === undefined ? { type: 'string' } : { $ref: reference('v3', longName(definition)) }
  return {
    get: {
      tags: [tag],
      description,
      operationId,
      responses: {
        '200': {
          description: codeTexts[200] ?? '',
          content: Object.fromEntries(produces.map((type) => [type, { schema }])),
        },
        '401': { description: codeTexts[401] ?? '' },
      },
    },
  }
}

function requestBody({ body, gvk }: Operation, names: ReadonlyMap<string, string>): JsonObject {
  const name =
    body === 'patch' ? longPatch : body === 'deleteOptions' ? longName('meta.v1.DeleteOptions') : nameOf(gvk, names)
  const content = body === 'patch' ? patchTypesOf(gvk, names) : ['*/*']
  return { content: contents(content, name), ...(body === 'deleteOptions' ? {} : { required: true }) }
}

function response({ answer, gvk }: Operation, code: number, names: ReadonlyMap<string, string>): JsonObject {
  const description = codeTexts[code] ?? ''
  if (answer === 'text') return { description, content: { 'text/plain': { schema: { type: 'string' } } } }
  const definition = names.get(gvkKey(gvk))
  if (answer === 'event') {
    return { description, content: contents([...objectTypes, ...watchTypes], longName('meta.v1.WatchEvent')) }
  }
  if (answer === 'list' && definition !== undefined) {
    return { description, content: contents([...objectTypes, ...watchTypes], listName(definition)) }
  }
  return {
    description,
    content: contents(objectTypes, answer === 'status' ? longName('meta.v1.Status') : nameOf(gvk, names)),
  }
}

function nameOf(gvk: Gvk, names: ReadonlyMap<string, string>): string {
  const definition = names.get(gvkKey(gvk))
  return definition === undefined ? 'io.k8s.apimachinery.pkg.runtime.RawExtension' : longName(definition)
}

function contents(types: readonly string[], name: string): JsonObject {
  return Object.fromEntries(types.map((type) => [type, { schema: { $ref: reference('v3', name) } }]))
}
