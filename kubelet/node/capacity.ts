/** Capacity and allocatable of the node as quantities. Pure. */
import { isExtendedResource } from '../../api/core/resource-requirements.ts'
import type { NodeStatus } from '../../api/core/v1.ts'
import { milliValue, wholeValue } from '../../apimachinery/quantity.ts'
import type { Machine } from './machine.ts'
import { type EvictionThreshold, thresholdAmount } from './thresholds.ts'

export type Resources = Readonly<Record<string, string>>

/** What the node has. */
export function nodeCapacity(machine: Machine, diskBytes: number, maxPods: number): Resources {
  const huge = Object.entries(machine.hugePages).map(([name, bytes]) => [name, String(bytes)] as const)
  return {
    cpu: String(machine.cpuCount),
    'ephemeral-storage': `${Math.floor(diskBytes / 1024)}Ki`,
    ...Object.fromEntries(huge),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    pods: String(maxPods),
  }
}

/** What others have said that the node has, such as `example.com/gpu`: the kubelet keeps it. */
export function extendedResources(status: Pick<NodeStatus, 'capacity'>): Resources {
  return Object.fromEntries(Object.entries(status.capacity ?? {}).filter(([name]) => isExtendedResource(name)))
}

/** What pods may have: capacity less what is reserved and less what eviction keeps free. */
export function nodeAllocatable(
  capacity: Resources,
  reserved: Resources,
  hard: readonly EvictionThreshold[],
): Resources {
  const kept = (name: string, signal: string): number => {
    const total = wholeValue(capacity[name] ?? '0')
    const threshold = hard.find((one) => one.signal === signal)
    return wholeValue(reserved[name] ?? '0') + (threshold === undefined ? 0 : thresholdAmount(threshold, total))
  }
  const milliCpu = milliValue(capacity['cpu'] ?? '0') - milliValue(reserved['cpu'] ?? '0')
  const memory = wholeValue(capacity['memory'] ?? '0') - kept('memory', 'memory.available')
  const storage = wholeValue(capacity['ephemeral-storage'] ?? '0') - kept('ephemeral-storage', 'nodefs.available')
  return {
    ...capacity,
    cpu: milliCpu % 1000 === 0 ? String(milliCpu / 1000) : `${milliCpu}m`,
    memory: `${Math.floor(memory / 1024)}Ki`,
    'ephemeral-storage': String(storage),
  }
}
