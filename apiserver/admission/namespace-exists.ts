/** NamespaceExists and NamespaceAutoProvision: what to do with content of namespaces that nobody has made. Off by default. */
import { hasReason, notFound } from '../../apimachinery/status.ts'
import { loopbackUser } from '../authn/user.ts'
import type { Store } from '../registry/store.ts'
import { find, kinds, type Lookup } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { unchanged } from './request.ts'

/** Refuses it. */
export function namespaceExists(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    validate: async (request, signal) => {
      if (request.operation === 'CONNECT' || !isInside(request)) return
      const namespace = await find(lookup, kinds.namespaces, '', request.namespace, signal)
      if (namespace === undefined) throw notFound(kinds.namespaces.facts, request.namespace)
    },
  }
}

/** Makes the namespace. */
export function namespaceAutoProvision(lookup: Lookup, store: Pick<Store, 'resource' | 'create'>): AdmissionPlugin {
  return {
    name: 'NamespaceAutoProvision',
    mutate: async (request, signal) => {
      if (request.operation !== 'CREATE' || request.dryRun || !isInside(request)) return unchanged(request)
      const found = await find(lookup, kinds.namespaces, '', request.namespace, signal)
      const resource = store.resource('', 'namespaces')
      if (found !== undefined || resource === undefined) return unchanged(request)
      const draft = { metadata: { name: request.namespace } }
      try {
        await store.create(resource, '', draft, { user: loopbackUser }, signal)
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error
      }
      return unchanged(request)
    },
  }
}

function isInside({ namespace, resource }: AdmissionRequest): boolean {
  return namespace !== '' && !(resource.facts.group === '' && resource.facts.plural === 'namespaces')
}
