/** What `npm start` puts into the cluster: the roles of flanneld and DNS, the DNS Service with the nodes' addresses behind it, and its Corefile. */
import type { Client } from '../../client/rest/client.ts'
import { corefileRole, createCorefile } from './corefile.ts'
import { ingressManifests } from './ingress.ts'
import { type FamilyAddresses, familiesOf, type NodeLayout } from './layout.ts'
import { loadBalancerManifests } from './load-balancer.ts'
import { binding, type Manifest, pathOf, role } from './manifest.ts'
import type { LocalOptions } from './options.ts'

/** Applies every manifest server-side: what is there already stays as it is. */
export async function applyManifests(
  client: Client,
  nodes: readonly NodeLayout[],
  options: LocalOptions,
  signal: AbortSignal,
): Promise<void> {
  for (const manifest of manifestsFor(nodes, options)) {
    await client.raw(
      {
        method: 'PATCH',
        path: `${pathOf(manifest)}?fieldManager=kubets-local&force=true`,
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: JSON.stringify(manifest),
      },
      signal,
    )
  }
  await createCorefile(client, signal)
}

/** Pure. Nodes run DNS themselves, so the Service has no selector and the slice names the nodes' addresses. */
export function manifestsFor(nodes: readonly NodeLayout[], options: LocalOptions): readonly Manifest[] {
  const [primary] = familiesOf(options.ipFamily)
  return [
    ...roles,
    ...loadBalancerManifests(nodes.map(({ name }) => name)),
    ...ingressManifests(options, nodes),
    ...(nodes.length === 0 ? [] : [dnsService(primary), dnsEndpoints(primary, nodes)]),
  ]
}

const roles: readonly Manifest[] = [
  ...role('flannel', 'system:flannel', [
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch', 'patch'] },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  ]),
  // Beside system:node-proxier, which knows Services only: kube-proxy enforces NetworkPolicies too.
  ...role('kubets:network-policies', 'system:kube-proxy', [
    { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'watch'] },
  ]),
  ...role('system:coredns', 'system:coredns', [
    { apiGroups: [''], resources: ['endpoints', 'services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ]),
  ...corefileRole,
  // As kubeadm: the certificate by which the API server reaches kubelets is an administrator's.
  binding('kubeadm:cluster-admins', 'cluster-admin', { kind: 'Group', name: 'kubeadm:cluster-admins' }),
]

const dnsLabels = { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' }
const dnsPorts = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  { name: 'metrics', port: 9153, protocol: 'TCP' },
]

/** As kubeadm has it, the DNS Service has the first family alone. */
function dnsService({ dns }: FamilyAddresses): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels: dnsLabels },
    spec: { clusterIP: dns, ports: dnsPorts.map((port) => ({ ...port, targetPort: port.port })) },
  }
}

function dnsEndpoints({ family }: FamilyAddresses, nodes: readonly NodeLayout[]): Manifest {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'kube-dns-nodes',
      namespace: 'kube-system',
      labels: { 'kubernetes.io/service-name': 'kube-dns', 'endpointslice.kubernetes.io/managed-by': 'kubets-local' },
    },
    addressType: family,
    ports: dnsPorts,
    endpoints: nodes.map(({ name, addresses: [address] }) => ({
      addresses: [address],
      nodeName: name,
      conditions: { ready: true },
    })),
  }
}
