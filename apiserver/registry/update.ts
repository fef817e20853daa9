/** What an update may change, by kind and subresource. Pure. */
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import type { UpdateOptions } from './store.ts'
import { countsGenerations } from './system-fields.ts'

export type PreparedUpdate = {
  readonly object: ApiObject
  readonly validate: (object: ApiObject, old: ApiObject) => readonly StatusCause[]
}

/** Applies the strategy of the kind: the object itself, its status, or (for other subresources) the object as given. */
export function prepareUpdate(
  resource: Resource,
  object: ApiObject,
  old: ApiObject,
  { subresource = '', strategy = 'kind', warn }: UpdateOptions,
): PreparedUpdate {
  // Upstream binds beside the kind's strategy: the generation of a pod stays.
  if (subresource === 'binding') return { object, validate: () => [] }
  if (strategy === 'asGiven') return { object: withGeneration(resource, object, old), validate: () => [] }
  if (subresource === 'status') {
    return {
      object: resource.prepareForStatusUpdate?.(object, old) ?? onlyStatus(resource, object, old),
      validate: (next, before) => resource.validateStatusUpdate?.(next, before, warn) ?? [],
    }
  }
  const prepared = resource.prepareForUpdate?.(object, old) ?? withOldStatus(resource, object, old)
  return {
    object: resource.prepareForUpdate === undefined ? withGeneration(resource, prepared, old) : prepared,
    // A kind's rules for updates include those for new objects that hold for updates too.
    validate: (next, before) => resource.validateUpdate?.(next, before, warn) ?? resource.validate?.(next) ?? [],
  }
}

type WithStatus = ApiObject & { readonly status?: unknown }

/** Kinds whose status path takes labels and annotations too. Source: their strategies do not reset the metadata. */
const metadataWithStatus = new Set([
  'apiextensions.k8s.io/customresourcedefinitions',
  'apps/daemonsets',
  'apps/replicasets',
  'apps/statefulsets',
  'autoscaling/horizontalpodautoscalers',
  'batch/cronjobs',
  'batch/jobs',
  'networking.k8s.io/ingresses',
  'policy/poddisruptionbudgets',
  '/replicationcontrollers',
])

function onlyStatus({ facts }: Resource, object: ApiObject, old: ApiObject): ApiObject {
  const { status }: WithStatus = object
  const { managedFields } = object.metadata
  const takesMetadata = metadataWithStatus.has(`${facts.group}/${facts.plural}`)
  const metadata = takesMetadata
    ? object.metadata
    : { ...old.metadata, ...(managedFields === undefined ? {} : { managedFields }) }
  const { status: _status, ...rest }: WithStatus = old
  const next: WithStatus = { ...rest, metadata, ...(status === undefined ? {} : { status }) }
  return next
}

function withOldStatus({ facts }: Resource, object: ApiObject, old: ApiObject): ApiObject {
  if (facts.subresources?.['status'] === undefined) return object
  const { status }: WithStatus = old
  const { status: _status, ...rest }: WithStatus = object
  const next: WithStatus = { ...rest, ...(status === undefined ? {} : { status }) }
  return next
}

/** The generation counts changes of everything but metadata and status. */
function withGeneration(resource: Resource, object: ApiObject, old: ApiObject): ApiObject {
  if (!countsGenerations(resource, object) || sameJson(specOf(object), specOf(old))) return object
  return { ...object, metadata: { ...object.metadata, generation: (old.metadata.generation ?? 0) + 1 } }
}

function specOf(object: ApiObject): object {
  const { metadata: _metadata, status: _status, ...rest }: WithStatus = object
  return rest
}

/** Whether an update would write what is there already; the times of managed fields alone are no change. */
export function isSameObject(object: ApiObject, old: ApiObject): boolean {
  return sameJson(withoutTimes(object), withoutTimes(old))
}

function withoutTimes(object: ApiObject): ApiObject {
  const { managedFields, ...metadata } = object.metadata
  if (managedFields === undefined) return object
  const timeless = managedFields.map(({ time: _time, ...entry }) => entry)
  return { ...object, metadata: { ...metadata, managedFields: timeless } }
}
