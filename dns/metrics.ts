/** Figures under CoreDNS' names, so that its dashboards show them. Counted in plain numbers and read when they are asked for. */
import type { Buckets } from '../component-base/buckets.ts'
import { createRegistry, type Registry } from '../component-base/metrics.ts'
import {
  bucketTallies,
  type Count,
  countTallies,
  type Labels,
  registerGauge,
  type Samples,
  type Tallies,
} from '../component-base/tallies.ts'

/** The version that `coredns_build_info` tells: the CoreDNS whose configuration and figures this server follows. */
export const followedVersion = '1.14.7'

/** Doubling from a quarter of a millisecond. */
const timeBounds = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i)
const sizeBounds = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3]
/** From a millisecond to half an hour, doubling (CoreDNS' kubernetes plugin). */
const programmingBounds = Array.from({ length: 20 }, (_, i) => 0.001 * 2 ** i)

const counters = {
  coredns_dns_requests_total: {
    help: 'Counter of DNS requests made per zone, protocol and family.',
    labelNames: ['server', 'zone', 'view', 'proto', 'family', 'type'],
  },
  coredns_dns_do_requests_total: {
    help: 'Counter of DNS requests with DO bit set per zone.',
    labelNames: ['server', 'zone', 'view'],
  },
  coredns_dns_responses_total: {
    help: 'Counter of response status codes.',
    labelNames: ['server', 'zone', 'view', 'rcode', 'plugin'],
  },
  coredns_panics_total: { help: 'A metrics that counts the number of panics.', labelNames: [] },
  coredns_cache_requests_total: { help: 'The count of cache requests.', labelNames: ['server', 'zones', 'view'] },
  coredns_cache_hits_total: { help: 'The count of cache hits.', labelNames: ['server', 'type', 'zones', 'view'] },
  coredns_cache_misses_total: {
    help: 'The count of cache misses. Deprecated, derive misses from cache hits/requests counters.',
    labelNames: ['server', 'zones', 'view'],
  },
  coredns_cache_prefetch_total: {
    help: 'The number of times the cache has prefetched a cached item.',
    labelNames: ['server', 'zones', 'view'],
  },
  coredns_cache_drops_total: {
    help: 'The number responses that are not cached, because the reply is malformed.',
    labelNames: ['server', 'zones', 'view'],
  },
  coredns_cache_served_stale_total: {
    help: 'The number of requests served from stale cache entries.',
    labelNames: ['server', 'zones', 'view'],
  },
  coredns_cache_evictions_total: {
    help: 'The count of cache evictions.',
    labelNames: ['server', 'type', 'zones', 'view'],
  },
  coredns_forward_healthcheck_broken_total: {
    help: 'Counter of the number of complete failures of the healthchecks.',
    labelNames: [],
  },
  coredns_forward_max_concurrent_rejects_total: {
    help: 'Counter of the number of queries rejected because the concurrent queries were at maximum.',
    labelNames: [],
  },
  coredns_forward_requests_total: { help: 'Counter of requests made per upstream.', labelNames: ['to'] },
  coredns_forward_responses_total: {
    help: 'Counter of responses received per upstream.',
    labelNames: ['to', 'rcode'],
  },
  coredns_proxy_conn_cache_hits_total: {
    help: 'Counter of connection cache hits per upstream and protocol.',
    labelNames: ['proxy_name', 'to', 'proto'],
  },
  coredns_proxy_conn_cache_misses_total: {
    help: 'Counter of connection cache misses per upstream and protocol.',
    labelNames: ['proxy_name', 'to', 'proto'],
  },
  coredns_proxy_healthcheck_failures_total: {
    help: 'Counter of the number of failed healthchecks.',
    labelNames: ['proxy_name', 'to'],
  },
  coredns_acl_blocked_requests_total: {
    help: 'Counter of DNS requests being blocked.',
    labelNames: ['server', 'zone', 'view'],
  },
  coredns_acl_filtered_requests_total: {
    help: 'Counter of DNS requests being filtered.',
    labelNames: ['server', 'zone', 'view'],
  },
  coredns_acl_dropped_requests_total: {
    help: 'Counter of DNS requests being dropped.',
    labelNames: ['server', 'zone', 'view'],
  },
  coredns_acl_allowed_requests_total: {
    help: 'Counter of DNS requests being allowed.',
    labelNames: ['server', 'view'],
  },
  coredns_autopath_success_total: { help: 'Counter of requests that did autopath.', labelNames: ['server'] },
  coredns_reload_failed_total: { help: 'Counter of the number of failed reload attempts.', labelNames: [] },
} as const

