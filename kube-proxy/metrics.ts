/** kube-proxy's figures, under upstream's names. */
import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics.ts'
import type { SyncResult } from './mode.ts'

export type ProxyMetrics = {
  readonly observeSync: (result: SyncResult, seconds: number) => void
  readonly observeFailure: () => void
  readonly setTimestamp: (seconds: number) => void
}

/** Registers the metrics. */
export function createProxyMetrics(registry: Registry): ProxyMetrics {
  const registers = [registry]
  const buckets = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
  ]
  const histogram = (name: string, help: string) => new Histogram({ name, help, buckets, registers })
  const all = histogram('kubeproxy_sync_proxy_rules_duration_seconds', 'SyncProxyRules latency in seconds')
  const byType = {
    full: histogram(
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for full resyncs',
    ),
    partial: histogram(
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'SyncProxyRules latency in seconds for partial resyncs',
    ),
  }
  const failures = new Counter({
    name: 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
    help: 'Cumulative proxy iptables restore failures',
    registers,
  })
  const last = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    help: 'The last time proxy rules were successfully synced',
    registers,
  })
  const lines = new Gauge({
    name: 'kubeproxy_sync_proxy_rules_iptables_last',
    help: 'Number of iptables rules written by kube-proxy in last sync',
    registers,
  })
  return {
    observeSync: (result, seconds) => {
      all.observe(seconds)
      if (result.type !== 'none') byType[result.type].observe(seconds)
      lines.set(result.lines)
    },
    observeFailure: () => failures.inc(),
    setTimestamp: (seconds) => last.set(seconds),
  }
}
