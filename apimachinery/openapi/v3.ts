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
  patchTypesOf,
  resourcePaths,
} from './paths.ts'

export type OpenApiInput = {
  readonly schemas: Schemas
  /** For v3: of one group-version. */
  readonly resources: readonly OpenApiResource[]
  readonly describe?: Describe
}

const title = 'Kubernetes'
const documentVersion = 'v1.36.2'
const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', 'application/cbor']
const watchTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch']
/** The path of a group-version's document below `/openapi/v3/`. */
export function openApiV3Path({ group, version }: { readonly group: string; readonly version: string }): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

/** The document of one group-version. */
export function openApiV3({ schemas, resources, describe }: OpenApiInput): JsonObject {
  const names = definitionNames(schemas)
  const items = resources.flatMap(resourcePaths)
  const operations = items.flatMap((item) => item.operations)
  const roots = operations.map(({ gvk }) => names.get(gvkKey(gvk))).filter((name) => name !== undefined)
  const lists = operations
    .filter(({ answer }) => answer === 'list')
    .map(({ gvk }) => names.get(gvkKey(gvk)))
    .filter((name) => name !== undefined)
  const helpers = ['meta.v1.DeleteOptions', 'meta.v1.Status', 'meta.v1.WatchEvent', longPatch]
  const schemasOut = renderDefinitions({
    schemas,
    dialect: 'v3',
    roots: [...new Set([...roots, ...helpers])],
    lists: [...new Set(lists)],
    ...(describe === undefined ? {} : { describe }),
  })
  return {
    openapi: '3.0.0',
    info: { title, version: documentVersion },
    paths: Object.fromEntries(
      items.map((item) => [
        item.path,
        {
          parameters: item.parameters.map(renderParameter),
          ...Object.fromEntries(item.operations.map((made) => [made.method, renderOperation(made, item.tag, names)])),
        },
      ]),
    ),
    components: {
      schemas: schemasOut,
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

const longPatch = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'

/** Definitions by their kind. */
export function definitionNames(schemas: Schemas): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const { gvk, name } of schemas.structs.values()) if (gvk !== undefined) names.set(gvkKey(gvk), name)
  return names
}

function renderParameter({ name, in: place, type, required, description }: Parameter): JsonObject {
  return {
    name,
    in: place,
    ...(description === undefined ? {} : { description }),
    ...(required === true ? { required } : {}),
    schema: { type, uniqueItems: true },
  }
}

function renderOperation(operation: Operation, tag: string, names: ReadonlyMap<string, string>): JsonObject {
  const { operationId, description, parameters, body } = operation
  return {
    tags: [tag],
    description,
    operationId,
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(renderParameter) }),
    ...(body === undefined ? {} : { requestBody: requestBody(operation, names) }),
    responses: Object.fromEntries([
      ...operation.codes.map((code): [string, Json] => [String(code), response(operation, code, names)]),
      ['401', { description: codeTexts[401] ?? '' }],
    ]),
    ...operationExtensions(operation),
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
