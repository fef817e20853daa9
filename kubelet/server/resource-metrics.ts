/** `GET /metrics/resource`: what metrics-server reads. Source: KEP-727. */
import { readCpuSeconds, readMemory } from '../node/machine.ts'
import type { Cri } from '../runtime/cri.ts'
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from '../runtime/labels.ts'
import type { ServerContext } from './server.ts'

type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number; readonly atMs: number }

/** The text in Prometheus' format. */
export async function resourceMetrics({ runtime, clock }: ServerContext, signal: AbortSignal): Promise<string> {
  const [{ stats }, memory, cpuSeconds] = await Promise.all([
    runtime.call('ListContainerStats', {}, signal),
    readMemory(),
    readCpuSeconds(),
  ])
  const atMs = clock.now()
  const containers = stats.filter(({ attributes }) => attributes?.labels[podUidLabel] !== undefined)
  const cpu = containers.map((one) => sample(one, (one.cpu?.usageCoreNanoSeconds?.value ?? 0) / 1e9, atMs))
  const workingSet = containers.map((one) => sample(one, one.memory?.workingSetBytes?.value ?? 0, atMs))
  return [
    ...family(
      'container_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the container in core-seconds',
      'counter',
      cpu,
    ),
    ...family(
      'container_memory_working_set_bytes',
      'Current working set of the container in bytes',
      'gauge',
      workingSet,
    ),
    ...family('node_cpu_usage_seconds_total', 'Cumulative cpu time consumed by the node in core-seconds', 'counter', [
      { labels: {}, value: cpuSeconds, atMs },
    ]),
    ...family('node_memory_working_set_bytes', 'Current working set of the node in bytes', 'gauge', [
      { labels: {}, value: memory.capacityBytes - memory.availableBytes, atMs },
    ]),
    ...family(
      'pod_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the pod in core-seconds',
      'counter',
      byPod(cpu),
    ),
    ...family('pod_memory_working_set_bytes', 'Current working set of the pod in bytes', 'gauge', byPod(workingSet)),
    ...family(
      'resource_scrape_error',
      '1 if there was an error while getting container metrics, 0 otherwise',
      'gauge',
      [{ labels: {}, value: 0, atMs }],
    ),
    '',
  ].join('\n')
}

function sample({ attributes }: Cri<'ContainerStats'>, value: number, atMs: number): Sample {
  const labels = attributes?.labels ?? {}
  return {
    labels: {
      container: labels[containerNameLabel] ?? '',
      namespace: labels[podNamespaceLabel] ?? '',
      pod: labels[podNameLabel] ?? '',
    },
    value,
    atMs,
  }
}

function byPod(samples: readonly Sample[]): readonly Sample[] {
  const pods = new Map<string, Sample>()
  for (const { labels, value, atMs } of samples) {
    const { namespace = '', pod = '' } = labels
    const key = `${namespace}/${pod}`
    pods.set(key, { labels: { namespace, pod }, value: (pods.get(key)?.value ?? 0) + value, atMs })
  }
  return [...pods.values()]
}

function family(name: string, help: string, type: string, samples: readonly Sample[]): readonly string[] {
  return [
    `# HELP ${name} [STABLE] ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, value, atMs }) => {
      const text = Object.entries(labels).map(([key, label]) => `${key}="${label}"`)
      const suffix = text.length === 0 ? '' : `{${text.join(',')}}`
      return `${name}${suffix} ${value} ${Math.floor(atMs)}`
    }),
  ]
}
