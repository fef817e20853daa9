/** How long to wait after failed pods: 10 s, doubling with each failure in a row. Pure. */

import type { Pod } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import { podCondition } from '../pod/activity.ts'

const firstBackoffMs = 10_000
/** Source: upstream's `MaxJobPodFailureBackOff`. */
const maxBackoffMs = 600_000

/** The rest of the wait; 0 when a new pod may start now. Success starts the count anew. */
export function remainingBackoffMs(failed: readonly Pod[], succeeded: readonly Pod[], nowMs: number): number {
  const lastSuccessMs = Math.max(Number.NEGATIVE_INFINITY, ...succeeded.map(finishedMs))
  const failures = failed.map(finishedMs).filter((time) => time > lastSuccessMs)
  if (failures.length === 0) return 0
  const backoff = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures.length - 1, 30))
  return Math.max(0, Math.max(...failures) + backoff - nowMs)
}

/** When the last container ended; what comes nearest when that is not told. */
export function finishedMs(pod: Pod): number {
  const ends = (pod.status.containerStatuses ?? []).flatMap(({ state }) => state.terminated?.finishedAt ?? [])
  if (ends.length > 0) return Math.max(...ends.map(parseTime))
  const ready = podCondition(pod, 'Ready')
  const since = ready?.status === 'False' ? (ready.lastTransitionTime ?? undefined) : undefined
  if (since !== undefined) return parseTime(since)
  return parseTime(pod.metadata.deletionTimestamp ?? pod.metadata.creationTimestamp)
}
