/** What service-lb may do in the cluster: no more than it does. Pure. */
import { type Manifest, namespacedRole, role } from './manifest.ts'

const user = 'system:service-lb'
const read = ['get', 'list', 'watch']

/** Roles of service-lb on these nodes. */
export function loadBalancerManifests(nodeNames: readonly string[]): readonly Manifest[] {
  const apiGroups = ['coordination.k8s.io']
  const resources = ['leases']
  const own = ['service-lb', ...nodeNames.map((name) => `service-lb-${name}`)]
  return [
    ...role(user, user, [
      // Finalizers are part of the object, addresses of its status.
      { apiGroups: [''], resources: ['services'], verbs: [...read, 'patch'] },
      { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['nodes'], verbs: read },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    ]),
    ...namespacedRole('kube-system', user, user, [
      // Names cannot be told before an object is there, nor when many are asked for.
      { apiGroups, resources, verbs: ['list', 'watch', 'create'] },
      { apiGroups, resources, resourceNames: own, verbs: ['get', 'update', 'patch', 'delete'] },
    ]),
  ]
}
