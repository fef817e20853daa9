/** The fields of `metadata` that belong to the server, and the order of an object's first keys. Pure. */
import type { ApiObject, ObjectMetadata, Resource } from '../../api/resource.ts'
import type { Json } from '../../apimachinery/json.ts'
import { decodeObject } from '../../apimachinery/schema/decode.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import { badRequest, StatusError } from '../../apimachinery/status.ts'

/** Puts `kind`, `apiVersion` and `metadata` first: stored bytes rely on it. */
export function inOrder(object: ApiObject): ApiObject {
  const { kind, apiVersion, metadata, ...rest } = object
  return { kind, apiVersion, metadata, ...rest }
}

/** Takes the namespace from the URL, or refuses another one. Source: `EnsureObjectNamespaceMatchesRequestNamespace`. */
export function withNamespace(object: ApiObject, resource: Resource, namespace: string): ApiObject {
  const { namespace: own = '', ...metadata } = object.metadata
  if (!resource.facts.namespaced) return { ...object, metadata }
  if (own !== '' && own !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  return { ...object, metadata: { ...metadata, namespace } }
}

export type NewObjectFacts = { readonly name: string; readonly uid: string; readonly time: string }

/** The system fields of a new object. Source: `rest.BeforeCreate`. */
export function forCreate(object: ApiObject, { name, uid, time }: NewObjectFacts): ApiObject {
  const given: Partial<ObjectMetadata> & { readonly selfLink?: string } = object.metadata
  const {
    name: _name,
    uid: _uid,
    selfLink: _selfLink,
    deletionTimestamp: _deletion,
    deletionGracePeriodSeconds: _grace,
    resourceVersion = '',
    ...rest
  } = given
  // Upstream overlooks what is no number.
  if (/^0*[1-9]\d{0,19}$/.test(resourceVersion)) {
    throw new StatusError('', 'resourceVersion should not be set on objects to be created', undefined, 500)
  }
  // The store adds the resourceVersion.
  return { ...object, metadata: { name, ...rest, uid, creationTimestamp: time } as ObjectMetadata }
}

/** Whether the kind counts generations: those with a spec, unless said otherwise. */
export function countsGenerations(resource: Resource, object: ApiObject): boolean {
  return resource.hasGeneration ?? 'spec' in object
}

/** The kind's own preparation of a new object, or the usual one. */
export function prepareForCreate(resource: Resource, object: ApiObject): ApiObject {
  const prepared = resource.prepareForCreate?.(object) ?? withoutStatus(resource, object)
  const { generation: _generation, ...metadata } = prepared.metadata
  return countsGenerations(resource, prepared)
    ? { ...prepared, metadata: { ...metadata, generation: 1 } }
    : { ...prepared, metadata }
}

function withoutStatus(resource: Resource, object: ApiObject): ApiObject {
  if (resource.facts.subresources?.['status'] === undefined || !('status' in object)) return object
  const { status: _status, ...rest } = object
  return rest
}

/** Kinds with a status have one from the start: what its defaults make of nothing, such as `{}`. */
export function withEmptyStatus(schemas: Schemas, resource: Resource, object: ApiObject): ApiObject {
  if ('status' in object || resource.facts.subresources?.['status'] === undefined) return object
  const status = emptyStatus(schemas, resource)
  return status === undefined ? object : ({ ...object, status } as ApiObject)
}

const emptyStatuses = new WeakMap<Resource, { readonly status: Json | undefined }>()

function emptyStatus(schemas: Schemas, resource: Resource): Json | undefined {
  const known = emptyStatuses.get(resource)
  if (known !== undefined) return known.status
  const { status } = decodeObject(schemas, resource.definition, {}, { fieldValidation: 'Ignore' }).object
  emptyStatuses.set(resource, { status })
  return status
}

/** The system fields of a changed object are those of the old one. Source: `rest.BeforeUpdate`. */
export function forUpdate(object: ApiObject, old: ApiObject): ApiObject {
  const given: Partial<ObjectMetadata> = object.metadata
  const before = old.metadata
  const metadata = {
    ...given,
    ...(given.uid === undefined || given.uid === '' ? { uid: before.uid } : {}),
    ...(given.name === undefined || given.name === '' ? { name: before.name } : {}),
    // Upstream keeps the old time whatever the client sends.
    creationTimestamp: before.creationTimestamp,
    resourceVersion: before.resourceVersion,
  } as ObjectMetadata
  return {
    ...object,
    metadata: keepAll(metadata, before, ['generation', 'deletionTimestamp', 'deletionGracePeriodSeconds']),
  }
}

function keepAll(
  metadata: ObjectMetadata,
  before: ObjectMetadata,
  fields: readonly (keyof ObjectMetadata)[],
): ObjectMetadata {
  const kept: Record<string, unknown> = { ...metadata }
  for (const field of fields) {
    if (before[field] === undefined) delete kept[field]
    else kept[field] = before[field]
  }
  // Only fields of `ObjectMetadata` were copied or removed.
  return kept as ObjectMetadata
}
