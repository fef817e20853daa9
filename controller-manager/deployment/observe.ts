import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import type { NamespacedName } from '../../apimachinery/brand.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { Informer } from '../../client/cache/informer.ts'
import { planClaim } from '../owner/claim.ts'
import type { Dependents } from '../owner/dependents.ts'
import type { Observed } from './plan.ts'

export type Caches = {
  readonly deployments: Informer<Deployment>
  readonly replicaSetsOf: Dependents<ReplicaSet>
  readonly podsOf: Dependents<Pod>
  readonly nowMs: number
}

/** Reads the caches. */
export function observeDeployment(caches: Caches, key: NamespacedName): Observed | undefined {
  const deployment = caches.deployments.get(key)
  if (deployment === undefined) return undefined
  const selector = selectorFromLabelSelector(deployment.spec.selector)
  const claim = planClaim(deployment, selector, caches.replicaSetsOf.candidates(deployment))
  const podsByOwner = new Map(
    claim.owned.map(({ metadata }) => [metadata.uid, caches.podsOf.ownedBy(metadata.uid)] as const),
  )
  return { deployment, claim, podsByOwner, nowMs: caches.nowMs }
}
