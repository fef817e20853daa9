/** Records who set which fields. What admission adds afterwards belongs to nobody, as upstream. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { updateManagedFields } from '../../apimachinery/patch/apply.ts'
import { type Schemas, structOf } from '../../apimachinery/schema/schema.ts'

export type ManagerFacts = {
  readonly schemas: Schemas
  readonly resource: Resource
  /** The object in the store; absent when it is created. */
  readonly old: ApiObject | undefined
  readonly object: ApiObject
  /** Absent: the server itself writes, and owns nothing. */
  readonly fieldManager: string | undefined
  readonly subresource: string
  /** RFC 3339. */
  readonly time: string
}

/** The object with its managed fields brought up to date. */
export function noteManagers(facts: ManagerFacts): ApiObject {
  const { schemas, resource, old, object, fieldManager, subresource, time } = facts
  if (fieldManager === undefined) return withManagedFieldsOf(object, old)
  const { group, version } = resource.facts
  const noted = updateManagedFields({
    struct: structOf(schemas, resource.definition),
    ...(old === undefined ? {} : { live: asJson(old) }),
    object: asJson(object),
    manager: fieldManager,
    apiVersion: group === '' ? version : `${group}/${version}`,
    subresource,
    ignored: ignoredFields(resource, object, subresource),
    time,
  })
  // Only `metadata.managedFields` was replaced.
  return noted as unknown as ApiObject
}

/** Top-level fields that a write through this endpoint cannot change. */
export function ignoredFields({ facts }: Resource, object: object, subresource: string): readonly string[] {
  if (subresource === 'status') {
    return Object.keys(object).filter((field) => !['kind', 'apiVersion', 'metadata', 'status'].includes(field))
  }
  return subresource === '' && facts.subresources?.['status'] !== undefined ? ['status'] : []
}

function withManagedFieldsOf(object: ApiObject, old: ApiObject | undefined): ApiObject {
  const { managedFields: _given, ...metadata } = object.metadata
  const kept = old?.metadata.managedFields
  return { ...object, metadata: kept === undefined ? metadata : { ...metadata, managedFields: kept } }
}

/** API objects are JSON. */
function asJson(object: ApiObject): JsonObject {
  return object as unknown as JsonObject
}
