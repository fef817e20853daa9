/** Figures of the ingress controller. Those of an Ingress go with it, so that they cannot grow without limit. */
import { Buckets } from '../component-base/buckets.ts'
import { createRegistry, type Registry } from '../component-base/metrics.ts'
import { Count, countTallies, registerCounter, registerGauge, registerHistogram } from '../component-base/tallies.ts'
import type { Route } from './table/table.ts'

export type IngressMetrics = {
  readonly registry: Registry
  readonly observe: (request: {
    readonly route: Route | undefined
    /** 499: the client went away before it had the whole answer. */
    readonly status: number
    readonly seconds: number
  }) => void
  /** A request to an endpoint failed before an answer; `phase` says how far it got. */
  readonly failed: (phase: string) => void
  readonly upgraded: () => void
  /** A table was built from these Ingresses, by `namespace/name`. */
  readonly rebuilt: (ingresses: ReadonlySet<string>) => void
  readonly setCertificates: (expiry: ReadonlyMap<string, number>) => void
}

type Tally = {
  readonly labels: { readonly namespace: string; readonly ingress: string; readonly service: string }
  readonly byStatus: Map<number, Count>
  readonly durations: Buckets
}

const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const labelNames = ['namespace', 'ingress', 'service']

/** Makes the registry and what feeds it. */
export function createIngressMetrics(): IngressMetrics {
  const registry = createRegistry()
  const tallies = new Map<string, Tally>()
  registerCounter(
    registry,
    {
      name: 'ingress_requests_total',
      help: 'Requests answered, by Ingress, Service and status.',
      labelNames: [...labelNames, 'status'],
    },
    () =>
      [...tallies.values()].flatMap(({ labels, byStatus }) =>
        [...byStatus].map(([status, { value }]) => ({ labels: { ...labels, status: String(status) }, value })),
      ),
  )
  registerHistogram(
    registry,
    {
      name: 'ingress_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer.',
      labelNames,
    },
    () => [...tallies.values()].map(({ labels, durations }) => ({ labels, value: durations })),
  )
  const failures = countTallies(registry, {
    name: 'ingress_endpoint_failures_total',
    help: 'Requests to endpoints that failed before an answer, by how far they got.',
    labelNames: ['phase'],
  })
  const upgrades = countTallies(registry, {
    name: 'ingress_upgrades_total',
    help: 'Connections that became tunnels.',
    labelNames: [],
  })
  const rebuilds = countTallies(registry, {
    name: 'ingress_table_builds_total',
    help: 'Times that the routing table was built.',
    labelNames: [],
  })
  let served = 0
  registerGauge(
    registry,
    { name: 'ingress_ingresses', help: 'Ingresses that this controller serves.', labelNames: [] },
    () => [{ labels: {}, value: served }],
  )
  let expiries: ReadonlyMap<string, number> = new Map()
  registerGauge(
    registry,
    {
      name: 'ingress_certificate_expire_time_seconds',
      help: 'When the certificate of a host runs out, in seconds since 1970.',
      labelNames: ['host'],
    },
    () => [...expiries].map(([host, value]) => ({ labels: { host }, value })),
  )
  return {
    registry,
    observe: ({ route, status, seconds }) => {
      const tally = tallyOf(tallies, route)
      const count = tally.byStatus.get(status) ?? new Count()
      tally.byStatus.set(status, count)
      count.add()
      tally.durations.observe(seconds)
    },
    failed: (phase) => failures.of(phase, () => ({ phase })).add(),
    upgraded: () => upgrades.of('', () => ({})).add(),
    rebuilt: (ingresses) => {
      rebuilds.of('', () => ({})).add()
      served = ingresses.size
      for (const [key, { labels }] of tallies) {
        if (labels.ingress !== '' && !ingresses.has(`${labels.namespace}/${labels.ingress}`)) tallies.delete(key)
      }
    },
    setCertificates: (expiry) => {
      expiries = expiry
    },
  }
}

function tallyOf(tallies: Map<string, Tally>, route: Route | undefined): Tally {
  const { namespace = '', ingress = '' } = route ?? {}
  const service = route?.backend.service ?? ''
  const key = `${namespace}/${ingress}/${service}`
  const known = tallies.get(key)
  if (known !== undefined) return known
  const tally = {
    labels: { namespace, ingress, service },
    byStatus: new Map<number, Count>(),
    durations: new Buckets(bounds),
  }
  tallies.set(key, tally)
  return tally
}
