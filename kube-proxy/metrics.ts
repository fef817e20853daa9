/** kube-proxy's figures, under upstream's names (pkg/proxy/metrics); which ones there are depends on the mode. */
import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics.ts'
import type { Family } from '../netfilter/iptables.ts'
import type { ModeName, SyncResult } from './mode.ts'

export type ProxyMetrics = {
  readonly observeSync: (family: Family, result: SyncResult, seconds: number) => void
  readonly observeFailure: (family: Family) => void
  /** Unix seconds of the last success. */
  readonly setTimestamp: (family: Family, seconds: number) => void
  /** Unix seconds of the last change that asks for a sync. */
  readonly setQueued: (seconds: number) => void
  readonly countChange: (kind: 'service' | 'endpoint') => void
  /** Every change so far is in the kernel. */
  readonly settleChanges: () => void
  /** From the change of an endpoint, as its slice says, to the kernel. */
  readonly observeProgramming: (family: Family, seconds: number) => void
  /** Services with policy Local for which this node has no endpoint. */
  readonly setNoLocal: (family: Family, internal: number, external: number) => void
  readonly observeFlows: (family: Family, deleted: number, seconds: number) => void
  readonly countHealthz: (path: '/healthz' | '/livez', status: number) => void
}

/** Rules now in the kernel, by table. */
export type RuleCounts = Readonly<Record<string, number>>

const familyNames = { ip: 'IPv4', ip6: 'IPv6' } as const
const syncBuckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index)
const flowBuckets = syncBuckets
const programmingBuckets = [
  ...[0.25, 0.5],
  ...Array.from({ length: 59 }, (_, index) => index + 1),
  ...Array.from({ length: 12 }, (_, index) => 60 + 5 * index),
  ...Array.from({ length: 7 }, (_, index) => 120 + 30 * index),
]

/** Registers the metrics of a mode. `ruleCounts` is asked when somebody reads them. */
export function createProxyMetrics(
  registry: Registry,
  mode: ModeName = 'iptables',
  ruleCounts: (family: Family) => RuleCounts = () => ({}),
): ProxyMetrics {
  const create = factory(registry)
  const syncs = create.histogram('sync_proxy_rules_duration_seconds', 'SyncProxyRules latency in seconds', syncBuckets)
  const byType = mode === 'ipvs' ? undefined : syncsByType(create)
  const failures = create.failures(mode)
  const writtenRules = mode === 'iptables' ? rulesByTable(create, ruleCounts) : undefined
  const last = create.gauge(
    'sync_proxy_rules_last_timestamp_seconds',
    'The last time proxy rules were successfully synced',
  )
  const queued = create.gauge(
    'sync_proxy_rules_last_queued_timestamp_seconds',
    'The last time a sync of proxy rules was queued',
  )
  const changes = { service: create.changes('service', 'Service'), endpoint: create.changes('endpoint', 'Endpoint') }
  const programming = create.histogram(
    'network_programming_duration_seconds',
    'In Cluster Network Programming Latency in seconds',
    programmingBuckets,
  )
  const noLocal = create.gauge(
    'sync_proxy_rules_no_local_endpoints_total',
    'Number of services with a Local traffic policy and no endpoints',
    ['traffic_policy', 'ip_family'],
  )
  const flowSyncs = create.histogram(
    'conntrack_reconciler_sync_duration_seconds',
    'ReconcileConntrackFlowsLatency latency in seconds',
    flowBuckets,
  )
  const flows = create.counter(
    'conntrack_reconciler_deleted_entries_total',
    'Cumulative conntrack flows deleted by conntrack reconciler',
    ['ip_family'],
  )
  const health = {
    '/healthz': create.counter('proxy_healthz_total', 'Cumulative proxy healthz HTTP status', ['code']),
    '/livez': create.counter('proxy_livez_total', 'Cumulative proxy livez HTTP status', ['code']),
  }
  const label = (family: Family) => ({ ip_family: familyNames[family] })
  return {
    observeSync: (family, result, seconds) => {
      syncs.observe(label(family), seconds)
      if (result.type !== 'none') byType?.[result.type].observe(label(family), seconds)
      writtenRules?.(family, result)
    },
    observeFailure: (family) => failures.inc(label(family)),
    setTimestamp: (family, seconds) => last.set(label(family), seconds),
    setQueued: (seconds) => {
      for (const family of ['ip', 'ip6'] as const) queued.set(label(family), seconds)
    },
    countChange: (kind) => {
      changes[kind].total.inc()
      changes[kind].pending.inc()
    },
    settleChanges: () => {
      for (const { pending } of Object.values(changes)) pending.set(0)
    },
    observeProgramming: (family, seconds) => programming.observe(label(family), seconds),
    setNoLocal: (family, internal, external) => {
      noLocal.set({ traffic_policy: 'internal', ...label(family) }, internal)
      noLocal.set({ traffic_policy: 'external', ...label(family) }, external)
    },
    observeFlows: (family, deleted, seconds) => {
      flowSyncs.observe(label(family), seconds)
      flows.inc(label(family), deleted)
    },
    countHealthz: (path, status) => health[path].inc({ code: String(status) }),
  }
}

