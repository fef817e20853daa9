/** `scale`: the replica count of the kinds that have one, as one small object for all of them. */
import type { ApiObject } from '../../api/resource.ts'
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { parentEntries, type ReplicasPath, scaleEntries } from '../../apimachinery/patch/scale-entries.ts'
import {
  formatSelector,
  type LabelSelectorObject,
  selectorFromLabelSelector,
} from '../../apimachinery/selector/labels.ts'
import { badRequest, conflict, invalid } from '../../apimachinery/status.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { asJson, asObject, served, writeOptions } from './answers.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

const definition = 'autoscaling.v1.Scale'

const scalable = [
  { group: 'apps', plural: 'deployments' },
  { group: 'apps', plural: 'replicasets' },
  { group: 'apps', plural: 'statefulsets' },
  { group: '', plural: 'replicationcontrollers' },
]

/** One handler per scalable kind. */
export const scaleHandlers: readonly SubresourceHandler[] = scalable.map(({ group, plural }) => ({
  group,
  plural,
  subresource: 'scale',
  verbs: ['get', 'update', 'patch'],
  handle: async (request, _, context) =>
    request.info.verb === 'get' ? await getScale(request, context) : await changeScale(request, context),
}))

async function getScale(request: ApiRequest, { store }: SubresourceContext): Promise<SubresourceAnswer> {
  const { group, resource, namespace, name } = request.info
  const object = await store.get(served(store, group, resource), { namespace, name }, request.signal)
  return { code: 200, object: scaleOf(object) }
}

async function changeScale(request: ApiRequest, context: SubresourceContext): Promise<SubresourceAnswer> {
  const { store } = context
  const { group, resource, namespace, name } = request.info
  // What is no scale is refused before anybody looks for the object.
  if (request.info.verb === 'update') await context.decodeBody(request, definition)
  const change = async (current: ApiObject): Promise<ApiObject> => {
    const wanted = await managedScale(request, context, current, scaleOf(current), replicasPath)
    const scaled = withScale(current, wanted.scale, { group, plural: resource })
    return withManagers(scaled, wanted.managedFields)
  }
  const view = {
    definition,
    show: scaleOf,
    take: (object: ApiObject, scale: JsonObject) => withScale(object, scale, { group, plural: resource }),
  }
  const options = { ...writeOptions(request), ...scaleWrite, view }
  const object = await store.update(
    served(store, group, resource),
    { namespace, name },
    change,
    options,
    request.signal,
  )
  return { code: 200, object: scaleOf(object) }
}

/** How the store takes a scaled object: who holds its replicas is known already. */
export const scaleWrite = { subresource: 'scale', strategy: 'asGiven', keepManagedFields: true } as const

/** Kinds have had their replicas in one place in all versions; what others write through these is dropped. */
const replicasPath: ReplicasPath = (apiVersion) =>
  /^(v1|apps\/v1(beta[12])?|extensions\/v1beta1)$/.test(apiVersion) ? ['spec', 'replicas'] : undefined

/** The scale that a request makes of the present one, and the managed fields that the object has then. */
export async function managedScale(
  request: ApiRequest,
  context: SubresourceContext,
  object: ApiObject,
  scale: JsonObject,
  pathOf: ReplicasPath,
): Promise<{ readonly scale: JsonObject; readonly managedFields: readonly JsonObject[] }> {
  const { group, version } = request.info
  // The table of kinds has managed fields as they are on the wire.
  const parent = object.metadata.managedFields as Json | undefined
  const managedFields = scaleEntries(parent, pathOf)
  const live = { ...scale, metadata: { ...part(scale, 'metadata'), managedFields } }
  const changed = await context.changedObject(request, definition, live)
  const noted = context.withManagers(request, definition, live, changed)
  const apiVersion = group === '' ? version : `${group}/${version}`
  return {
    scale: changed,
    managedFields: parentEntries(parent, part(noted, 'metadata')['managedFields'], apiVersion, pathOf),
  }
}

/** The object with these managed fields. */
export function withManagers(object: ApiObject, managedFields: readonly JsonObject[]): ApiObject {
  const { managedFields: _old, ...metadata } = object.metadata
  return asObject({
    ...object,
    metadata: managedFields.length === 0 ? metadata : { ...metadata, managedFields },
  })
}

/** The object's scale. */
export function scaleOf(object: ApiObject): JsonObject {
  const { metadata } = object
  const spec = part(object, 'spec')
  const status = part(object, 'status')
  const selector = selectorText(spec['selector'])
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: asJson({
      name: metadata.name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp,
    }),
    // Go leaves out a zero here, but not in the status.
    spec: numberOf(spec['replicas']) === 0 ? {} : { replicas: numberOf(spec['replicas']) },
    status: { replicas: numberOf(status['replicas']), ...(selector === '' ? {} : { selector }) },
  }
}

/** The object with the scale's replicas; throws where the scale is not one for this object. */
export function withScale(
  object: ApiObject,
  scale: JsonObject,
  resource: { readonly group: string; readonly plural: string },
): ApiObject {
  const metadata = part(scale, 'metadata')
  const name = metadata['name']
  if (name !== undefined && name !== '' && name !== object.metadata.name) {
    throw badRequest(
      `the name of the object (${String(name)}) does not match the name on the URL (${object.metadata.name})`,
    )
  }
  refuseOther(object, metadata, resource)
  const versioned = withVersion(object, metadata['resourceVersion'])
  const replicas = numberOf(part(scale, 'spec')['replicas'])
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`
    const cause = { reason: 'FieldValueInvalid', field: 'spec.replicas', message } as const
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [cause])
  }
  const spec = part(object, 'spec')
  if (spec['replicas'] === replicas) return versioned
  const generation = (object.metadata.generation ?? 0) + 1
  return asObject({ ...versioned, metadata: { ...versioned.metadata, generation }, spec: { ...spec, replicas } })
}

/** The store compares the version that the client has read. */
export function withVersion(object: ApiObject, resourceVersion: Json | undefined): ApiObject {
  if (typeof resourceVersion !== 'string' || resourceVersion === '') return object
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}

/** A scale with a uid is for the object it was read from. */
function refuseOther(
  object: ApiObject,
  { uid }: JsonObject,
  resource: { readonly group: string; readonly plural: string },
): void {
  if (typeof uid === 'string' && uid !== '' && uid !== object.metadata.uid) {
    throw conflict(
      resource,
      object.metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`,
    )
  }
}

/** Replication controllers have a plain map; the others a label selector. */
function selectorText(selector: unknown): string {
  if (!isJsonObject(selector)) return ''
  const isLabelSelector = 'matchLabels' in selector || 'matchExpressions' in selector
  const labelSelector = (isLabelSelector ? selector : { matchLabels: selector }) as LabelSelectorObject
  return formatSelector(selectorFromLabelSelector(labelSelector))
}

function part(object: object, field: string): JsonObject {
  const value = (object as JsonObject)[field]
  return isJsonObject(value) ? value : {}
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
