/** `GET /stats/summary`: processor and memory of the node's pods as the runtime measures them. */
import { formatTime } from '../../apimachinery/time.ts'
import { readMemory } from '../node/machine.ts'
import type { Cri } from '../runtime/cri.ts'
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from '../runtime/labels.ts'
import type { ServerContext } from './server.ts'

/** The summary of upstream's `stats/v1alpha1`, with what this runtime can say. */
export async function statsSummary({ runtime, config, clock }: ServerContext, signal: AbortSignal): Promise<unknown> {
  const [{ stats }, memory] = await Promise.all([runtime.call('ListContainerStats', {}, signal), readMemory()])
  const pods = new Map<string, { podRef: object; startTime: string; containers: unknown[] }>()
  for (const one of stats) {
    const labels = one.attributes?.labels ?? {}
    const uid = labels[podUidLabel]
    if (uid === undefined) continue
    const pod = pods.get(uid) ?? {
      podRef: { name: labels[podNameLabel], namespace: labels[podNamespaceLabel], uid },
      startTime: formatTime(clock.now()),
      containers: [],
    }
    pod.containers.push(containerStats(one, labels[containerNameLabel] ?? ''))
    pods.set(uid, pod)
  }
  const node = {
    nodeName: config.nodeName,
    memory: {
      time: formatTime(clock.now()),
      availableBytes: memory.availableBytes,
      workingSetBytes: memory.capacityBytes - memory.availableBytes,
    },
  }
  return { node, pods: [...pods.values()] }
}

function containerStats({ cpu, memory, writableLayer }: Cri<'ContainerStats'>, name: string): unknown {
  const timeOf = (nanoseconds: number | undefined) => formatTime((nanoseconds ?? 0) / 1e6)
  return {
    name,
    cpu: {
      time: timeOf(cpu?.timestamp),
      usageNanoCores: cpu?.usageNanoCores?.value,
      usageCoreNanoSeconds: cpu?.usageCoreNanoSeconds?.value,
    },
    memory: {
      time: timeOf(memory?.timestamp),
      workingSetBytes: memory?.workingSetBytes?.value,
      usageBytes: memory?.usageBytes?.value,
      rssBytes: memory?.rssBytes?.value,
    },
    rootfs: { time: timeOf(writableLayer?.timestamp), usedBytes: writableLayer?.usedBytes?.value },
  }
}
