/**
 * Counting pods exactly once, although a pod may vanish as soon as it is counted: a finished pod's uid goes to
 * `uncountedTerminatedPods` first, then the pod loses its finalizer, then the uid becomes a number. Pure.
 */
import type { Job, JobStatus } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { isActive, isTerminating } from '../pod/activity.ts'
import { matchFailurePolicy } from './failure-policy.ts'
import { formatIndexes, indexOf, isIndexed, parseIndexes } from './indexes.ts'
import { indexFailureCountAnnotation, isTracked } from './pod.ts'

/** Uids that one status may carry. Source: upstream's `MaxUncountedPods`. */
const maxUncounted = 500

/** The pods of a job by what they are now, and the counters that follow. */
export type Count = {
  readonly active: readonly Pod[]
  readonly terminating: number
  /** Ended pods, counted or not; for the back-off. */
  readonly succeededPods: readonly Pod[]
  readonly failedPods: readonly Pod[]
  /** All that succeeded and failed so far, counted in the status or not. */
  readonly succeeded: number
  readonly failed: number
  readonly succeededIndexes: ReadonlySet<number>
  readonly failedIndexes: ReadonlySet<number>
}

/** Source: `isPodFailed`: without a wait for the end, a pod that is told to go has failed. */
export function isFailed({ spec }: Job, { metadata, status }: Pod): boolean {
  if (status.phase === 'Failed') return true
  if (spec.podReplacementPolicy === 'Failed') return false
  return metadata.deletionTimestamp !== undefined && status.phase !== 'Succeeded'
}

/** Numbers that are settled: uids whose pods have lost the finalizer become counts. */
export function settleUncounted(status: JobStatus, pods: readonly Pod[]): JobStatus {
  const held = new Set(pods.filter(isTracked).map(({ metadata }) => metadata.uid))
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {}
  const [succeededLeft, failedLeft] = [succeeded.filter((uid) => held.has(uid)), failed.filter((uid) => held.has(uid))]
  const nowSucceeded = (status.succeeded ?? 0) + succeeded.length - succeededLeft.length
  const nowFailed = (status.failed ?? 0) + failed.length - failedLeft.length
  return {
    ...status,
    ...(nowSucceeded === 0 ? {} : { succeeded: nowSucceeded }),
    ...(nowFailed === 0 ? {} : { failed: nowFailed }),
    uncountedTerminatedPods: uncounted(succeededLeft, failedLeft),
  }
}

function uncounted(succeeded: readonly string[], failed: readonly string[]) {
  return {
    ...(succeeded.length === 0 ? {} : { succeeded }),
    ...(failed.length === 0 ? {} : { failed }),
  }
}

/** Sorts and counts the pods. `status` is settled. */
export function countPods(job: Job, status: JobStatus, pods: readonly Pod[]): Count {
  const known = status.uncountedTerminatedPods
  const knownSucceeded = new Set(known?.succeeded ?? [])
  const knownFailed = new Set(known?.failed ?? [])
  const isNew = (pod: Pod): boolean =>
    isTracked(pod) &&
    !knownSucceeded.has(pod.metadata.uid) &&
    !knownFailed.has(pod.metadata.uid) &&
    (!isIndexed(job) || indexOf(job, pod) !== undefined)
  const succeededPods = pods.filter((pod) => pod.status.phase === 'Succeeded')
  const failedPods = pods.filter((pod) => isFailed(job, pod))
  const succeededIndexes = indexesOf(job, status.completedIndexes, succeededPods.filter(isTracked))
  const newFailed = failedPods.filter((pod) => isNew(pod) && countsAsFailed(job, pod)).length
  return {
    active: pods.filter(isActive),
    terminating: pods.filter(isTerminating).length,
    succeededPods,
    failedPods,
    succeeded: isIndexed(job)
      ? succeededIndexes.size
      : (status.succeeded ?? 0) + knownSucceeded.size + succeededPods.filter(isNew).length,
    failed: (status.failed ?? 0) + knownFailed.size + newFailed,
    succeededIndexes,
    failedIndexes: failedIndexes(job, status, failedPods),
  }
}

function indexesOf(job: Job, text: string | undefined, pods: readonly Pod[]): ReadonlySet<number> {
  if (!isIndexed(job)) return new Set()
  const indexes = new Set(parseIndexes(text, job.spec.completions ?? 0))
  for (const pod of pods) {
    const index = indexOf(job, pod)
    if (index !== undefined) indexes.add(index)
  }
  return indexes
}

function countsAsFailed(job: Job, pod: Pod): boolean {
  return matchFailurePolicy(job, pod)?.action !== 'Ignore'
}

/** Indexes that may not be tried again. */
function failedIndexes(job: Job, status: JobStatus, failedPods: readonly Pod[]): ReadonlySet<number> {
  const limit = job.spec.backoffLimitPerIndex
  if (limit === undefined) return new Set()
  const indexes = new Set(parseIndexes(status.failedIndexes, job.spec.completions ?? 0))
  for (const pod of failedPods) {
    const index = indexOf(job, pod)
    const verdict = matchFailurePolicy(job, pod)?.action
    if (index === undefined || verdict === 'Ignore') continue
    if (verdict === 'FailIndex' || indexFailuresAfter(pod) > limit) indexes.add(index)
  }
  return indexes
}

/** How often the pod's index has failed, this failure included. */
export function indexFailuresAfter({ metadata }: Pod): number {
  return Number(metadata.annotations?.[indexFailureCountAnnotation] ?? 0) + 1
}

/** What a status says of the pods, and the pods that may lose their finalizer once it is written. */
export type Tracked = { readonly status: JobStatus; readonly released: readonly Pod[] }

/** Notes the uids of ended pods. `isOver`: the job has failed, and with it every pod that still runs. */
export function trackPods(
  job: Job,
  status: JobStatus,
  pods: readonly Pod[],
  verdict: 'failed' | 'succeeded' | undefined,
): Tracked {
  const succeeded = new Set(status.uncountedTerminatedPods?.succeeded ?? [])
  const failed = new Set(status.uncountedTerminatedPods?.failed ?? [])
  const completed = new Set(parseIndexes(status.completedIndexes, job.spec.completions ?? 0))
  const released: Pod[] = []
  for (const pod of pods.filter(isTracked)) {
    if (succeeded.size + failed.size >= maxUncounted) break
    const { uid } = pod.metadata
    const index = indexOf(job, pod)
    const hasFailed = isFailed(job, pod) || (verdict === 'failed' && pod.status.phase !== 'Succeeded')
    if (pod.status.phase === 'Succeeded' && !failed.has(uid)) {
      if (isIndexed(job) && index !== undefined) completed.add(index)
      if (!isIndexed(job)) succeeded.add(uid)
    } else if (hasFailed && (!isIndexed(job) || index !== undefined) && countsAsFailed(job, pod)) {
      failed.add(uid)
    }
    const isLeaving = job.metadata.deletionTimestamp !== undefined
    if (pod.status.phase === 'Succeeded' || hasFailed || isLeaving || verdict !== undefined) released.push(pod)
  }
  const indexed = isIndexed(job) ? indexedStatus(completed) : {}
  return {
    status: { ...status, ...indexed, uncountedTerminatedPods: uncounted([...succeeded], [...failed]) },
    released,
  }
}

function indexedStatus(completed: ReadonlySet<number>): Pick<JobStatus, 'succeeded' | 'completedIndexes'> {
  return completed.size === 0 ? {} : { succeeded: completed.size, completedIndexes: formatIndexes(completed) }
}
