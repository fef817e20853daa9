/** Figures about policies. Upstream's kube-proxy has none, so the name is ours, after its other ones. */
import { Histogram, type Registry } from '../../component-base/metrics.ts'

/** Registers the metric; returns what to tell each write's duration. */
export function createPolicyMetrics(registry: Registry): (seconds: number) => void {
  const histogram = new Histogram({
    name: 'kubeproxy_sync_network_policies_duration_seconds',
    help: 'Latency in seconds of writing network policies into the kernel',
    buckets: [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096],
    registers: [registry],
  })
  return (seconds) => histogram.observe(seconds)
}
