/**
 * A plugin decides one aspect of where a pod may and should go. All its functions are pure: they look at the pod, a node
 * and a snapshot. What depends on the pod alone is worked out once, in `prepare`.
 */
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import type { ClusterEvent } from '../queue/cluster-event.ts'

/** Why a node cannot take a pod. `isUnresolvable`: removing pods from the node would not help. */
export type Rejection = { readonly reasons: readonly string[]; readonly isUnresolvable?: true }

/** `undefined` lets the pod in. */
export type NodeCheck = (node: NodeInfo) => Rejection | undefined

export type PreparedFilter =
  /** The pod can go nowhere, whatever the node. */
  | { readonly type: 'reject'; readonly reason: string }
  /** `only` names the nodes that need to be looked at; absent means all. */
  | { readonly type: 'check'; readonly check: NodeCheck; readonly only?: ReadonlySet<string> }

/** 0 (worst) to 100 (best) after `normalize`. */
export type PreparedScore = {
  readonly score: (node: NodeInfo) => number
  /** Brings the raw scores of all feasible nodes into 0..100, in place. */
  readonly normalize?: (scores: number[], nodes: readonly NodeInfo[]) => void
}

export type Plugin = {
  readonly name: string
  /**
   * Filter and score depend on nothing but the pod's `nodeKey` and the node itself, so that the answer for a like pod on
   * an unchanged node is known already.
   */
  readonly isNodeLocal?: true
  /** `undefined`: this pod asks nothing of this plugin. */
  readonly filter?: (pod: PodInfo, snapshot: Snapshot) => PreparedFilter | undefined
  /** `undefined`: all nodes are equal to this plugin. `feasible` are the nodes to be scored. */
  readonly score?: (pod: PodInfo, snapshot: Snapshot, feasible: readonly NodeInfo[]) => PreparedScore | undefined
  /** Whether the event may make a pod schedulable that this plugin had rejected. Absent: no event can. */
  readonly mayHelp?: (pod: PodInfo, event: ClusterEvent) => boolean
}

export const maxNodeScore = 100

/** Scales so that the highest raw score becomes 100; `reverse` makes the highest the worst. */
export function scaleToMax(scores: number[], { reverse }: { readonly reverse: boolean }): void {
  const highest = scores.reduce((max, score) => Math.max(max, score), 0)
  for (const [index, score] of scores.entries()) {
    const scaled = highest === 0 ? 0 : Math.floor((score * maxNodeScore) / highest)
    scores[index] = reverse ? maxNodeScore - scaled : scaled
  }
}
