/**
 * What the checker knows of `request` and `namespaceObject`; `object`, `oldObject` and `params` are dynamic when an expression is
 * compiled. Source: upstream's `BuildRequestType` and `BuildNamespaceType`, with their misprint `UID`.
 */
import { type ObjectType, typesByName } from '../../../apimachinery/cel/object-type.ts'
import { type CelType, celTypes, listOf, mapOf, objectType } from '../../../apimachinery/cel/types.ts'

const { string, bool, int, dyn, timestamp } = celTypes

function struct(name: string, fields: Readonly<Record<string, CelType>>): ObjectType {
  return { name, fields: new Map(Object.entries(fields).map(([field, type]) => [field, { type }])) }
}

const kind = struct('kubernetes.GroupVersionKind', { group: string, version: string, kind: string })
const resource = struct('kubernetes.GroupVersionResource', { group: string, version: string, resource: string })
const userInfo = struct('kubernetes.UserInfo', {
  username: string,
  uid: string,
  groups: listOf(string),
  extra: mapOf(string, listOf(string)),
})
const request = struct('kubernetes.AdmissionRequest', {
  kind: objectType(kind.name),
  resource: objectType(resource.name),
  subResource: string,
  requestKind: objectType(kind.name),
  requestResource: objectType(resource.name),
  requestSubResource: string,
  name: string,
  namespace: string,
  operation: string,
  userInfo: objectType(userInfo.name),
  dryRun: bool,
  options: dyn,
})

const namespaceSpec = struct('kubernetes.NamespaceSpec', { finalizers: listOf(string) })
const namespaceCondition = struct('kubernetes.NamespaceCondition', {
  status: string,
  type: string,
  lastTransitionTime: timestamp,
  message: string,
  reason: string,
})
const namespaceStatus = struct('kubernetes.NamespaceStatus', {
  conditions: listOf(objectType(namespaceCondition.name)),
  phase: string,
})
const namespaceMetadata = struct('kubernetes.NamespaceMetadata', {
  name: string,
  generateName: string,
  namespace: string,
  labels: mapOf(string, string),
  annotations: mapOf(string, string),
  UID: string,
  creationTimestamp: timestamp,
  deletionGracePeriodSeconds: int,
  deletionTimestamp: timestamp,
  generation: int,
  resourceVersion: string,
  finalizers: listOf(string),
})
const namespace = struct('kubernetes.Namespace', {
  metadata: objectType(namespaceMetadata.name),
  spec: objectType(namespaceSpec.name),
  status: objectType(namespaceStatus.name),
})

/** The type of the variable `request`. */
export const requestType = objectType(request.name)
/** The type of the variable `namespaceObject`. */
export const namespaceType = objectType(namespace.name)

/** The structs behind both. */
export const admissionTypes = typesByName([
  kind,
  resource,
  userInfo,
  request,
  namespaceSpec,
  namespaceCondition,
  namespaceStatus,
  namespaceMetadata,
  namespace,
])
