/** Figures under CoreDNS' names, so that its dashboards show them. Counted in plain numbers and read when they are asked for. */
import { Counter, createRegistry, Gauge, Histogram, type Registry } from '../component-base/metrics.ts'
import type { ForwarderCounts } from './forward/forwarder.ts'

/** Notes one answered query. */
export type Observe = (answer: {
  readonly protocol: 'udp' | 'tcp'
  readonly rcode: number
  readonly seconds: number
}) => void

const rcodeNames = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const

/** The registry and the function that feeds it. */
export function createDnsMetrics(
  server: string,
  forwarder: ForwarderCounts,
): { readonly registry: Registry; readonly observe: Observe } {
  const registry = createRegistry()
  const registers = [registry]
  const counts = new Map<string, number>()
  new Counter({
    name: 'coredns_dns_requests_total',
    help: 'Counter of DNS requests made per protocol.',
    labelNames: ['server', 'proto'],
    registers,
    collect() {
      this.reset()
      for (const proto of ['udp', 'tcp']) {
        const total = [...counts].reduce((sum, [key, value]) => (key.startsWith(proto) ? sum + value : sum), 0)
        this.inc({ server, proto }, total)
      }
    },
  })
  new Counter({
    name: 'coredns_dns_responses_total',
    help: 'Counter of response status codes.',
    labelNames: ['server', 'proto', 'rcode'],
    registers,
    collect() {
      this.reset()
      for (const [key, value] of counts) {
        const [proto = '', rcode = ''] = key.split(' ')
        this.inc({ server, proto, rcode: rcodeNames[Number(rcode)] ?? rcode }, value)
      }
    },
  })
  const duration = new Histogram({
    name: 'coredns_dns_request_duration_seconds',
    help: 'Histogram of the time (in seconds) each request took. One in 64 is measured.',
    labelNames: ['server'],
    buckets: [
      0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192,
    ],
    registers,
  })
  const gauges = {
    coredns_cache_hits_total: 'hits',
    coredns_cache_misses_total: 'misses',
    coredns_forward_requests_total: 'requests',
  } as const
  for (const [name, field] of Object.entries(gauges)) {
    new Gauge({
      name,
      help: `Count of ${field}.`,
      registers,
      collect() {
        this.set(forwarder[field])
      },
    })
  }
  let seen = 0
  return {
    registry,
    observe: ({ protocol, rcode, seconds }) => {
      const key = `${protocol} ${rcode}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
      seen += 1
      if (seen % 64 === 0) duration.observe({ server }, seconds)
    },
  }
}
