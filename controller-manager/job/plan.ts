/** Runs a job's pods to completion and counts them exactly once. Pure. Read `count.ts` and `verdict.ts` beside it. */

import type { Job, JobCondition, JobStatus } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'
import type { Claim } from '../owner/claim.ts'
import { isReady } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'
import { sortByDeletionPreference } from '../pod/deletion-order.ts'
import { remainingBackoffMs } from './backoff.ts'
import { type Count, countPods, indexFailuresAfter, settleUncounted, trackPods } from './count.ts'
import { firstFreeIndexes, formatIndexes, indexOf, isIndexed } from './indexes.ts'
import type { PodWish } from './pod.ts'
import { completed, deadlineLeftMs, isDone, isFinished, isSuspended, judge, type Verdict } from './verdict.ts'

/** No more pods than this are made or removed in one go. */
const maxPodsPerPlan = 500
const otherController = 'kubernetes.io/job-controller'

/** Everything the decision depends on. */
export type Observed = { readonly job: Job; readonly claim: Claim<Pod>; readonly nowMs: number }

export type Action =
  | { readonly type: 'adopt' | 'release'; readonly job: Job; readonly pod: Pod }
  | { readonly type: 'createPods'; readonly job: Job; readonly wishes: readonly PodWish[] }
  | { readonly type: 'deletePods'; readonly job: Job; readonly pods: readonly Pod[] }
  | { readonly type: 'updateStatus'; readonly job: Job; readonly status: JobStatus }
  | { readonly type: 'removeFinalizers'; readonly job: Job; readonly pods: readonly Pod[] }
  | {
      readonly type: 'event'
      readonly job: Job
      readonly level: 'Normal' | 'Warning'
      readonly reason: string
      readonly message: string
    }

/** Claims, then pods, then the status, then the finalizers of the pods that the status has counted. */
export function plan({ job, claim, nowMs }: Observed): Plan<Action> {
  if (isFinished(job) || isManagedElsewhere(job)) return { actions: [] }
  const pods = [...claim.owned, ...claim.adopt]
  const settled = settleUncounted(job.status, pods)
  const count = countPods(job, settled, pods)
  const verdict = judge(job, count, pods, nowMs)
  const manage = verdict === undefined ? managePods(job, count, nowMs) : stopPods(count, verdict)
  const activeAfter = count.active.length + manage.wishes.length - manage.removed.length
  const ending = verdict ?? (isDone(job, count.succeeded, activeAfter) ? completed : undefined)
  const report = planReport({ job, settled, count, pods, ending, manage, nowMs })
  const actions: readonly Action[] = [
    ...claim.adopt.map((pod) => ({ type: 'adopt' as const, job, pod })),
    ...claim.release.map((pod) => ({ type: 'release' as const, job, pod })),
    ...(manage.removed.length === 0 ? [] : [{ type: 'deletePods' as const, job, pods: manage.removed }]),
    ...(manage.wishes.length === 0 ? [] : [{ type: 'createPods' as const, job, wishes: manage.wishes }]),
    ...report,
  ]
  const waits = [manage.waitMs, deadlineLeftMs(job, nowMs) ?? 0].filter((wait) => wait > 0)
  return waits.length === 0 ? { actions } : { actions, requeueAfterMs: Math.min(...waits) }
}

function isManagedElsewhere({ spec }: Job): boolean {
  return spec.managedBy !== undefined && spec.managedBy !== otherController
}

/** What happens to the pods, and how long a back-off holds up new ones. */
type Manage = { readonly wishes: readonly PodWish[]; readonly removed: readonly Pod[]; readonly waitMs: number }
const nothing: Manage = { wishes: [], removed: [], waitMs: 0 }

/** A decided job needs its pods no more. */
function stopPods({ active }: Count, _verdict: Verdict): Manage {
  return { ...nothing, removed: active }
}

function managePods(job: Job, count: Count, nowMs: number): Manage {
  if (job.metadata.deletionTimestamp !== undefined) return nothing
  const { active } = count
  if (isSuspended(job)) return { ...nothing, removed: active.slice(0, maxPodsPerPlan) }
  const wanted = wantedActive(job, count)
  const removed = podsToRemove(job, active, Math.max(0, active.length - wanted), nowMs)
  if (removed.length > 0) return { ...nothing, removed: removed.slice(0, maxPodsPerPlan) }
  // With the policy `Failed` a pod is replaced only when it has ended.
  const leaving = job.spec.podReplacementPolicy === 'Failed' ? count.terminating : 0
  const missing = Math.min(wanted - leaving - active.length, maxPodsPerPlan)
  if (missing <= 0) return nothing
  const waitMs = remainingBackoffMs(count.failedPods, count.succeededPods, nowMs)
  if (waitMs > 0 && job.spec.backoffLimitPerIndex === undefined) return { ...nothing, waitMs }
  return { ...nothing, wishes: wishes(job, count, missing) }
}

function wantedActive({ spec }: Job, { active, succeeded, failedIndexes }: Count): number {
  const parallelism = spec.parallelism ?? 1
  if (spec.completions === undefined) return succeeded > 0 ? Math.min(active.length, parallelism) : parallelism
  return Math.min(parallelism, Math.max(0, spec.completions - succeeded - failedIndexes.size))
}

/** Of an indexed job the pods that do double work go in any case. */
function podsToRemove(job: Job, active: readonly Pod[], atLeast: number, nowMs: number): readonly Pod[] {
  const sorted = sortByDeletionPreference(
    active.map((pod) => ({ pod, rank: 0 })),
    nowMs,
  )
  if (!isIndexed(job)) return sorted.slice(0, atLeast)
  const seen = new Set<number>()
  // The pod that would be missed most keeps its index.
  const useless = sorted.toReversed().filter((pod) => {
    const index = indexOf(job, pod)
    if (index === undefined || seen.has(index)) return true
    seen.add(index)
    return false
  })
  const others = sorted.filter((pod) => !useless.includes(pod))
  return [...useless, ...others.slice(0, Math.max(0, atLeast - useless.length))]
}

