/** The objects that every cluster has from its first moment, as drafts. Pure. */

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

export type ServiceFacts = {
  readonly clusterIp: string
  readonly address: string
  readonly port: number
}

/** The Service `kubernetes` and what is behind it. */
export function kubernetesService({ clusterIp, address, port }: ServiceFacts): readonly BootstrapObject[] {
  const name = 'kubernetes'
  return [
    {
      group: '',
      plural: 'services',
      namespace: 'default',
      draft: {
        metadata: { name, labels: { component: 'apiserver', provider: 'kubernetes' } },
        spec: {
          type: 'ClusterIP',
          clusterIP: clusterIp,
          clusterIPs: [clusterIp],
          ipFamilies: ['IPv4'],
          ipFamilyPolicy: 'SingleStack',
          sessionAffinity: 'None',
          ports: [{ name: 'https', protocol: 'TCP', port: 443, targetPort: port }],
        },
      },
    } as BootstrapObject,
    {
      group: '',
      plural: 'endpoints',
      namespace: 'default',
      draft: {
        metadata: { name, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
      },
    } as BootstrapObject,
    {
      group: 'discovery.k8s.io',
      plural: 'endpointslices',
      namespace: 'default',
      draft: {
        metadata: { name, labels: { 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [address], conditions: { ready: true } }],
        ports: [{ name: 'https', port, protocol: 'TCP' }],
      },
    } as BootstrapObject,
  ]
}

/** The range that cluster IPs come from, as an object. */
export function serviceCidr(cidr: string): BootstrapObject {
  return {
    group: 'networking.k8s.io',
    plural: 'servicecidrs',
    namespace: '',
    draft: { metadata: { name: 'kubernetes' }, spec: { cidrs: [cidr] } },
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
