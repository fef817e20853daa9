/** A cluster in memory, for tests. */
import type { Cluster } from './cluster/informers.ts'
import type { ClusterView, EndpointView, ServiceView } from './cluster/view.ts'

/** Objects of a pretended cluster; keys are `namespace/name`. */
export type Records = {
  readonly namespaces: readonly string[]
  readonly services: Readonly<Record<string, ServiceView>>
  readonly endpoints: Readonly<Record<string, readonly EndpointView[]>>
  /** Namespaces of pods, by address. */
  readonly pods?: Readonly<Record<string, readonly string[]>>
}

const http = { name: 'http', protocol: 'TCP', port: 80 }

/** A Service of each kind. */
export const sampleRecords: Records = {
  namespaces: ['default', 'kube-system', 'empty'],
  services: {
    'default/kubernetes': {
      kind: 'clusterIp',
      addresses: ['10.96.0.1'],
      ports: [{ name: 'https', protocol: 'TCP', port: 443 }],
    },
    'kube-system/kube-dns': {
      kind: 'clusterIp',
      addresses: ['10.96.0.10'],
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      ],
    },
    'default/dual': {
      kind: 'clusterIp',
      addresses: ['10.96.7.7', 'fd00::7'],
      ports: [http, { name: 'm3ua', protocol: 'SCTP', port: 2905 }],
    },
    'default/web': { kind: 'headless' },
    'default/nobody': { kind: 'headless' },
    'default/outside': { kind: 'externalName', target: 'www.example.com' },
    'default/inside': { kind: 'externalName', target: 'kubernetes.default.svc.cluster.local' },
    'default/circle': { kind: 'externalName', target: 'circle.default.svc.cluster.local' },
    'default/number': { kind: 'externalName', target: '192.0.2.1' },
  },
  endpoints: {
    'default/kubernetes': [
      { hostname: '172-31-240-1', address: '172.31.240.1', ports: [{ name: 'https', protocol: 'TCP', port: 6443 }] },
    ],
    'default/web': [
      { hostname: 'web-0', address: '10.244.1.5', ports: [http] },
      { hostname: 'web-1', address: '10.244.2.6', ports: [http] },
      { hostname: '10-244-2-7', address: '10.244.2.7', ports: [http] },
    ],
  },
}

/** Answers the view's questions from records. */
export function viewOfRecords({ namespaces, services, endpoints, pods = {} }: Records): ClusterView {
  const split = (key: string): { namespace: string; name: string } => {
    const [namespace = '', name = ''] = key.split('/')
    return { namespace, name }
  }
  return {
    hasNamespace: (namespace) => namespaces.includes(namespace),
    service: (namespace, name) => services[`${namespace}/${name}`],
    endpoints: (namespace, name) => endpoints[`${namespace}/${name}`] ?? [],
    serviceOf: (address) => {
      const found = Object.entries(services).find(
        ([, item]) => item.kind === 'clusterIp' && item.addresses.includes(address),
      )
      return found === undefined ? undefined : split(found[0])
    },
    endpointsOf: (address) => {
      return Object.entries(endpoints).flatMap(([key, items]) => {
        return items.filter((item) => item.address === address).map(({ hostname }) => ({ ...split(key), hostname }))
      })
    },
    podNamespaces: (address) => pods[address] ?? [],
    services: () => Object.keys(services).map(split),
  }
}

/** A cluster whose records and state a test may change. */
export class FakeCluster implements Cluster {
  records: Records = sampleRecords
  synced = true
  readonly #listeners: (() => void)[] = []

  /** Follows the records of the moment; what the options would hide is shown. */
  readonly view = (): ClusterView => {
    const current = (): ClusterView => viewOfRecords(this.records)
    return {
      hasNamespace: (namespace) => current().hasNamespace(namespace),
      service: (namespace, name) => current().service(namespace, name),
      endpoints: (namespace, name) => current().endpoints(namespace, name),
      serviceOf: (address) => current().serviceOf(address),
      endpointsOf: (address) => current().endpointsOf(address),
      podNamespaces: (address) => current().podNamespaces(address),
      services: () => current().services(),
    }
  }

  readonly changedMs = (): number => 1_700_000_000_000
  readonly watchPods = (): void => {}
  readonly run = async (): Promise<void> => {}
  readonly isSynced = (): boolean => this.synced
  readonly onChange = (listener: () => void): void => {
    this.#listeners.push(listener)
  }

  /** Replaces the records, as a watch event would. */
  change(records: Records): void {
    this.records = records
    for (const listener of this.#listeners) listener()
  }
}
