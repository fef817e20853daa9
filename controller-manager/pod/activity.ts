/** What a pod's status means to the controllers that count pods. */

import type { Pod, PodCondition } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'

/** Neither finished nor on its way out. Source: `controller.IsPodActive`. */
export function isActive(pod: Pod): boolean {
  return !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined
}

/** The pod's containers have ended for good. */
export function isTerminal(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed'
}

/** Asked to go, but its containers may still run. Source: `controller.IsPodTerminating`. */
export function isTerminating(pod: Pod): boolean {
  return !isTerminal(pod) && pod.metadata.deletionTimestamp !== undefined
}

/** The pod's condition of this type. */
export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status.conditions?.find((condition) => condition.type === type)
}

/** The kubelet says that the pod may get traffic. */
export function isReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True'
}

/** Since when the pod has been ready (Unix milliseconds); `undefined` when it is not, or when nobody said since when. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready')
  const since = ready?.status === 'True' ? (ready.lastTransitionTime ?? undefined) : undefined
  return since === undefined ? undefined : parseTime(since)
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  if (!isReady(pod)) return false
  if (minReadySeconds === 0) return true
  const since = readySinceMs(pod)
  return since !== undefined && since + minReadySeconds * 1000 <= nowMs
}

/** How long until the first of the ready pods becomes available; `undefined` when none is on its way there. */
export function nextAvailabilityMs(pods: readonly Pod[], minReadySeconds: number, nowMs: number): number | undefined {
  const waits = pods.flatMap((pod) => {
    const since = readySinceMs(pod)
    const wait = since === undefined ? 0 : since + minReadySeconds * 1000 - nowMs
    return wait > 0 ? [wait] : []
  })
  return waits.length === 0 ? undefined : Math.min(...waits)
}
