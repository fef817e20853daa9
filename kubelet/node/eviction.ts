/**
 * Node-pressure eviction: when something runs low, the pods that strain it most go first. Pure ranking, thin loop.
 * Source: "Node-pressure Eviction" of the documentation; messages of upstream `pkg/kubelet/eviction`.
 */
import type { Pod } from '../../api/core/v1.ts'
import { wholeValue } from '../../apimachinery/quantity.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Pressure } from './conditions.ts'
import { type EvictionSignal, type EvictionThreshold, thresholdAmount } from './thresholds.ts'

export type Observation = { readonly available: number; readonly capacity: number }
export type Observations = Readonly<Partial<Record<EvictionSignal, Observation>>>
export type Candidate = { readonly pod: Pod; readonly memoryBytes: number }
export type Shortage = { readonly signal: EvictionSignal; readonly threshold: number; readonly available: number }

/** A condition stays for this long after its cause has gone, so that it does not flap. */
const pressureTransitionMs = 300_000
const periodMs = 10_000

const resources: Readonly<Record<EvictionSignal, string>> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
}

/** What is below its threshold, memory first. */
export function shortages(thresholds: readonly EvictionThreshold[], observed: Observations): readonly Shortage[] {
  const found = thresholds.flatMap((one) => {
    const observation = observed[one.signal]
    if (observation === undefined) return []
    const threshold = thresholdAmount(one, observation.capacity)
    const { available } = observation
    return available < threshold ? [{ signal: one.signal, threshold, available }] : []
  })
  return found.toSorted((a, b) => Number(b.signal === 'memory.available') - Number(a.signal === 'memory.available'))
}

/** First who uses more memory than requested, then by priority, then by how far above the request. */
export function rankForMemory(candidates: readonly Candidate[]): readonly Candidate[] {
  const excess = ({ pod, memoryBytes }: Candidate) => memoryBytes - memoryRequest(pod)
  return candidates.toSorted(
    (a, b) =>
      Number(excess(b) > 0) - Number(excess(a) > 0) ||
      (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0) ||
      excess(b) - excess(a),
  )
}

/** Static pods and critical pods are never evicted by the kubelet here. */
export function isEvictable({ spec, metadata }: Pod): boolean {
  const isStatic = metadata.annotations?.['kubernetes.io/config.source'] === 'file'
  return !isStatic && (spec.priority ?? 0) < 2_000_000_000
}

/** The message of the evicted pod's status. */
export function evictionMessage({ signal, threshold, available }: Shortage, candidate: Candidate): string {
  const resource = resources[signal]
  const head = `The node was low on resource: ${resource}. Threshold quantity: ${threshold}, available: ${kibi(available)}. `
  if (signal !== 'memory.available') return head
  const { pod, memoryBytes } = candidate
  const [container] = pod.spec.containers
  return `${head}Container ${container?.name ?? ''} was using ${kibi(memoryBytes)}, request is ${kibi(memoryRequest(pod))}, has larger consumption of ${resource}. `
}

/** The node's pressure conditions for a set of shortages. */
export function pressureOf(found: readonly Shortage[]): Pressure {
  const has = (...signals: readonly EvictionSignal[]) => found.some(({ signal }) => signals.includes(signal))
  return {
    memory: has('memory.available'),
    disk: has('nodefs.available', 'nodefs.inodesFree', 'imagefs.available', 'imagefs.inodesFree'),
    pid: has('pid.available'),
  }
}

function memoryRequest({ spec }: Pod): number {
  return spec.containers.reduce((sum, { resources: own }) => sum + wholeValue(own.requests?.['memory'] ?? '0'), 0)
}

function kibi(bytes: number): string {
  return bytes === 0 ? '0' : `${Math.floor(bytes / 1024)}Ki`
}

export type EvictionOptions = {
  readonly thresholds: readonly EvictionThreshold[]
  readonly clock: Clock
  readonly logger: Logger
  readonly observe: () => Promise<Observations>
  readonly candidates: (signal: AbortSignal) => Promise<readonly Candidate[]>
  readonly evict: (pod: Pod, message: string) => void
  readonly onPressure: (pressure: Pressure) => void
}

/** Watches until `signal` aborts; evicts one pod at a time. */
export async function runEviction(options: EvictionOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger } = options
  const lastSeenMs = { memory: Number.NEGATIVE_INFINITY, disk: Number.NEGATIVE_INFINITY, pid: Number.NEGATIVE_INFINITY }
  while (!signal.aborted) {
    try {
      const found = shortages(options.thresholds, await options.observe())
      const now = pressureOf(found)
      for (const kind of ['memory', 'disk', 'pid'] as const) if (now[kind]) lastSeenMs[kind] = clock.now()
      const holds = (kind: keyof Pressure) => clock.now() - lastSeenMs[kind] < pressureTransitionMs
      options.onPressure({ memory: holds('memory'), disk: holds('disk'), pid: holds('pid') })
      const [shortage] = found
      if (shortage !== undefined) await evictOne(options, shortage, signal)
    } catch (error) {
      if (signal.aborted) break
      logger.info('Eviction could not look', { error })
    }
    await clock.sleep(periodMs, signal)
  }
  signal.throwIfAborted()
}

async function evictOne(options: EvictionOptions, shortage: Shortage, signal: AbortSignal): Promise<void> {
  const all = (await options.candidates(signal)).filter(({ pod }) => isEvictable(pod))
  const [victim] = rankForMemory(all)
  if (victim !== undefined) options.evict(victim.pod, evictionMessage(shortage, victim))
}
