/** Compares the wanted number of pods with the pods that are there. Pure. */

import type { ReplicaSet, ReplicaSetStatus } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import type { Claim } from '../owner/claim.ts'
import { isActive, isTerminating, nextAvailabilityMs } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'
import { type RankedPod, sortByDeletionPreference } from '../pod/deletion-order.ts'
import { type ManageFailure, replicaSetStatus } from './status.ts'

/** No more pods than this are made or removed in one go. Source: upstream's `BurstReplicas`. */
const burstReplicas = 500

/** Everything the decision depends on. */
export type Observed = {
  readonly replicaSet: ReplicaSet
  readonly claim: Claim<Pod>
  /** Pods of all replica sets with the same owner: their number on a node decides who is removed first. */
  readonly related: readonly Pod[]
  /** What went wrong when pods were made or removed the last time. */
  readonly failure: ManageFailure | undefined
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'adopt'; readonly replicaSet: ReplicaSet; readonly pod: Pod }
  | { readonly type: 'release'; readonly replicaSet: ReplicaSet; readonly pod: Pod }
  | { readonly type: 'createPods'; readonly replicaSet: ReplicaSet; readonly count: number }
  | { readonly type: 'deletePods'; readonly replicaSet: ReplicaSet; readonly pods: readonly Pod[] }
  | { readonly type: 'updateStatus'; readonly replicaSet: ReplicaSet; readonly status: ReplicaSetStatus }

/** Adopts and releases, then makes or removes pods, then reports. */
export function plan(observed: Observed): Plan<Action> {
  const { replicaSet, claim, failure } = observed
  const pods = [...claim.owned, ...claim.adopt]
  const manage = replicaSet.metadata.deletionTimestamp === undefined ? planPods(observed, pods.filter(isActive)) : []
  const report = planStatus(observed, pods)
  return {
    actions: [
      ...claim.adopt.map((pod) => ({ type: 'adopt' as const, replicaSet, pod })),
      ...claim.release.map((pod) => ({ type: 'release' as const, replicaSet, pod })),
      // A failure may stop the next attempt too, so it is reported before the attempt.
      ...(failure === undefined ? [...manage, ...report] : [...report, ...manage]),
    ],
    ...requeue(observed, pods.filter(isActive)),
  }
}

function planPods({ replicaSet, related, nowMs }: Observed, active: readonly Pod[]): readonly Action[] {
  const missing = (replicaSet.spec.replicas ?? 1) - active.length
  if (missing > 0) return [{ type: 'createPods', replicaSet, count: Math.min(missing, burstReplicas) }]
  if (missing === 0) return []
  const surplus = Math.min(-missing, burstReplicas)
  const order = surplus < active.length ? sortByDeletionPreference(rankByNode(active, related), nowMs) : active
  return [{ type: 'deletePods', replicaSet, pods: order.slice(0, surplus) }]
}

/** The rank of a pod is the number of related active pods on its node. */
function rankByNode(pods: readonly Pod[], related: readonly Pod[]): readonly RankedPod[] {
  const perNode = new Map<string, number>()
  for (const pod of related.filter(isActive)) {
    const node = pod.spec.nodeName ?? ''
    perNode.set(node, (perNode.get(node) ?? 0) + 1)
  }
  return pods.map((pod) => ({ pod, rank: perNode.get(pod.spec.nodeName ?? '') ?? 0 }))
}

function planStatus({ replicaSet, failure, nowMs }: Observed, pods: readonly Pod[]): readonly Action[] {
  const active = pods.filter(isActive)
  const terminating = pods.filter(isTerminating).length
  const status = replicaSetStatus({ replicaSet, active, terminating, failure, nowMs })
  return isSame(status, replicaSet.status) ? [] : [{ type: 'updateStatus', replicaSet, status }]
}

/** Readiness that turns into availability with time sends no event. */
function requeue({ replicaSet, nowMs }: Observed, active: readonly Pod[]): { readonly requeueAfterMs?: number } {
  const requeueAfterMs = nextAvailabilityMs(active, replicaSet.spec.minReadySeconds ?? 0, nowMs)
  return requeueAfterMs === undefined ? {} : { requeueAfterMs }
}
