/** The objects that every cluster has from its first moment, as drafts. Pure. */
import { formatTime } from '../../apimachinery/time.ts'
import { familyOf } from '../registry/service-cidrs.ts'

/** Upstream's system namespaces. */
export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease']

/** `plural` and `group` say what kind of draft it is. */
export type BootstrapObject = {
  readonly group: string
  readonly plural: string
  readonly namespace: string
  readonly draft: { readonly metadata: { readonly name: string } }
}

/** A namespace. */
export function namespaceObject(name: string): BootstrapObject {
  return {
    group: '',
    plural: 'namespaces',
    namespace: '',
    draft: { metadata: { name } },
  }
}

/** The two classes that system pods name. */
export const priorityClasses: readonly BootstrapObject[] = [
  {
    name: 'system-node-critical',
    value: 2000001000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2000000000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
].map(({ name, value, description }) => ({
  group: 'scheduling.k8s.io',
  plural: 'priorityclasses',
  namespace: '',
  draft: { metadata: { name }, value, description },
}))

const kubernetes = 'kubernetes'

/** The Service `kubernetes`. */
export function kubernetesService(clusterIp: string, port: number): BootstrapObject {
  return {
    group: '',
    plural: 'services',
    namespace: 'default',
    draft: {
      metadata: { name: kubernetes, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP: clusterIp,
        clusterIPs: [clusterIp],
        ipFamilies: [familyOf(clusterIp)],
        ipFamilyPolicy: 'SingleStack',
        sessionAffinity: 'None',
        ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
      },
    },
  } as BootstrapObject
}

/** What is behind it: an Endpoints object and its slice. */
export function kubernetesEndpoints(addresses: readonly string[], port: number): readonly EndpointsDraft[] {
  const ports = [{ name: 'https', port, protocol: 'TCP' }]
  const subset = { addresses: addresses.map((ip) => ({ ip })), ports }
  return [
    {
      group: '',
      plural: 'endpoints',
      namespace: 'default',
      draft: {
        metadata: { name: kubernetes, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: addresses.length === 0 ? [] : [subset],
      },
    } as EndpointsDraft,
    {
      group: 'discovery.k8s.io',
      plural: 'endpointslices',
      namespace: 'default',
      draft: {
        metadata: { name: kubernetes, labels: { 'kubernetes.io/service-name': kubernetes } },
        addressType: familyOf(addresses[0] ?? ''),
        endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
        ports,
      },
    } as EndpointsDraft,
  ]
}

export type EndpointsDraft = BootstrapObject & {
  readonly draft: { readonly metadata: { readonly labels: Readonly<Record<string, string>> } }
}

/** The ranges that cluster IPs come from, as an object. */
export function serviceCidr(cidrs: readonly string[]): BootstrapObject {
  return {
    group: 'networking.k8s.io',
    plural: 'servicecidrs',
    namespace: '',
    draft: { metadata: { name: 'kubernetes' }, spec: { cidrs } },
  } as BootstrapObject
}

/** What aggregated API servers need to trust this one. */
export function authenticationConfigMap(data: Readonly<Record<string, string>>): BootstrapObject {
  return {
    group: '',
    plural: 'configmaps',
    namespace: 'kube-system',
    draft: { metadata: { name: 'extension-apiserver-authentication' }, data },
  } as BootstrapObject
}

/**
 * Since when this cluster marks tokens from Secrets as used: a controller removes what nobody used after that day.
 * Source: `legacytokentracking`, KEP-2799.
 */
export function tokenTrackingConfigMap(nowMs: number): BootstrapObject {
  return {
    group: '',
    plural: 'configmaps',
    namespace: 'kube-system',
    draft: {
      metadata: { name: 'kube-apiserver-legacy-service-account-token-tracking' },
      data: { since: formatTime(nowMs).slice(0, 'YYYY-MM-DD'.length) },
    },
  } as BootstrapObject
}
