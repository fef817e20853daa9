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
  /** The node's own file; `undefined` where the kubelet was told to use none. */
  readonly host: ResolvConf | undefined
  readonly nodeIps: readonly string[]
}
/** What a pod resolves with, and what its author and the node's should hear about it. */
export type PodResolvConf = {
  readonly resolvConf: ResolvConf
  readonly warnings: readonly { readonly reason: 'DNSConfigForming' | 'MissingClusterDNS'; readonly message: string }[]
}

/** The C library reads three servers at most; upstream cuts the rest. */
const maxServers = 3
const maxSearches = 32
const maxSearchCharacters = 2048
/** Some C libraries give up on longer domains (upstream's `DNS1123SubdomainMaxLength`). */
const maxDomain = 253

/** Reads the text of a resolv.conf; what it does not know it leaves out. */
export function parseResolvConf(text: string): ResolvConf {
  let searches: readonly string[] = []
  const options = new Map<string, string>()
  const servers: string[] = []
  for (const line of text.split('\n')) {
    const [word, ...values] = line.trim().split(/\s+/)
    if (word === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    if (word === 'search')
      searches = values.filter((domain) => domain !== '.').map((domain) => domain.replace(/\.$/, ''))
    if (word === 'options') for (const option of values) options.set(option.split(':')[0] ?? '', option)
  }
  return { servers, searches, options: [...options.values()] }
}

/** What the pod's containers are to resolve with. */
export function podResolvConf(pod: Pod, settings: DnsSettings): PodResolvConf {
  const { base, isMissing } = byPolicy(pod, settings)
  const { resolvConf, warnings } = limited(withPodConfig(base, pod))
  return { resolvConf, warnings: [...(isMissing ? [missingClusterDns] : []), ...warnings] }
}

const missingClusterDns = {
  reason: 'MissingClusterDNS',
  message:
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.',
} as const

function byPolicy(
  pod: Pod,
  { clusterDns, clusterDomain, host, nodeIps }: DnsSettings,
): { readonly base: ResolvConf; readonly isMissing: boolean } {
  const hostNetwork = pod.spec.hostNetwork === true
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'None') return { base: { servers: [], searches: [], options: [] }, isMissing: false }
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !hostNetwork)
  if (!cluster || clusterDns.length === 0) return { base: host ?? withoutHost(nodeIps), isMissing: cluster }
  const domains =
    clusterDomain === ''
      ? []
      : [`${pod.metadata.namespace ?? ''}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
  const searches = unique([...domains, ...(host?.searches ?? [])])
  return { base: { servers: clusterDns, searches, options: ['ndots:5'] }, isMissing: false }
}

/** The servers that the C library takes for granted where none are named, written out so that the runtime adds no others. */
function withoutHost(nodeIps: readonly string[]): ResolvConf {
  const own = nodeIps.map((ip) => (ip.includes(':') ? '::1' : '127.0.0.1'))
  return { servers: own.length === 0 ? ['127.0.0.1'] : own, searches: ['.'], options: [] }
}

function withPodConfig(base: ResolvConf, { spec }: Pod): ResolvConf {
  if (spec.dnsConfig === undefined) return base
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig
  const merged = new Map(base.options.map((text) => [text.split(':')[0] ?? '', text]))
  for (const { name = '', value } of options)
    merged.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  return {
    servers: unique([...base.servers, ...nameservers]),
    searches: unique([...base.searches, ...searches]),
    options: [...merged.values()],
  }
}

function limited({ servers, searches, options }: ResolvConf): PodResolvConf {
  const keptServers = servers.slice(0, maxServers)
  const kept = searches.slice(0, maxSearches).filter((search) => search.length <= maxDomain)
  while (kept.join(' ').length > maxSearchCharacters) kept.pop()
  const warnings: PodResolvConf['warnings'][number][] = []
  if (keptServers.length < servers.length)
    warnings.push(forming('Nameserver limits were exceeded, some nameservers', 'nameserver', keptServers))
  if (kept.length < searches.length)
    warnings.push(forming('Search Line limits were exceeded, some search paths', 'search', kept))
  return { resolvConf: { servers: keptServers, searches: kept, options }, warnings }
}

function forming(what: string, line: string, applied: readonly string[]): PodResolvConf['warnings'][number] {
  const message = `${what} have been omitted, the applied ${line} line is: ${applied.join(' ')}`
  return { reason: 'DNSConfigForming', message }
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
