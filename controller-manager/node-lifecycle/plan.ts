/** Says of silent nodes that nobody knows how they are, taints them, and takes their pods out of service. Pure. */

import type { Node, NodeCondition, Pod, Taint } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isReady, isTerminal } from '../pod/activity.ts'
import { type Health, nodeCondition } from './health.ts'
import { wantedTaints } from './taints.ts'

/** Conditions that the kubelet posts, and whose silence counts. */
const watchedConditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** Everything the decision depends on. */
export type Observed = {
  readonly node: Node
  readonly health: Health
  /** The Ready status when the node was looked at before. */
  readonly readyBefore: string | undefined
  readonly pods: readonly Pod[]
  /** False while every node of the cluster is silent. */
  readonly mayEvict: boolean
  readonly isNew: boolean
  readonly gracePeriodMs: number
  readonly startupGracePeriodMs: number
  readonly monitorPeriodMs: number
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'register'; readonly node: Node }
  | { readonly type: 'updateConditions'; readonly node: Node; readonly conditions: readonly NodeCondition[] }
  | { readonly type: 'setTaints'; readonly node: Node; readonly taints: readonly Taint[] }
  | { readonly type: 'reportNotReady'; readonly node: Node }
  | { readonly type: 'markNotReady'; readonly pod: Pod }

/** Conditions first: taints and pods follow from them in the same plan. */
export function plan(observed: Observed): Plan<Action> {
  const { mayEvict, isNew, nowMs, monitorPeriodMs } = observed
  const conditions = silentConditions(observed)
  const node =
    conditions === undefined ? observed.node : { ...observed.node, status: { ...observed.node.status, conditions } }
  const taints = wantedTaints(node, mayEvict, nowMs)
  const actions: readonly Action[] = [
    ...(isNew ? [{ type: 'register' as const, node }] : []),
    ...(conditions === undefined ? [] : [{ type: 'updateConditions' as const, node: observed.node, conditions }]),
    ...(taints === undefined ? [] : [{ type: 'setTaints' as const, node, taints }]),
    ...planPods(observed, node),
  ]
  return { actions, requeueAfterMs: monitorPeriodMs }
}

/** The conditions of a node that has been silent too long; `undefined` when nothing is to be changed. */
function silentConditions(observed: Observed): readonly NodeCondition[] | undefined {
  const { node, health, nowMs } = observed
  const isFresh = nodeCondition(node, 'Ready') === undefined
  const limit = isFresh ? observed.startupGracePeriodMs : observed.gracePeriodMs
  if (nowMs <= health.seenMs + limit) return undefined
  const current = node.status.conditions ?? []
  const missing = watchedConditions.filter((type) => nodeCondition(node, type) === undefined)
  const known = current.filter(({ type, status }) => watchedConditions.includes(type) && status !== 'Unknown')
  if (missing.length + known.length === 0) return undefined
  const now = formatTime(nowMs)
  return [
    ...current.map((condition) => (known.includes(condition) ? stopped(condition, now) : condition)),
    ...missing.map((type) => never(type, node, now)),
  ]
}

function stopped(condition: NodeCondition, now: string): NodeCondition {
  const message = 'Kubelet stopped posting node status.'
  return { ...condition, status: 'Unknown', reason: 'NodeStatusUnknown', message, lastTransitionTime: now }
}

function never(type: string, { metadata }: Node, now: string): NodeCondition {
  return {
    type,
    status: 'Unknown',
    reason: 'NodeStatusNeverUpdated',
    message: 'Kubelet never posted node status.',
    lastHeartbeatTime: metadata.creationTimestamp,
    lastTransitionTime: now,
  }
}

/**
 * Pods of a node that went out of order are no endpoints any more. A kubelet that still reports decides for itself after
 * that; of a silent one every pod stays marked.
 */
function planPods({ readyBefore, pods }: Observed, node: Node): readonly Action[] {
  const ready = nodeCondition(node, 'Ready')?.status
  const hasTurned = readyBefore === 'True' && ready !== 'True'
  if (!hasTurned && ready !== 'Unknown') return []
  const marks = pods
    .filter((pod) => isReady(pod) && !isTerminal(pod))
    .map((pod) => ({ type: 'markNotReady' as const, pod }))
  // The report ends the turn, so that a failure before it makes all of it be tried again.
  return hasTurned ? [...marks, { type: 'reportNotReady', node }] : marks
}
