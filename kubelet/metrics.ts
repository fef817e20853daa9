/** The kubelet's own metrics, by upstream's names. */

import type { Clock } from '../component-base/clock.ts'
import { Counter, createRegistry, Gauge, Histogram, type Registry } from '../component-base/metrics.ts'
import { kubernetesVersion } from '../component-base/version.ts'
import type { Runtime } from './runtime/cri.ts'
import type { RuntimePods } from './runtime/pleg.ts'

export type KubeletMetrics = {
  readonly registry: Registry
  /** The same runtime, with every call counted and timed. */
  readonly measured: (runtime: Runtime) => Runtime
  readonly noteRelist: (seconds: number, pods: RuntimePods) => void
  readonly notePodStart: (seconds: number) => void
}

/** `RunPodSandbox` → `run_podsandbox`, as upstream names operations. */
export function operationName(method: string): string {
  const known: Readonly<Record<string, string>> = {
    RunPodSandbox: 'run_podsandbox',
    StopPodSandbox: 'stop_podsandbox',
    RemovePodSandbox: 'remove_podsandbox',
    PodSandboxStatus: 'podsandbox_status',
    ListPodSandbox: 'list_podsandbox',
    PortForward: 'portforward',
  }
  return known[method] ?? method.replace(/(?!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
}

/** Makes the registry of one kubelet. */
export function createMetrics(nodeName: string, clock: Clock): KubeletMetrics {
  const registry = createRegistry()
  const registers = [registry]
  const operations = new Counter({
    name: 'kubelet_runtime_operations_total',
    help: 'Cumulative number of runtime operations by operation type.',
    labelNames: ['operation_type'],
    registers,
  })
  const errors = new Counter({
    name: 'kubelet_runtime_operations_errors_total',
    help: 'Cumulative number of runtime operation errors by operation type.',
    labelNames: ['operation_type'],
    registers,
  })
  const durations = new Histogram({
    name: 'kubelet_runtime_operations_duration_seconds',
    help: 'Duration in seconds of runtime operations. Broken down by operation type.',
    labelNames: ['operation_type'],
    buckets: [0.005, 0.0125, 0.03125, 0.078, 0.195, 0.488, 1.22, 3.05, 7.63, 19.07],
    registers,
  })
  const relists = new Histogram({
    name: 'kubelet_pleg_relist_duration_seconds',
    help: 'Duration in seconds for relisting pods in PLEG.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  })
  const starts = new Histogram({
    name: 'kubelet_pod_start_duration_seconds',
    help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run.',
    buckets: [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600],
    registers,
  })
  const runningPods = new Gauge({
    name: 'kubelet_running_pods',
    help: 'Number of pods that have a running pod sandbox.',
    registers,
  })
  const runningContainers = new Gauge({
    name: 'kubelet_running_containers',
    help: 'Number of containers currently running.',
    labelNames: ['container_state'],
    registers,
  })
  new Gauge({
    name: 'kubelet_node_name',
    help: "The node's name. The count is always 1.",
    labelNames: ['node'],
    registers,
  })
    .labels(nodeName)
    .set(1)
  new Gauge({
    name: 'kubernetes_build_info',
    help: 'The version that this program speaks.',
    labelNames: ['git_version'],
    registers,
  })
    .labels(kubernetesVersion)
    .set(1)

  return {
    registry,
    measured: (runtime) => ({
      ...runtime,
      call: async (method, request, signal, timeoutMs) => {
        const operation = operationName(method)
        const startedMs = clock.now()
        operations.labels(operation).inc()
        try {
          return await runtime.call(method, request, signal, timeoutMs)
        } catch (error) {
          errors.labels(operation).inc()
          throw error
        } finally {
          durations.labels(operation).observe((clock.now() - startedMs) / 1000)
        }
      },
    }),
    noteRelist: (seconds, pods) => {
      relists.observe(seconds)
      const states = [...pods.values()].flatMap(({ states: own }) => [...own.values()])
      const count = (state: string) => states.filter((one) => one === state).length
      runningPods.set(count('SANDBOX_READY'))
      for (const state of ['created', 'running', 'exited', 'unknown']) {
        runningContainers.labels(state).set(count(`CONTAINER_${state.toUpperCase()}`))
      }
    },
    notePodStart: (seconds) => starts.observe(seconds),
  }
}
