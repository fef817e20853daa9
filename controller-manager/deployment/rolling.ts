/** One step of a rolling update: grow the current replica set, else shrink the old ones. Pure. */
import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import { maxUnavailable, nextSizeOfNew, sizeOf, totalOf, totalSize, wantedReplicas, withPods } from './bounds.ts'
import { byCreation } from './revision.ts'
import type { Resize } from './scale.ts'

/** Never more pods than the surge allows, never fewer available ones than the bound asks for. */
export function planRollingStep(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly Resize[] {
  const size = sizeOf(current)
  const wanted = wantedReplicas(deployment)
  const to = size > wanted ? wanted : size === wanted ? size : nextSizeOfNew(deployment, [...old, current], size)
  return to === size ? planShrink(deployment, current, old) : [{ replicaSet: current, to }]
}

/** First pods that serve nobody, then as many others as stay available elsewhere. */
function planShrink(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): readonly Resize[] {
  const active = withPods(old).toSorted(byCreation)
  if (active.length === 0) return []
  const minAvailable = wantedReplicas(deployment) - maxUnavailable(deployment)
  const notYetAvailable = sizeOf(current) - (current.status.availableReplicas ?? 0)
  const maxRemoved = totalSize(active) + sizeOf(current) - minAvailable - notYetAvailable
  if (maxRemoved <= 0) return []
  const unhealthy = shrinkEach(active, maxRemoved, ({ size, available }) => size - available)
  const sizes = new Map(unhealthy.map(({ replicaSet, to }) => [replicaSet.metadata.name, to]))
  const surplus = totalOf([...old, current], 'availableReplicas') - minAvailable
  const healthy = shrinkEach(active, surplus, ({ size }) => size, sizes)
  return [...unhealthy, ...healthy]
}

type Extent = { readonly size: number; readonly available: number }

function shrinkEach(
  replicaSets: readonly ReplicaSet[],
  most: number,
  removable: (extent: Extent) => number,
  sizes: ReadonlyMap<string, number> = new Map(),
): readonly Resize[] {
  let left = most
  return replicaSets.flatMap((replicaSet) => {
    const size = sizes.get(replicaSet.metadata.name) ?? sizeOf(replicaSet)
    const removed = Math.min(
      left,
      Math.max(0, removable({ size, available: replicaSet.status.availableReplicas ?? 0 })),
    )
    if (removed <= 0) return []
    left -= removed
    return [{ replicaSet, to: size - removed }]
  })
}
