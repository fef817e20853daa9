/** What happened in the cluster, as far as it may make waiting pods schedulable. */
import type { Node, Pod } from '../../api/core/v1.ts'
import type { PodInfo } from '../cache/pod-info.ts'

export type ClusterEvent =
  | { readonly type: 'nodeAdded'; readonly node: Node }
  | { readonly type: 'nodeUpdated'; readonly node: Node; readonly changes: ReadonlySet<NodeChange> }
  | { readonly type: 'podAssigned'; readonly pod: PodInfo }
  | { readonly type: 'assignedPodUpdated'; readonly pod: PodInfo; readonly changes: ReadonlySet<PodChange> }
  | { readonly type: 'assignedPodDeleted'; readonly pod: PodInfo }
  /** The waiting pod itself was changed. */
  | { readonly type: 'podUpdated'; readonly pod: PodInfo }
  | { readonly type: 'storageChanged' }
  | { readonly type: 'namespaceChanged' }

export type NodeChange = 'allocatable' | 'labels' | 'taints' | 'unschedulable'
export type PodChange = 'labels' | 'requestsReduced' | 'terminating'

/** Which parts of the node matter to scheduling and differ. */
export function nodeChanges(old: Node, node: Node): ReadonlySet<NodeChange> {
  const changes = new Set<NodeChange>()
  if (!isSame(old.status?.allocatable, node.status?.allocatable)) changes.add('allocatable')
  if (!isSame(old.metadata.labels, node.metadata.labels)) changes.add('labels')
  if (!isSame(old.spec?.taints, node.spec?.taints)) changes.add('taints')
  if ((old.spec?.unschedulable ?? false) !== (node.spec?.unschedulable ?? false)) changes.add('unschedulable')
  return changes
}

/** Which parts of a pod on a node matter to other pods and differ. */
export function podChanges(old: PodInfo, pod: PodInfo): ReadonlySet<PodChange> {
  const changes = new Set<PodChange>()
  if (old.labels !== pod.labels && !isSame(old.labels, pod.labels)) changes.add('labels')
  if (pod.requests.milliCpu < old.requests.milliCpu || pod.requests.memory < old.requests.memory) {
    changes.add('requestsReduced')
  }
  if (!old.isTerminating && pod.isTerminating) changes.add('terminating')
  return changes
}

/** Whether the update of a waiting pod can change the verdict about it (not, say, its own status). */
export function isSchedulingUpdate(old: Pod, pod: Pod): boolean {
  return (
    old.metadata.deletionTimestamp !== pod.metadata.deletionTimestamp ||
    !isSame(old.metadata.labels, pod.metadata.labels) ||
    !isSame(old.spec, pod.spec)
  )
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right)
}
