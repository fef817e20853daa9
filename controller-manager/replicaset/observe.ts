import type { ReplicaSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import type { NamespacedName } from '../../apimachinery/brand.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { Informer } from '../../client/cache/informer.ts'
import { planClaim } from '../owner/claim.ts'
import type { Dependents } from '../owner/dependents.ts'
import type { Observed } from './plan.ts'
import type { ManageFailure } from './status.ts'

export type Caches = {
  readonly replicaSets: Informer<ReplicaSet>
  readonly podsOf: Dependents<Pod>
  readonly replicaSetsOf: Dependents<ReplicaSet>
  readonly failures: Map<NamespacedName, ManageFailure>
  readonly nowMs: number
}

/** Reads the caches. */
export function observeReplicaSet(caches: Caches, key: NamespacedName): Observed | undefined {
  const { replicaSets, podsOf, failures, nowMs } = caches
  const replicaSet = replicaSets.get(key)
  const failure = failures.get(key)
  failures.delete(key)
  if (replicaSet === undefined) return undefined
  const selector = selectorFromLabelSelector(replicaSet.spec.selector)
  const claim = planClaim(replicaSet, selector, podsOf.candidates(replicaSet))
  return { replicaSet, claim, related: relatedPods(caches, replicaSet), failure, nowMs }
}

/** Pods of the replica sets that have the same owner, such as those of one deployment. */
function relatedPods({ podsOf, replicaSetsOf }: Caches, replicaSet: ReplicaSet): readonly Pod[] {
  const owner = controllerRef(replicaSet)
  const siblings = owner === undefined ? [replicaSet] : replicaSetsOf.ownedBy(owner.uid)
  return siblings.flatMap(({ metadata }) => podsOf.ownedBy(metadata.uid))
}
