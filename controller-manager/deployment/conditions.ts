/** The conditions of a deployment: Available, Progressing, ReplicaFailure. Pure. */

import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/apps/v1.ts'
import { formatTime, parseTime } from '../../apimachinery/time.ts'
import { wantedReplicas } from './bounds.ts'

export type Conditions = readonly DeploymentCondition[]
/** "No deadline" as clients of old versions wrote it. */
const maxInt32 = 2 ** 31 - 1

export function conditionOf(conditions: Conditions | undefined, type: string): DeploymentCondition | undefined {
  return conditions?.find((condition) => condition.type === type)
}

export function withoutCondition(conditions: Conditions, type: string): Conditions {
  return conditions.filter((condition) => condition.type !== type)
}

type NewCondition = Pick<DeploymentCondition, 'type' | 'status'> & { readonly reason: string; readonly message: string }

/** Sets a condition. One that says the same stays untouched; its transition time changes with the status only. */
export function withCondition(conditions: Conditions, next: NewCondition, nowMs: number): Conditions {
  const current = conditionOf(conditions, next.type)
  if (current?.status === next.status && current.reason === next.reason) return conditions
  return replaceCondition(conditions, next, nowMs)
}

/** Sets a condition anew even when it says the same: progress counts from its update time. */
export function replaceCondition(conditions: Conditions, next: NewCondition, nowMs: number): Conditions {
  const current = conditionOf(conditions, next.type)
  const now = formatTime(nowMs)
  const isKept = current?.status === next.status && (current.lastTransitionTime ?? undefined) !== undefined
  const lastTransitionTime = isKept ? current.lastTransitionTime : now
  return [
    ...withoutCondition(conditions, next.type),
    { ...next, lastUpdateTime: now, lastTransitionTime: lastTransitionTime ?? now },
  ]
}

export function hasProgressDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== maxInt32
}

/** Every pod is of the current template and available, and nobody asked for something else meanwhile. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = wantedReplicas(deployment)
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

function isProgressing(old: DeploymentStatus, status: DeploymentStatus): boolean {
  const outdated = (s: DeploymentStatus) => (s.replicas ?? 0) - (s.updatedReplicas ?? 0)
  return (
    (status.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    outdated(status) < outdated(old) ||
    (status.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (status.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  )
}

/** When the deadline for the next progress passes; `undefined` when nothing runs. */
function deadlineMs(deployment: Deployment, conditions: Conditions): number | undefined {
  const current = conditionOf(conditions, 'Progressing')
  const updated = current?.lastUpdateTime ?? undefined
  if (updated === undefined || !hasProgressDeadline(deployment)) return undefined
  return parseTime(updated) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1000
}

function isTimedOut(deployment: Deployment, conditions: Conditions, nowMs: number): boolean {
  const reason = conditionOf(conditions, 'Progressing')?.reason
  if (reason === 'ProgressDeadlineExceeded') return true
  const deadline = deadlineMs(deployment, conditions)
  return reason !== 'NewReplicaSetAvailable' && deadline !== undefined && deadline < nowMs
}

/** The wait until a rollout that stands still is called stuck. Source: `requeueStuckDeployment`. */
export function stuckCheckMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const reason = conditionOf(status.conditions, 'Progressing')?.reason
  const deadline = deadlineMs(deployment, status.conditions ?? [])
  if (deadline === undefined || reason === 'ProgressDeadlineExceeded' || isComplete(deployment, status)) {
    return undefined
  }
  return Math.max(0, deadline - nowMs) + 1000
}

/** The Progressing condition while a rollout runs. Source: `syncRolloutStatus`. */
export function rolloutConditions(
  deployment: Deployment,
  status: DeploymentStatus,
  current: ReplicaSet | undefined,
  nowMs: number,
): Conditions {
  const conditions = status.conditions ?? []
  if (!hasProgressDeadline(deployment)) return withoutCondition(conditions, 'Progressing')
  const reason = conditionOf(deployment.status.conditions, 'Progressing')?.reason
  const isDone = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && reason === 'NewReplicaSetAvailable'
  if (isDone) return conditions
  const subject =
    current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`
  const progressing = (state: 'True' | 'False', why: string, message: string) =>
    ({ type: 'Progressing', status: state, reason: why, message: `${subject} ${message}` }) as const
  if (isComplete(deployment, status)) {
    const done = progressing('True', 'NewReplicaSetAvailable', 'has successfully progressed.')
    return withCondition(conditions, done, nowMs)
  }
  if (isProgressing(deployment.status, status)) {
    return replaceCondition(conditions, progressing('True', 'ReplicaSetUpdated', 'is progressing.'), nowMs)
  }
  if (isTimedOut(deployment, conditions, nowMs)) {
    const late = progressing('False', 'ProgressDeadlineExceeded', 'has timed out progressing.')
    return withCondition(conditions, late, nowMs)
  }
  return conditions
}

/** Pausing and resuming restart the deadline, so that time spent paused does not count. */
export function pausedConditions(deployment: Deployment, nowMs: number): Conditions {
  const conditions = deployment.status.conditions ?? []
  const reason = conditionOf(conditions, 'Progressing')?.reason
  if (!hasProgressDeadline(deployment) || reason === 'ProgressDeadlineExceeded') return conditions
  const isPaused = deployment.spec.paused === true
  const unknown = { type: 'Progressing', status: 'Unknown' } as const
  if (isPaused && reason !== 'DeploymentPaused') {
    return withCondition(conditions, { ...unknown, reason: 'DeploymentPaused', message: 'Deployment is paused' }, nowMs)
  }
  if (!isPaused && reason === 'DeploymentPaused') {
    const resumed = { ...unknown, reason: 'DeploymentResumed', message: 'Deployment is resumed' }
    return withCondition(conditions, resumed, nowMs)
  }
  return conditions
}
