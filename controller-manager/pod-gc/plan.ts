/** Removes pods that nobody else will: too many finished ones, those of nodes that are gone, those that never had a node. Pure. */

import type { Node, Pod } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isTerminal } from '../pod/activity.ts'

const outOfServiceKey = 'node.kubernetes.io/out-of-service'

/** Everything the decision depends on. */
export type Observed = {
  readonly pods: readonly Pod[]
  readonly nodes: ReadonlyMap<string, Node>
  /** Nodes that were missing for the quarantine time already. */
  readonly goneNodes: ReadonlySet<string>
  /** Finished pods that are kept; 0 keeps all. */
  readonly threshold: number
}
export type Action = {
  readonly type: 'remove'
  readonly pod: Pod
  /** Set for a pod that still says it runs: why it does not. */
  readonly message: string | undefined
}

/** One pass over all pods. */
export function plan(observed: Observed): Plan<Action> {
  return {
    actions: [
      ...surplusTerminated(observed).map((pod) => ({ type: 'remove' as const, pod, message: undefined })),
      ...terminatingOutOfService(observed).map((pod) => ({ type: 'remove' as const, pod, message: undefined })),
      ...orphaned(observed).map((pod) => ({ type: 'remove' as const, pod, message: 'PodGC: node no longer exists' })),
      ...unscheduledTerminating(observed).map((pod) => ({ type: 'remove' as const, pod, message: undefined })),
    ],
  }
}

function surplusTerminated({ pods, threshold }: Observed): readonly Pod[] {
  if (threshold <= 0) return []
  const finished = pods.filter(isTerminal)
  const isEvicted = ({ status }: Pod): number => Number(status.reason === 'Evicted')
  const sorted = finished.toSorted(
    (a, b) =>
      isEvicted(b) - isEvicted(a) || createdMs(a) - createdMs(b) || (a.metadata.name < b.metadata.name ? -1 : 1),
  )
  return sorted.slice(0, Math.max(0, finished.length - threshold))
}

/** A node that its admin has declared dead does not report the end of its pods. */
function terminatingOutOfService({ pods, nodes }: Observed): readonly Pod[] {
  return pods.filter(({ metadata, spec }) => {
    const node = nodes.get(spec.nodeName ?? '')
    if (metadata.deletionTimestamp === undefined || node === undefined) return false
    const ready = node.status.conditions?.find(({ type }) => type === 'Ready')?.status
    return ready !== 'True' && node.spec.taints?.some(({ key }) => key === outOfServiceKey) === true
  })
}

function orphaned({ pods, goneNodes }: Observed): readonly Pod[] {
  return pods.filter(({ spec }) => (spec.nodeName ?? '') !== '' && goneNodes.has(spec.nodeName ?? ''))
}

function unscheduledTerminating({ pods }: Observed): readonly Pod[] {
  return pods.filter(({ metadata, spec }) => metadata.deletionTimestamp !== undefined && (spec.nodeName ?? '') === '')
}

function createdMs({ metadata }: Pod): number {
  return parseTime(metadata.creationTimestamp)
}
