/** What a deployment reports. Pure. */
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/apps/v1.ts'
import { maxUnavailable, totalOf, totalSize, wantedReplicas } from './bounds.ts'
import { type Conditions, withCondition, withoutCondition } from './conditions.ts'

/** Sums the counters of the replica sets and says whether enough pods are available. Source: `calculateStatus`. */
export function deploymentStatus(
  deployment: Deployment,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  conditions: Conditions,
  nowMs: number,
): DeploymentStatus {
  const available = totalOf(all, 'availableReplicas')
  const knowsTerminating = all.every(({ status }) => status.terminatingReplicas !== undefined)
  const counters = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: totalOf(all, 'replicas'),
    updatedReplicas: current?.status.replicas ?? 0,
    readyReplicas: totalOf(all, 'readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize(all) - available),
  }
  return {
    ...Object.fromEntries(Object.entries(counters).filter(([, count]) => count !== 0)),
    ...(knowsTerminating ? { terminatingReplicas: totalOf(all, 'terminatingReplicas') } : {}),
    ...(deployment.status.collisionCount === undefined ? {} : { collisionCount: deployment.status.collisionCount }),
    conditions: withAvailability(deployment, conditions, available, nowMs),
  }
}

function withAvailability(deployment: Deployment, conditions: Conditions, available: number, nowMs: number) {
  const isEnough = available >= wantedReplicas(deployment) - maxUnavailable(deployment)
  const next = isEnough
    ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }
  return withCondition(conditions, { type: 'Available', ...next }, nowMs)
}

/** A failure of the current replica set, else of any other, is the deployment's failure. */
export function withReplicaFailure(
  conditions: Conditions,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
  nowMs: number,
): Conditions {
  const failureOf = ({ status }: ReplicaSet) => status.conditions?.find(({ type }) => type === 'ReplicaFailure')
  const failure =
    (current === undefined ? undefined : failureOf(current)) ??
    all.flatMap((replicaSet) => failureOf(replicaSet) ?? []).at(0)
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure')
  const { status, reason, message } = failure
  const next = { type: 'ReplicaFailure', status, reason: reason ?? '', message: message ?? '' }
  return withCondition(conditions, next, nowMs)
}
