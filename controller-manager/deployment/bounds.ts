/** How many pods a rollout may add and may miss. Pure. */

import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { resolveIntOrPercent } from '../../apimachinery/int-or-string.ts'

/** The wanted number of pods. */
export function wantedReplicas(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1
}

/** Pods above the wanted number: percentages round up. */
export function maxSurge(deployment: Deployment): number {
  if (!isRolling(deployment)) return 0
  return resolveIntOrPercent(deployment.spec.strategy.rollingUpdate?.maxSurge ?? 0, wantedReplicas(deployment), true)
}

/** Pods that may be missing: percentages round down; one when neither surge nor absence is allowed. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = wantedReplicas(deployment)
  if (!isRolling(deployment) || replicas === 0) return 0
  const value = deployment.spec.strategy.rollingUpdate?.maxUnavailable ?? 0
  const resolved = resolveIntOrPercent(value, replicas, false)
  return Math.min(replicas, resolved === 0 && maxSurge(deployment) === 0 ? 1 : resolved)
}

export function isRolling(deployment: Deployment): boolean {
  return deployment.spec.strategy.type === 'RollingUpdate'
}

export function sizeOf(replicaSet: ReplicaSet): number {
  return replicaSet.spec.replicas ?? 1
}

export function totalSize(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, replicaSet) => sum + sizeOf(replicaSet), 0)
}

/** Sums a counter of the status. */
export function totalOf(
  replicaSets: readonly ReplicaSet[],
  counter: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas',
): number {
  return replicaSets.reduce((sum, { status }) => sum + (status[counter] ?? 0), 0)
}

/** Replica sets that should have pods. */
export function withPods(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return replicaSets.filter((replicaSet) => sizeOf(replicaSet) > 0)
}

/** The size that the current replica set may take now. Source: `NewRSNewReplicas`. */
export function nextSizeOfNew(deployment: Deployment, all: readonly ReplicaSet[], currentSize: number): number {
  if (!isRolling(deployment)) return wantedReplicas(deployment)
  const room = wantedReplicas(deployment) + maxSurge(deployment) - totalSize(all)
  if (room <= 0) return currentSize
  return currentSize + Math.min(room, wantedReplicas(deployment) - currentSize)
}
