/** `/etc/resolv.conf` of a pod by its `dnsPolicy`. Pure. Source: API field `spec.dnsPolicy`, upstream `pkg/kubelet/network/dns`. */
import type { Pod } from '../../api/core/v1.ts'

export type ResolvConf = {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}
export type DnsSettings = {
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  /** The node's own file. */
  readonly host: ResolvConf
}

/** The C library reads three servers at most; upstream cuts the rest. */
const maxServers = 3
const maxSearches = 32
const maxSearchCharacters = 2048

/** Reads the text of a resolv.conf; what it does not know it leaves out. */
export function parseResolvConf(text: string): ResolvConf {
  let searches: readonly string[] = []
  let options: readonly string[] = []
  const servers: string[] = []
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/)
    if (word === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    if (word === 'search') searches = values.map((domain) => (domain === '.' ? domain : domain.replace(/\.$/, '')))
    if (word === 'options') options = values
  }
  return { servers, searches, options }
}

/** What the pod's containers are to resolve with. */
export function podResolvConf(pod: Pod, settings: DnsSettings): ResolvConf {
  return limited(withPodConfig(byPolicy(pod, settings), pod))
}

function byPolicy(pod: Pod, { clusterDns, clusterDomain, host }: DnsSettings): ResolvConf {
  const hostNetwork = pod.spec.hostNetwork === true
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'None') return { servers: [], searches: [], options: [] }
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !hostNetwork)
  if (!cluster || clusterDns.length === 0) return host
  const domains =
    clusterDomain === ''
      ? []
      : [`${pod.metadata.namespace ?? ''}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
  return { servers: clusterDns, searches: unique([...domains, ...host.searches]), options: ['ndots:5'] }
}

function withPodConfig(base: ResolvConf, { spec }: Pod): ResolvConf {
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {}
  const merged = new Map(base.options.map((text) => [text.split(':')[0] ?? '', text]))
  for (const { name = '', value } of options)
    merged.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  return {
    servers: unique([...base.servers, ...nameservers]),
    searches: unique([...base.searches, ...searches]),
    options: [...merged.values()],
  }
}

function limited({ servers, searches, options }: ResolvConf): ResolvConf {
  const kept: string[] = []
  for (const search of searches.slice(0, maxSearches)) {
    if ([...kept, search].join(' ').length <= maxSearchCharacters) kept.push(search)
  }
  return { servers: servers.slice(0, maxServers), searches: kept, options }
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
