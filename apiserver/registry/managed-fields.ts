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
  const kind = `${facts.group}/${facts.plural}`
  if (subresource === 'status') {
    const kept = ['kind', 'apiVersion', 'status', ...(statusAlone.has(kind) ? [] : ['metadata'])]
    return Object.keys(object).filter((field) => !kept.includes(field))
  }
  // Nobody owns what a certificate is asked for: the requester may say it once.
  const spec = kind === 'certificates.k8s.io/certificatesigningrequests' ? ['spec'] : []
  return subresource === '' && facts.subresources?.['status'] !== undefined ? [...spec, 'status'] : spec
}

/** Kinds whose status path cannot change metadata either. Source: `GetResetFields` of their status strategies. */
const statusAlone: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices',
  'flowcontrol.apiserver.k8s.io/flowschemas',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations',
  'networking.k8s.io/servicecidrs',
  'resource.k8s.io/resourceclaims',
  'storage.k8s.io/volumeattachments',
])

function withManagedFieldsOf(object: ApiObject, old: ApiObject | undefined): ApiObject {
  const { managedFields: _given, ...metadata } = object.metadata
  const kept = old?.metadata.managedFields
  return { ...object, metadata: kept === undefined ? metadata : { ...metadata, managedFields: kept } }
}

/** API objects are JSON. */
function asJson(object: ApiObject): JsonObject {
  return object as unknown as JsonObject
}