type Factory = ReturnType<typeof factory>

function factory(registry: Registry) {
  const options = (name: string, help: string, labelNames: readonly string[]) => ({
    ...{ name: `kubeproxy_${name}`, help },
    labelNames: [...labelNames],
    registers: [registry],
  })
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    new Counter(options(name, help, labels))
  const gauge = (name: string, help: string, labels: readonly string[] = ['ip_family']) =>
    new Gauge(options(name, help, labels))
  return {
    ...{ counter, gauge, options },
    histogram: (name: string, help: string, buckets: readonly number[]) =>
      new Histogram({ ...options(name, help, ['ip_family']), buckets: [...buckets] }),
    changes: (kind: string, title: string) => ({
      pending: gauge(`sync_proxy_rules_${kind}_changes_pending`, `Pending proxy rules ${title} changes`, []),
      total: counter(`sync_proxy_rules_${kind}_changes_total`, `Cumulative proxy rules ${title} changes`),
    }),
    failures: (mode: ModeName) =>
      mode === 'nftables'
        ? counter('sync_proxy_rules_nftables_sync_failures_total', 'Cumulative proxy nftables sync failures', [
            'ip_family',
          ])
        : counter('sync_proxy_rules_iptables_restore_failures_total', 'Cumulative proxy iptables restore failures', [
            'ip_family',
          ]),
  }
}

function syncsByType({ histogram }: Factory) {
  const help = (type: string) => `SyncProxyRules latency in seconds for ${type} resyncs`
  return {
    full: histogram('sync_full_proxy_rules_duration_seconds', help('full'), syncBuckets),
    partial: histogram('sync_partial_proxy_rules_duration_seconds', help('partial'), syncBuckets),
  }
}

function rulesByTable({ gauge, options }: Factory, ruleCounts: (family: Family) => RuleCounts) {
  const labels = ['table', 'ip_family']
  const written = gauge(
    'sync_proxy_rules_iptables_last',
    'Number of iptables rules written by kube-proxy in last sync',
    labels,
  )
  new Gauge({
    ...options('sync_proxy_rules_iptables_total', 'Total number of iptables rules owned by kube-proxy', labels),
    collect() {
      for (const family of ['ip', 'ip6'] as const) {
        for (const [table, count] of Object.entries(ruleCounts(family))) {
          this.set({ table, ip_family: familyNames[family] }, count)
        }
      }
    },
  })
  return (family: Family, { rules }: SyncResult) => {
    for (const table of ['filter', 'nat']) {
      written.set({ table, ip_family: familyNames[family] }, rules?.[table] ?? 0)
    }
  }
}
