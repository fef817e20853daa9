/** What the ingress controller needs in the cluster: roles, its class, and a Service that it stands behind. Pure. */
import { type FamilyAddresses, familiesOf, type NodeLayout } from './layout.ts'
import { type Manifest, namespacedRole, role } from './manifest.ts'
import type { LocalOptions } from './options.ts'

const user = 'system:ingress'
const read = ['get', 'list', 'watch']
const election = 'ingress-controller-leader'
const service = { name: 'ingress', namespace: 'kube-system' }
const labels = { 'app.kubernetes.io/name': 'ingress' }
const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'https', port: 443, protocol: 'TCP' },
]

/** The flags for the addresses in the status of Ingresses: those of the Service, or those of the nodes. */
export function ingressAddressFlags(
  options: LocalOptions,
  nodes: readonly NodeLayout[],
  node: NodeLayout,
): readonly string[] {
  if (options.hasLoadBalancer) {
    return [
      `--publish-service=${service.namespace}/${service.name}`,
      `--node-name=${node.name}`,
      `--endpoint-address=${node.addresses.join(',')}`,
    ]
  }
  return [`--publish-status-address=${nodes.flatMap(({ addresses }) => addresses).join(',')}`]
}

/** Roles always; class and Service when there is a controller to serve them. */
export function ingressManifests(options: LocalOptions, nodes: readonly NodeLayout[]): readonly Manifest[] {
  if (!options.hasIngress || nodes.length === 0) return roles(nodes)
  return [
    ...roles(nodes),
    ingressClass,
    ...(options.hasLoadBalancer ? [loadBalancer(familiesOf(options.ipFamily))] : []),
  ]
}

function roles(nodes: readonly NodeLayout[]): readonly Manifest[] {
  const slices = nodes.flatMap(({ name }) => [`${service.name}-${name}-ipv4`, `${service.name}-${name}-ipv6`])
  const discovery = { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] }
  return [
    ...role(user, user, [
      { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: read },
      { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['patch'] },
      // Certificates may be in any Secret.
      { apiGroups: [''], resources: ['services', 'secrets'], verbs: read },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    ]),
    ...namespacedRole(service.namespace, user, user, [
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        resourceNames: [election],
        verbs: ['get', 'update'],
      },
      // Each instance says by a slice of its own that it takes requests; to apply is to create, too.
      { ...discovery, verbs: ['create'] },
      { ...discovery, resourceNames: slices, verbs: ['patch'] },
    ]),
  ]
}

const ingressClass: Manifest = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name: 'kubets', labels, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
  spec: { controller: 'kubets.io/ingress' },
}

/** The controllers see who asks: with policy Local nobody changes the source address. */
function loadBalancer(families: readonly FamilyAddresses[]): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...service, labels },
    spec: {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ipFamilyPolicy: families.length > 1 ? 'PreferDualStack' : 'SingleStack',
      ports: ports.map((port) => ({ ...port, targetPort: port.port })),
    },
  }
}
