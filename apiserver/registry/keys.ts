import type { Resource } from '../../api/resource.ts'
import { StatusError } from '../../apimachinery/status.ts'

/** The prefix of a resource's keys, `/registry/pods`; a version that is stored as another uses that one's. */
export function storagePrefix(resource: Resource): string {
  const facts = resource.storedAs?.facts ?? resource.facts
  if (facts.storagePrefix === undefined) throw methodNotAllowed()
  return facts.storagePrefix
}

/** The key of one object: `/registry/pods/default/web`. */
export function storageKey(resource: Resource, namespace: string, name: string): string {
  return `${collectionPrefix(resource, namespace)}${name}`
}

/** What the keys of a collection start with; namespace `''` is all of them. */
export function collectionPrefix(resource: Resource, namespace: string): string {
  const prefix = storagePrefix(resource)
  return resource.facts.namespaced && namespace !== '' ? `${prefix}/${namespace}/` : `${prefix}/`
}

/** 405 in upstream's words. */
export function methodNotAllowed(): StatusError {
  return new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}
