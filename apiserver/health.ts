/** What `/livez`, `/readyz` and `/healthz` list, under upstream's names, each with what stands for it here. */
import type { Clock } from '../component-base/clock.ts'
import type { CheckListener, HealthChecks } from '../component-base/health.ts'
import { Counter, Gauge, Registry } from '../component-base/metrics.ts'
import type { WatchCache } from './storage/watch-cache.ts'

/** How far the server is. */
export type ServerState = {
  /** Bootstrap objects are written. */
  readonly bootstrapped: boolean
  /** The loops that begin after that are under way. */
  readonly joined: boolean
  readonly stopping: boolean
}
export type HealthOptions = {
  readonly caches: WatchCache
  readonly state: ServerState
  /** Whether the objects of priority and fairness were written. */
  readonly isConfigured: () => boolean
  readonly clock: Clock
  /** `--livez-grace-period`: how long the start may take before `/livez` says that something is wrong. */
  readonly livezGraceMs: number
}

/** Hooks in upstream's order; the second word says what they wait for here. */
const hooks = [
  ['start-apiserver-admission-initializer', 'caches'],
  ['generic-apiserver-start-informers', 'caches'],
  ['priority-and-fairness-config-consumer', 'caches'],
  ['priority-and-fairness-filter', 'caches'],
  ['storage-object-count-tracker-hook', 'caches'],
  ['start-apiextensions-informers', 'caches'],
  ['start-apiextensions-controllers', 'caches'],
  ['crd-informer-synced', 'caches'],
  ['start-system-namespaces-controller', 'bootstrap'],
  ['start-cluster-authentication-info-controller', 'bootstrap'],
  ['start-kube-apiserver-identity-lease-controller', 'joined'],
  ['start-kube-apiserver-identity-lease-garbage-collector', 'joined'],
  ['storage-readiness', 'caches'],
  ['start-legacy-token-tracking-controller', 'bootstrap'],
  ['start-service-ip-repair-controllers', 'joined'],
  ['rbac/bootstrap-roles', 'bootstrap'],
  ['scheduling/bootstrap-system-priority-classes', 'bootstrap'],
  ['priority-and-fairness-config-producer', 'configured'],
  ['bootstrap-controller', 'joined'],
  ['start-kubernetes-service-cidr-controller', 'bootstrap'],
  ['start-kube-aggregator-informers', 'caches'],
  ['apiservice-status-local-available-controller', 'bootstrap'],
  ['apiservice-status-remote-available-controller', 'bootstrap'],
  ['apiservice-registration-controller', 'bootstrap'],
  ['apiservice-wait-for-first-sync', 'bootstrap'],
  ['apiservice-discovery-controller', 'bootstrap'],
  ['kube-apiserver-autoregistration', 'bootstrap'],
] as const
/** What comes after the check of that registration. */
const lastHooks = [
  ['apiservice-openapi-controller', 'caches'],
  ['apiservice-openapiv3-controller', 'caches'],
] as const

/** Results of the checks as `/metrics/slis` shows them. */
export type SliMetrics = { readonly registry: Registry; readonly observe: CheckListener }

/** Source: `component-base/metrics/prometheus/slis`. */
export function createSliMetrics(): SliMetrics {
  const registry = new Registry()
  const state = new Gauge({
    name: 'kubernetes_healthcheck',
    help: 'This metric records the result of a single healthcheck.',
    labelNames: ['name', 'type'] as const,
    registers: [registry],
  })
  const total = new Counter({
    name: 'kubernetes_healthchecks_total',
    help: 'This metric records the results of all healthcheck.',
    labelNames: ['name', 'type', 'status'] as const,
    registers: [registry],
  })
  return {
    registry,
    observe: (name, type, isGood) => {
      state.set({ name, type }, isGood ? 1 : 0)
      total.inc({ name, type, status: isGood ? 'success' : 'error' })
    },
  }
}

/** Adds all of them. */
export function addServerChecks(health: HealthChecks, options: HealthOptions): void {
  const { caches, state, isConfigured, clock, livezGraceMs } = options
  const startedMs = clock.now()
  const isConnected = (): string | undefined => (caches.isConnected ? undefined : 'etcd is not connected')
  health.add('ping', () => undefined)
  health.add('log', () => undefined)
  health.add('etcd', isConnected)
  health.add('etcd-readiness', isConnected, ['readyz'])
  health.add('informer-sync', () => (caches.isLoaded ? undefined : 'the caches are not filled'), ['readyz'])
  const isDone = {
    caches: () => caches.isLoaded,
    bootstrap: () => state.bootstrapped,
    joined: () => state.joined,
    configured: isConfigured,
  }
  const addHook = (hook: string, after: keyof typeof isDone): void =>
    health.add(`poststarthook/${hook}`, (group) => {
      if (group === 'livez' && clock.now() < startedMs + livezGraceMs) return undefined
      return isDone[after]() ? undefined : 'not finished'
    })
  for (const [hook, after] of hooks) addHook(hook, after)
  health.add('autoregister-completion', () => (state.bootstrapped ? undefined : 'missing APIService'))
  for (const [hook, after] of lastHooks) addHook(hook, after)
  health.add('shutdown', () => (state.stopping ? 'process is shutting down' : undefined), ['readyz'])
}
