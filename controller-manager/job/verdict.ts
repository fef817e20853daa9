/** Whether a job is decided, and why. Pure. */

import type { Job, JobCondition } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Count } from './count.ts'
import { matchFailurePolicy } from './failure-policy.ts'
import { isIndexed } from './indexes.ts'
import { matchSuccessPolicy } from './success-policy.ts'

/** The end that a job goes to. */
export type Verdict = { readonly type: 'failed' | 'succeeded'; readonly reason: string; readonly message: string }

export function jobCondition({ status }: Job, type: string): JobCondition | undefined {
  return status.conditions?.find((condition) => condition.type === type && condition.status === 'True')
}

export function isFinished(job: Job): boolean {
  return jobCondition(job, 'Complete') !== undefined || jobCondition(job, 'Failed') !== undefined
}

export function isSuspended({ spec }: Job): boolean {
  return spec.suspend === true
}

/** A verdict that was written stands; else failures are looked at before successes, as upstream does. */
export function judge(job: Job, count: Count, pods: readonly Pod[], nowMs: number): Verdict | undefined {
  return (
    written(job, 'SuccessCriteriaMet', 'succeeded') ??
    written(job, 'FailureTarget', 'failed') ??
    failedByPolicy(job, pods) ??
    failedByLimits(job, count, pods, nowMs) ??
    failedByIndexes(job, count) ??
    succeededByPolicy(job, count)
  )
}

function written(job: Job, condition: string, type: Verdict['type']): Verdict | undefined {
  const found = jobCondition(job, condition)
  return found === undefined ? undefined : { type, reason: found.reason ?? '', message: found.message ?? '' }
}

function failedByPolicy(job: Job, pods: readonly Pod[]): Verdict | undefined {
  for (const pod of pods.filter(({ status }) => status.phase === 'Failed')) {
    const match = matchFailurePolicy(job, pod)
    if (match?.action === 'FailJob') return { type: 'failed', reason: 'PodFailurePolicy', message: match.message }
  }
  return undefined
}

function failedByLimits(job: Job, { failed }: Count, pods: readonly Pod[], nowMs: number): Verdict | undefined {
  if (failed > (job.spec.backoffLimit ?? 6) || hasTooManyRestarts(job, pods)) {
    const message = 'Job has reached the specified backoff limit'
    return { type: 'failed', reason: 'BackoffLimitExceeded', message }
  }
  const left = deadlineLeftMs(job, nowMs)
  if (left === undefined || left > 0) return undefined
  return { type: 'failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' }
}

/** With `OnFailure` containers start again in the same pod, and those starts count. */
function hasTooManyRestarts({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false
  const running = pods.filter(({ status }) => status.phase === 'Running' || status.phase === 'Pending')
  const statuses = running.flatMap(({ status }) => [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
  ])
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0)
  const limit = spec.backoffLimit ?? 6
  return limit === 0 ? restarts > 0 : restarts >= limit
}

/** The time until the active deadline; `undefined` without one. */
export function deadlineLeftMs(job: Job, nowMs: number): number | undefined {
  const { activeDeadlineSeconds } = job.spec
  const { startTime } = job.status
  if (activeDeadlineSeconds === undefined || startTime === undefined || isSuspended(job)) return undefined
  return parseTime(startTime) + activeDeadlineSeconds * 1000 - nowMs
}

function failedByIndexes(job: Job, { failedIndexes, succeededIndexes }: Count): Verdict | undefined {
  const { backoffLimitPerIndex, maxFailedIndexes, completions = 0 } = job.spec
  if (!isIndexed(job) || backoffLimitPerIndex === undefined) return undefined
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes'
    return { type: 'failed', reason: 'MaxFailedIndexesExceeded', message }
  }
  if (failedIndexes.size === 0 || failedIndexes.size + succeededIndexes.size < completions) return undefined
  return { type: 'failed', reason: 'FailedIndexes', message: 'Job has failed indexes' }
}

function succeededByPolicy(job: Job, { succeededIndexes }: Count): Verdict | undefined {
  if (!isIndexed(job)) return undefined
  const message = matchSuccessPolicy(job, succeededIndexes)
  return message === undefined ? undefined : { type: 'succeeded', reason: 'SuccessPolicy', message }
}

/** All work is done and no pod runs any more. */
export function isDone({ spec }: Job, succeeded: number, active: number): boolean {
  if (active > 0) return false
  return spec.completions === undefined ? succeeded > 0 : succeeded >= spec.completions
}

export const completed: Verdict = {
  type: 'succeeded',
  reason: 'CompletionsReached',
  message: 'Reached expected number of succeeded pods',
}
