/** The scale subresource of custom kinds: the definition says where replicas and selector are. */
import type { CustomResourceSubresourceScale } from '../../api/apiextensions/v1.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { isJsonObject, type Json, type JsonObject, setOwn } from '../../apimachinery/json.ts'
import { findFirst, parseJsonPath } from '../../apimachinery/json-path.ts'
import { badRequest, conflict, type StatusCause, StatusError } from '../../apimachinery/status.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { asJson, asObject, writeOptions } from '../subresources/answers.ts'
import { managedScale, withManagers, withVersion } from '../subresources/scale.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from '../subresources/subresource.ts'

/** Where an object keeps what a scale shows. */
export type ScalePaths = CustomResourceSubresourceScale

/** Finds the resource of a request and its paths. */
export type FindScale = (
  group: string,
  version: string,
  plural: string,
) => { readonly resource: Resource; readonly paths: ScalePaths } | undefined

/** The handler of every custom kind with a scale. */
export function customScaleHandler(group: string, plural: string, find: FindScale): SubresourceHandler {
  return {
    group,
    plural,
    subresource: 'scale',
    verbs: ['get', 'update', 'patch'],
    handle: async (request, _, context) => {
      const found = find(group, request.info.version, plural)
      if (found === undefined) throw new StatusError('NotFound', 'the server could not find the requested resource', {})
      return await answer(found.resource, found.paths, request, context)
    },
  }
}

async function answer(
  resource: Resource,
  paths: ScalePaths,
  request: ApiRequest,
  context: SubresourceContext,
): Promise<SubresourceAnswer> {
  const key = { namespace: request.info.namespace, name: request.info.name }
  if (request.info.verb === 'get') {
    return { code: 200, object: scaleOf(paths, await context.store.get(resource, key, request.signal)) }
  }
  const change = async (current: ApiObject): Promise<ApiObject> => {
    const names = paths.specReplicasPath.replace(/^\./, '').split('.')
    const wanted = await managedScale(request, context, current, scaleOf(paths, current), () => names)
    return withManagers(withScale(resource, paths, current, wanted.scale), wanted.managedFields)
  }
  const view = {
    definition: 'autoscaling.v1.Scale',
    show: (object: ApiObject) => scaleOf(paths, object),
    take: (object: ApiObject, scale: JsonObject) => withScale(resource, paths, object, scale),
  }
  const options = { ...writeOptions(request), subresource: 'scale', view, keepManagedFields: true }
  return {
    code: 200,
    object: scaleOf(paths, await context.store.update(resource, key, change, options, request.signal)),
  }
}

function valueAt(path: string | undefined, object: Json): Json | undefined {
  const parsed = path === undefined || path === '' ? undefined : parseJsonPath(path)
  return parsed === undefined ? undefined : findFirst(parsed, object)
}

/** The object's scale. */
export function scaleOf(paths: ScalePaths, object: ApiObject): JsonObject {
  const json = asJson(object)
  const replicas = valueAt(paths.specReplicasPath, json)
  if (typeof replicas !== 'number') {
    const message = `the spec replicas field ${JSON.stringify(paths.specReplicasPath)} does not exist`
    throw new StatusError('InternalError', `Internal error occurred: ${message}`, {
      causes: [{ reason: 'InternalError', message }],
    })
  }
  const current = valueAt(paths.statusReplicasPath, json)
  const selector = valueAt(paths.labelSelectorPath, json)
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: typeof current === 'number' ? current : 0,
      ...(typeof selector === 'string' && selector !== '' ? { selector } : {}),
    },
  }
}

function withScale({ facts }: Resource, paths: ScalePaths, object: ApiObject, scale: JsonObject): ApiObject {
  const metadata = isJsonObject(scale['metadata']) ? scale['metadata'] : {}
  const { name, uid, resourceVersion } = metadata
  const own = object.metadata
  if (typeof name === 'string' && name !== '' && name !== own.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${own.name})`)
  }
  if (typeof uid === 'string' && uid !== '' && uid !== own.uid) {
    throw conflict(facts, own.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${own.uid}`)
  }
  const replicas = isJsonObject(scale['spec']) ? (scale['spec']['replicas'] ?? 0) : 0
  return asObject(
    setAt(asJson(withVersion(object, resourceVersion)), paths.specReplicasPath.replace(/^\./, '').split('.'), replicas),
  )
}

function setAt(object: JsonObject, [name = '', ...rest]: readonly string[], value: Json): JsonObject {
  const inner = object[name]
  const next: Record<string, Json> = {}
  for (const [key, one] of Object.entries(object)) if (one !== undefined) setOwn(next, key, one)
  setOwn(next, name, rest.length === 0 ? value : setAt(isJsonObject(inner) ? inner : {}, rest, value))
  return next
}

/** What is wrong with the wanted count. Source: `ValidateScaleSpec`. */
export function specReplicasCauses({ specReplicasPath }: ScalePaths, object: JsonObject): readonly StatusCause[] {
  return countCauses(specReplicasPath, object)
}

/** What is wrong with the present count and the selector. Source: `ValidateScaleStatus`. */
export function statusReplicasCauses(paths: ScalePaths, object: JsonObject): readonly StatusCause[] {
  const { statusReplicasPath, labelSelectorPath = '' } = paths
  const selector = labelSelectorPath === '' ? undefined : nested(labelSelectorPath, object, 'string')
  return [
    ...countCauses(statusReplicasPath, object),
    ...(selector?.problem === undefined ? [] : [invalidValue(labelSelectorPath, '', selector.problem)]),
  ]
}

function countCauses(path: string, object: JsonObject): readonly StatusCause[] {
  const { value, problem } = nested(path, object, 'int64')
  if (problem !== undefined) return [invalidValue(path, 0, problem)]
  if (typeof value !== 'number') return []
  if (value < 0) return [invalidValue(path, value, 'should be a non-negative integer')]
  return value > 2 ** 31 - 1 ? [invalidValue(path, value, `should be less than or equal to ${2 ** 31 - 1}`)] : []
}

/** A value of a Go type, or Go's complaint. Source: apimachinery `unstructured.NestedInt64`. */
function nested(
  path: string,
  object: JsonObject,
  type: 'int64' | 'string',
): { readonly value?: Json; readonly problem?: string } {
  const names = path.replace(/^\./, '').split('.')
  let value: Json = object
  for (const [index, name] of names.entries()) {
    if (!isJsonObject(value)) {
      const at = `.${names.slice(0, index + 1).join('.')}`
      return {
        problem: `${at} accessor error: ${goText(value)} is of the type ${goType(value)}, expected map[string]interface{}`,
      }
    }
    const inner: Json | undefined = value[name]
    if (inner === undefined) return {}
    value = inner
  }
  if (goType(value) === type) return { value }
  return {
    problem: `.${names.join('.')} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${type}`,
  }
}

function goType(value: Json): string {
  if (value === null) return '<nil>'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  if (typeof value === 'object') return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
  return typeof value === 'boolean' ? 'bool' : 'string'
}

function goText(value: Json): string {
  return value === null ? '<nil>' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}