function wishes(job: Job, count: Count, missing: number): readonly PodWish[] {
  if (!isIndexed(job)) return Array.from({ length: missing }, () => ({ index: undefined, indexFailures: undefined }))
  const busy = count.active.flatMap((pod) => indexOf(job, pod) ?? [])
  const taken = new Set([...count.succeededIndexes, ...count.failedIndexes, ...busy])
  const hasLimit = job.spec.backoffLimitPerIndex !== undefined
  return firstFreeIndexes(job.spec.completions ?? 0, taken, missing).map((index) => ({
    index,
    indexFailures: hasLimit ? failuresOfIndex(job, count, index) : undefined,
  }))
}

function failuresOfIndex(job: Job, { failedPods }: Count, index: number): number {
  return Math.max(0, ...failedPods.filter((pod) => indexOf(job, pod) === index).map(indexFailuresAfter))
}

type Report = {
  readonly job: Job
  readonly settled: JobStatus
  readonly count: Count
  readonly pods: readonly Pod[]
  readonly ending: Verdict | undefined
  readonly manage: Manage
  readonly nowMs: number
}

/** The status after all of the above; the end is written only when every pod is counted and gone. */
function planReport(report: Report): readonly Action[] {
  const { job, settled, count, pods, ending, manage, nowMs } = report
  const tracked = trackPods(job, settled, pods, ending?.type)
  const uncounted = tracked.status.uncountedTerminatedPods ?? {}
  const isCounted = (uncounted.succeeded ?? []).length + (uncounted.failed ?? []).length === 0
  const terminating = count.terminating + manage.removed.length
  const isOver = ending !== undefined && isCounted && terminating === 0
  const { conditions, isResumed } = nextConditions(report, isOver)
  const startTime = isResumed
    ? formatTime(nowMs)
    : (settled.startTime ?? (isSuspended(job) ? undefined : formatTime(nowMs)))
  const status: JobStatus = {
    ...withoutCounts(tracked.status),
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(isOver && ending.type === 'succeeded' ? { completionTime: formatTime(nowMs) } : {}),
    ...nonZero('active', count.active.length + manage.wishes.length - manage.removed.length),
    ready: count.active.filter((pod) => isReady(pod) && !manage.removed.includes(pod)).length,
    terminating,
    ...(job.spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: formatIndexes(count.failedIndexes) }),
  }
  return [
    ...(isSame(status, job.status) ? [] : [{ type: 'updateStatus' as const, job, status }]),
    ...(tracked.released.length === 0 ? [] : [{ type: 'removeFinalizers' as const, job, pods: tracked.released }]),
    ...conditionEvents(job, conditions),
  ]
}

function withoutCounts({ active: _a, ready: _r, terminating: _t, conditions: _c, ...rest }: JobStatus): JobStatus {
  return rest
}

function nonZero(name: 'active', value: number): Pick<JobStatus, 'active'> {
  return value === 0 ? {} : { [name]: value }
}

function nextConditions({ job, ending, nowMs }: Report, isOver: boolean) {
  const before = job.status.conditions ?? []
  if (ending === undefined) {
    if (job.metadata.deletionTimestamp !== undefined) return { conditions: before, isResumed: false }
    return suspension(job, before, nowMs)
  }
  const interim = ending.type === 'failed' ? 'FailureTarget' : 'SuccessCriteriaMet'
  const final = ending.type === 'failed' ? 'Failed' : 'Complete'
  const wanted = isOver ? [interim, final] : [interim]
  const missing = wanted.filter((type) => !before.some((condition) => condition.type === type))
  const { reason, message } = ending
  const added = missing.map((type) => newCondition(type, 'True', reason, message, nowMs))
  return { conditions: [...before, ...added], isResumed: false }
}

function suspension(job: Job, before: readonly JobCondition[], nowMs: number) {
  const old = before.find(({ type }) => type === 'Suspended')
  const wanted = isSuspended(job) ? 'True' : 'False'
  if (old?.status === wanted || (old === undefined && wanted === 'False'))
    return { conditions: before, isResumed: false }
  const next =
    wanted === 'True'
      ? newCondition('Suspended', 'True', 'JobSuspended', 'Job suspended', nowMs)
      : newCondition('Suspended', 'False', 'JobResumed', 'Job resumed', nowMs)
  return { conditions: [...before.filter((condition) => condition !== old), next], isResumed: wanted === 'False' }
}

function newCondition(type: string, status: string, reason: string, message: string, nowMs: number): JobCondition {
  const now = formatTime(nowMs)
  return { type, status, lastProbeTime: now, lastTransitionTime: now, reason, message }
}

/** One event for each condition that is new. */
function conditionEvents(job: Job, conditions: readonly JobCondition[]): readonly Action[] {
  const before = job.status.conditions ?? []
  return conditions
    .filter((condition) => !before.includes(condition))
    .flatMap(({ type, status, reason = '', message = '' }): readonly Action[] => {
      if (type === 'Complete')
        return [{ type: 'event', job, level: 'Normal', reason: 'Completed', message: 'Job completed' }]
      if (type === 'Failed') return [{ type: 'event', job, level: 'Warning', reason, message }]
      if (type !== 'Suspended') return []
      const suspended = status === 'True' ? 'Suspended' : 'Resumed'
      return [{ type: 'event', job, level: 'Normal', reason: suspended, message }]
    })
}
