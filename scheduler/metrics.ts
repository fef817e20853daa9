/** The scheduler's figures, under upstream's names. */
import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics.ts'
import type { ClusterCache } from './cache/cluster-cache.ts'
import type { SchedulingQueue } from './queue/scheduling-queue.ts'

export type SchedulerMetrics = {
  readonly observeAttempt: (profile: string, result: 'scheduled' | 'unschedulable', seconds: number) => void
  readonly observeScheduled: (attempts: number, seconds: number) => void
  readonly observeError: () => void
}

/** Registers the metrics; queue and cache are read when somebody asks. */
export function createSchedulerMetrics(
  registry: Registry,
  { queue, cache }: { readonly queue: SchedulingQueue; readonly cache: ClusterCache },
): SchedulerMetrics {
  const registers = [registry]
  const attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Number of attempts to schedule pods, by the result.',
    labelNames: ['profile', 'result'],
    registers,
  })
  const duration = new Histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Scheduling attempt latency in seconds (scheduling algorithm + binding)',
    labelNames: ['profile', 'result'],
    buckets: [0.0001, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024],
    registers,
  })
  const podAttempts = new Histogram({
    name: 'scheduler_pod_scheduling_attempts',
    help: 'Number of attempts to successfully schedule a pod.',
    buckets: [1, 2, 4, 8, 16],
    registers,
  })
  const wait = new Histogram({
    name: 'scheduler_pod_scheduling_sli_duration_seconds',
    help: 'E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue.',
    buckets: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    registers,
  })
  new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Number of pending pods, by the queue type.',
    labelNames: ['queue'],
    registers,
    collect() {
      for (const [name, count] of Object.entries(queue.counts())) this.set({ queue: name }, count)
    },
  })
  new Gauge({
    name: 'scheduler_cache_size',
    help: 'Number of nodes, pods, and assumed (bound) pods in the scheduler cache.',
    labelNames: ['type'],
    registers,
    collect() {
      this.set({ type: 'nodes' }, cache.nodeCount)
      this.set({ type: 'pods' }, cache.podCount)
      this.set({ type: 'assumed_pods' }, cache.assumedCount)
    },
  })
  return {
    observeAttempt: (profile, result, seconds) => {
      attempts.inc({ profile, result })
      duration.observe({ profile, result }, seconds)
    },
    observeScheduled: (count, seconds) => {
      podAttempts.observe(count)
      wait.observe(seconds)
    },
    observeError: () => attempts.inc({ profile: 'default-scheduler', result: 'error' }),
  }
}
