/** Removes pods from nodes whose NoExecute taints they do not tolerate, or no longer. Pure. */

import { tolerates } from '../../api/core/tolerations.ts'
import type { Node, Pod, Taint, Toleration } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'

/** Everything the decision depends on. */
export type Observed = { readonly pod: Pod; readonly node: Node | undefined; readonly nowMs: number }
export type Action = { readonly type: 'evict'; readonly pod: Pod }

/** Evicts at once, or comes back when the shortest toleration has run out. */
export function plan({ pod, node, nowMs }: Observed): Plan<Action> {
  const taints = (node?.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute')
  if (taints.length === 0 || pod.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const waits = taints.map((taint) => waitMs(pod.spec.tolerations ?? [], taint, nowMs))
  const wait = Math.min(...waits)
  if (wait === Number.POSITIVE_INFINITY) return { actions: [] }
  return wait <= 0 ? { actions: [{ type: 'evict', pod }] } : { actions: [], requeueAfterMs: wait }
}

/** How long this taint is still tolerated: negative, never again; infinite, for ever. */
function waitMs(tolerations: readonly Toleration[], taint: Taint, nowMs: number): number {
  const fitting = tolerations.filter((toleration) => tolerates(toleration, taint))
  if (fitting.length === 0) return Number.NEGATIVE_INFINITY
  const seconds = Math.min(...fitting.map(({ tolerationSeconds }) => tolerationSeconds ?? Number.POSITIVE_INFINITY))
  const sinceMs = taint.timeAdded === undefined ? nowMs : parseTime(taint.timeAdded)
  return sinceMs + Math.max(0, seconds) * 1000 - nowMs
}
