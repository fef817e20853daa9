/** Changes of size that are no rollout: `kubectl scale`, an autoscaler, a paused deployment. Pure. */
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { isRolling, maxSurge, sizeOf, totalSize, wantedReplicas, withPods } from './bounds.ts'
import { byCreation, desiredReplicasAnnotation, maxReplicasAnnotation, sizeNote } from './revision.ts'

/** New sizes by replica set; those not named stay. */
export type Resize = { readonly replicaSet: ReplicaSet; readonly to: number }

/** True when the wanted number changed since the replica sets were last sized. */
export function isScaling(deployment: Deployment, replicaSets: readonly ReplicaSet[]): boolean {
  return withPods(replicaSets).some((replicaSet) => {
    const noted = sizeNote(replicaSet, desiredReplicasAnnotation)
    return noted !== undefined && noted !== wantedReplicas(deployment)
  })
}

/** Sizes the only active set, or empties old ones beside a saturated new one, or shares the change in proportion. */
export function planScale(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Resize[] {
  const all = current === undefined ? old : [...old, current]
  const only = activeOrLatest(current, old)
  if (only !== undefined) {
    return sizeOf(only) === wantedReplicas(deployment) ? [] : [{ replicaSet: only, to: wantedReplicas(deployment) }]
  }
  if (isSaturated(deployment, current)) return withPods(old).map((replicaSet) => ({ replicaSet, to: 0 }))
  return isRolling(deployment) ? shareInProportion(deployment, withPods(all)) : []
}

function activeOrLatest(current: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const all = current === undefined ? old : [...old, current]
  const active = withPods(all)
  if (active.length > 1) return undefined
  return active[0] ?? current ?? old.toSorted(byCreation).at(-1)
}

function isSaturated(deployment: Deployment, current: ReplicaSet | undefined): boolean {
  const wanted = wantedReplicas(deployment)
  return (
    current !== undefined &&
    sizeOf(current) === wanted &&
    sizeNote(current, desiredReplicasAnnotation) === wanted &&
    (current.status.availableReplicas ?? 0) === wanted
  )
}

/** Larger sets take a larger share of the change; what rounding leaves goes to the first. */
function shareInProportion(deployment: Deployment, active: readonly ReplicaSet[]): readonly Resize[] {
  const allowed = wantedReplicas(deployment) === 0 ? 0 : wantedReplicas(deployment) + maxSurge(deployment)
  const change = allowed - totalSize(active)
  const sorted = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || (change > 0 ? byCreation(b, a) : byCreation(a, b)))
  let given = 0
  const sizes = sorted.map((replicaSet) => {
    const share = proportionOf(deployment, replicaSet, change, given)
    given += share
    return { replicaSet, to: sizeOf(replicaSet) + share }
  })
  const leftover = change - given
  return sizes.map(({ replicaSet, to }, index) => ({ replicaSet, to: index === 0 ? Math.max(0, to + leftover) : to }))
}

function proportionOf(deployment: Deployment, replicaSet: ReplicaSet, change: number, given: number): number {
  if (change === 0 || change === given) return 0
  const fraction = fractionOf(deployment, replicaSet)
  const rest = change - given
  return change > 0 ? Math.min(fraction, rest) : Math.max(fraction, rest)
}

function fractionOf(deployment: Deployment, replicaSet: ReplicaSet): number {
  const size = sizeOf(replicaSet)
  if (wantedReplicas(deployment) === 0) return -size
  const maxBefore = sizeNote(replicaSet, maxReplicasAnnotation) || (deployment.status.replicas ?? 0)
  if (maxBefore === 0) return 0
  const maxNow = wantedReplicas(deployment) + maxSurge(deployment)
  return Math.floor((size * maxNow) / maxBefore + 0.5) - size
}
