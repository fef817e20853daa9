/** What service-lb may do in the cluster: no more than it does. Pure. */
import { type Manifest, namespacedRole, role } from './manifest.ts'

const user = 'system:service-lb'
const read = ['get', 'list', 'watch']

/** Roles of service-lb. */
export const loadBalancerManifests: readonly Manifest[] = [
  ...role(user, user, [
    // Finalizers are part of the object, addresses of its status.
    { apiGroups: [''], resources: ['services'], verbs: [...read, 'patch'] },
    { apiGroups: [''], resources: ['services/status'], verbs: ['patch'] },
    { apiGroups: [''], resources: ['nodes'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  ]),
  ...namespacedRole('kube-system', user, user, [
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      verbs: [...read, 'create', 'update', 'patch', 'delete'],
    },
  ]),
]
