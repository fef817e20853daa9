/** `scale`: the replica count of the kinds that have one, as one small object for all of them. */
import type { ApiObject } from '../../api/resource.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
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
  const change = async (current: ApiObject): Promise<ApiObject> => {
    const wanted = await context.changedObject(request, definition, scaleOf(current))
    return withScale(current, wanted, { group, plural: resource })
  }
  const options = { ...writeOptions(request), subresource: 'scale', strategy: 'asGiven' } as const
  const object = await store.update(
    served(store, group, resource),
    { namespace, name },
    change,
    options,
    request.signal,
  )
  return { code: 200, object: scaleOf(object) }
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
    spec: { replicas: numberOf(spec['replicas']) },
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
  const replicas = numberOf(part(scale, 'spec')['replicas'])
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`
    const cause = { reason: 'FieldValueInvalid', field: 'spec.replicas', message } as const
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [cause])
  }
  const spec = part(object, 'spec')
  if (spec['replicas'] === replicas) return object
  const generation = (object.metadata.generation ?? 0) + 1
  return asObject({ ...object, metadata: { ...object.metadata, generation }, spec: { ...spec, replicas } })
}

/** A scale with a resourceVersion or uid is for the object it was read from. */
function refuseOther(
  object: ApiObject,
  { uid, resourceVersion }: JsonObject,
  resource: { readonly group: string; readonly plural: string },
): void {
  if (typeof uid === 'string' && uid !== '' && uid !== object.metadata.uid) {
    throw conflict(
      resource,
      object.metadata.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`,
    )
  }
  if (
    typeof resourceVersion === 'string' &&
    resourceVersion !== '' &&
    resourceVersion !== object.metadata.resourceVersion
  ) {
    throw conflict(
      resource,
      object.metadata.name,
      'the object has been modified; please apply your changes to the latest version and try again',
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
