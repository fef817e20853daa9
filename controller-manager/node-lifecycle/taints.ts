/** The taints that follow from a node's conditions. Pure. */

import type { Node, Taint } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { isSame } from '../pod/canonical-json.ts'
import { nodeCondition } from './health.ts'

const prefix = 'node.kubernetes.io/'
export const notReadyTaint = `${prefix}not-ready`
export const unreachableTaint = `${prefix}unreachable`

/** Condition, status, and the taint that keeps new pods away. */
const noSchedule: readonly (readonly [type: string, status: string, key: string])[] = [
  ['Ready', 'False', notReadyTaint],
  ['Ready', 'Unknown', unreachableTaint],
  ['MemoryPressure', 'True', `${prefix}memory-pressure`],
  ['DiskPressure', 'True', `${prefix}disk-pressure`],
  ['NetworkUnavailable', 'True', `${prefix}network-unavailable`],
  ['PIDPressure', 'True', `${prefix}pid-pressure`],
]
const unschedulableKey = `${prefix}unschedulable`
const ownKeys = new Set([...noSchedule.map(([, , key]) => key), unschedulableKey])
const evictingKeys = new Set([notReadyTaint, unreachableTaint])

/**
 * The node's taints as they should be; `undefined` when they are. `mayEvict` is false while every node is silent: then
 * it is more likely that we are cut off than that all nodes have died.
 */
export function wantedTaints(node: Node, mayEvict: boolean, nowMs: number): readonly Taint[] | undefined {
  const current = node.spec.taints ?? []
  const others = current.filter((taint) => !isOurs(taint))
  const wanted = [...schedulingTaints(node), ...(mayEvict ? evictingTaints(node) : [])]
  const timed = wanted.map((taint) => current.find((old) => isSameTaint(old, taint)) ?? withTime(taint, nowMs))
  const next = [...others, ...timed]
  return isSame(next.toSorted(byKey), current.toSorted(byKey)) ? undefined : next
}

function isOurs({ key, effect }: Taint): boolean {
  return (effect === 'NoSchedule' && ownKeys.has(key)) || (effect === 'NoExecute' && evictingKeys.has(key))
}

function schedulingTaints(node: Node): readonly Taint[] {
  const keys = noSchedule.flatMap(([type, status, key]) => (nodeCondition(node, type)?.status === status ? [key] : []))
  const cordoned = node.spec.unschedulable === true ? [unschedulableKey] : []
  return [...keys, ...cordoned].map((key) => ({ key, effect: 'NoSchedule' }))
}

function evictingTaints(node: Node): readonly Taint[] {
  const ready = nodeCondition(node, 'Ready')?.status
  if (ready === 'False') return [{ key: notReadyTaint, effect: 'NoExecute' }]
  if (ready === 'Unknown') return [{ key: unreachableTaint, effect: 'NoExecute' }]
  return []
}

function withTime(taint: Taint, nowMs: number): Taint {
  return { ...taint, timeAdded: formatTime(nowMs) }
}

function isSameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect
}

function byKey(a: Taint, b: Taint): number {
  return `${a.key} ${a.effect}` < `${b.key} ${b.effect}` ? -1 : 1
}