const histograms = {
  coredns_dns_request_duration_seconds: {
    help: 'Histogram of the time (in seconds) each request took per zone. Answers kept ready are measured one in 64, those of the UDP threads not at all.',
    labelNames: ['server', 'zone', 'view'],
    bounds: timeBounds,
  },
  coredns_dns_request_size_bytes: {
    help: 'Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.',
    labelNames: ['server', 'zone', 'view', 'proto'],
    bounds: sizeBounds,
  },
  coredns_dns_response_size_bytes: {
    help: 'Size of the returned response in bytes.',
    labelNames: ['server', 'zone', 'view', 'proto'],
    bounds: sizeBounds,
  },
  coredns_proxy_request_duration_seconds: {
    help: 'Histogram of the time each request took.',
    labelNames: ['proxy_name', 'to', 'rcode'],
    bounds: timeBounds,
  },
  coredns_forward_request_duration_seconds: {
    help: 'Histogram of the time each request took.',
    labelNames: ['to', 'rcode'],
    bounds: timeBounds,
  },
  coredns_kubernetes_dns_programming_duration_seconds: {
    help: 'Histogram of the time (in seconds) it took to program a dns instance.',
    labelNames: ['service_kind'],
    bounds: programmingBounds,
  },
} as const

const gauges = {
  coredns_cache_entries: {
    help: 'The number of elements in the cache.',
    labelNames: ['server', 'type', 'zones', 'view'],
  },
  coredns_plugin_enabled: {
    help: 'A metric that indicates whether a plugin is enabled on per server and zone basis.',
    labelNames: ['server', 'zone', 'view', 'name'],
  },
  coredns_hosts_entries: { help: 'The combined number of entries in hosts and Corefile.', labelNames: [] },
  coredns_reload_version_info: {
    help: "A metric with a constant '1' value labeled by hash, and value which type of hash generated.",
    labelNames: ['hash', 'value'],
  },
  coredns_build_info: {
    help: "A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.",
    labelNames: ['version', 'revision', 'goversion'],
  },
} as const

/** Where a query was answered. */
export type Place = { readonly server: string; readonly zone: string }

/** One answered query. */
export type Answered = {
  readonly place: Place
  readonly proto: 'udp' | 'tcp'
  readonly family: '1' | '2'
  readonly type: string
  readonly rcode: string
  readonly plugin: string
}

/** The counters, by name; what is asked for a second time is the same counter. */
export class DnsMetrics {
  readonly registry: Registry = createRegistry()
  readonly #counts = new Map<string, Tallies<Count>>()
  readonly #buckets = new Map<string, Tallies<Buckets>>()
  readonly #readers = new Set<() => void>()
  readonly #gauges = new Map<string, (() => Samples<number>)[]>()

  constructor() {
    for (const [name, facts] of Object.entries(counters))
      this.#counts.set(name, countTallies(this.registry, { name, ...facts }))
    for (const [name, { bounds, ...facts }] of Object.entries(histograms))
      this.#buckets.set(name, bucketTallies(this.registry, { name, ...facts }, bounds))
    for (const [name, facts] of Object.entries(gauges)) {
      const sources: (() => Samples<number>)[] = []
      this.#gauges.set(name, sources)
      registerGauge(this.registry, { name, ...facts }, () => sources.flatMap((source) => source()))
    }
    this.gauge('coredns_build_info', () => [
      { labels: { version: followedVersion, revision: '', goversion: process.version }, value: 1 },
    ])
  }

  count(name: keyof typeof counters, labels: Labels): Count {
    return found(this.#counts, name).of(Object.values(labels).join('\n'), () => labels)
  }

  buckets(name: keyof typeof histograms, labels: Labels): Buckets {
    return found(this.#buckets, name).of(Object.values(labels).join('\n'), () => labels)
  }

  /** Adds a source; the function returned takes it away again. */
  gauge(name: keyof typeof gauges, source: () => Samples<number>): () => void {
    const sources = found(this.#gauges, name)
    sources.push(source)
    return () => {
      sources.splice(sources.indexOf(source), 1)
    }
  }

  /** Calls `listener` before figures are read; the function returned ends that. */
  onRead(listener: () => void): () => void {
    this.#readers.add(listener)
    return () => this.#readers.delete(listener)
  }

  /** All figures as text. */
  async read(): Promise<string> {
    for (const reader of this.#readers) reader()
    return await this.registry.metrics()
  }

  /** Counts `times` answers of one kind. */
  answered({ place, proto, family, type, rcode, plugin }: Answered, times = 1): void {
    const own = { server: place.server, zone: place.zone, view: '' }
    this.count('coredns_dns_requests_total', { ...own, proto, family, type }).add(times)
    this.count('coredns_dns_responses_total', { ...own, rcode, plugin }).add(times)
  }
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name)
  if (value === undefined) throw new Error(`no metric ${name}`)
  return value
}

/** Types that have a label of their own; CoreDNS counts all others together. */
const countedTypes: ReadonlySet<string> = new Set([
  'AAAA',
  'A',
  'CNAME',
  'DNSKEY',
  'DS',
  'MX',
  'NSEC3',
  'NSEC',
  'NS',
  'PTR',
  'RRSIG',
  'SOA',
  'SRV',
  'TXT',
  'HTTPS',
  'ANY',
  'IXFR',
  'AXFR',
])

/** The label of a type. */
export function typeLabel(name: string): string {
  return countedTypes.has(name) ? name : 'other'
}
