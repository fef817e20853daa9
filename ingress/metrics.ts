/** Figures of the ingress controller. */
import { createRegistry, type Registry } from '../component-base/metrics.ts'
import { bucketTallies, countTallies, registerGauge } from '../component-base/tallies.ts'
import type { Route } from './table/table.ts'

export type IngressMetrics = {
  readonly registry: Registry
  readonly observe: (request: {
    readonly route: Route | undefined
    /** 499: the client went away before it had the whole answer. */
    readonly status: number
    readonly seconds: number
  }) => void
  /** A request to an endpoint failed before an answer. */
  readonly failed: (phase: string) => void
  readonly upgraded: () => void
  readonly rebuilt: (routes: number) => void
  readonly setCertificates: (expiry: ReadonlyMap<string, number>) => void
}

const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Makes the registry and what feeds it. */
export function createIngressMetrics(): IngressMetrics {
  const registry = createRegistry()
  const labelNames = ['namespace', 'ingress', 'service', 'status']
  const requests = countTallies(registry, {
    name: 'ingress_requests_total',
    help: 'Requests answered, by Ingress, Service and status.',
    labelNames,
  })
  const durations = bucketTallies(
    registry,
    {
      name: 'ingress_request_duration_seconds',
      help: 'Time from the head of a request to the end of its answer.',
      labelNames: ['namespace', 'ingress', 'service'],
    },
    bounds,
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
  let routeCount = 0
  registerGauge(
    registry,
    { name: 'ingress_ingresses', help: 'Ingresses that this controller serves.', labelNames: [] },
    () => [{ labels: {}, value: routeCount }],
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
      const { namespace = '', ingress = '', backend } = route ?? {}
      const labels = { namespace, ingress, service: backend?.service ?? '' }
      const key = `${namespace}/${ingress}/${labels.service}`
      requests.of(`${key} ${status}`, () => ({ ...labels, status: String(status) })).add()
      durations.of(key, () => labels).observe(seconds)
    },
    failed: (phase) => failures.of(phase, () => ({ phase })).add(),
    upgraded: () => upgrades.of('', () => ({})).add(),
    rebuilt: (routes) => {
      rebuilds.of('', () => ({})).add()
      routeCount = routes
    },
    setCertificates: (expiry) => {
      expiries = expiry
    },
  }
}
