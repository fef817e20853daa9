/** Topology spread constraints of a pod in a form that is quick to check. Source: KEP-895, KEP-3022, KEP-3094, KEP-3243. */
import type { TopologySpreadConstraint } from '../../api/core/v1.ts'
import { matches, type Selector, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodGroup } from '../cache/pod-groups.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Listers, Snapshot } from '../cache/snapshot.ts'
import { matchesNodeAffinity } from './node-affinity.ts'
import { untoleratedTaint } from './tolerations.ts'

export type SpreadConstraint = {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly minDomains: number
  readonly selectsPod: (labels: Readonly<Record<string, string>>) => boolean
  /** Whether the node's pods and domain count at all; absent: all nodes do. */
  readonly includesNode: ((node: NodeInfo) => boolean) | undefined
}

/** What applies to pods without constraints of their own. Source: `defaultingType: System`. */
const systemDefaults = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
] as const

/** The pod's constraints of one kind. */
export function constraintsOf(
  pod: PodInfo,
  whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway',
): readonly SpreadConstraint[] {
  const constraints = pod.pod.spec?.topologySpreadConstraints
  if (constraints === undefined || constraints.length === 0) return []
  return constraints.filter((each) => each.whenUnsatisfiable === whenUnsatisfiable).map((each) => compile(each, pod))
}

/** Soft constraints that spread the pods of a Service, ReplicaSet or StatefulSet; none for a pod of no workload. */
export function defaultConstraints(pod: PodInfo, listers: Listers): readonly SpreadConstraint[] {
  const selectors = listers.workloadSelectors(pod).map(selectorFromLabelSelector)
  if (selectors.length === 0) return []
  const selectsPod = (labels: Readonly<Record<string, string>>) => selectors.every((each) => matches(each, labels))
  return systemDefaults.map((each) => ({
    ...each,
    minDomains: 1,
    selectsPod,
    includesNode: isFreeToRoam(pod) ? undefined : (node) => matchesNodeAffinity(pod.pod, node),
  }))
}

/** How many matching pods of the pod's namespace each domain has. Pods that are being deleted do not count. */
export function countDomains(
  { selectsPod, includesNode, topologyKey }: SpreadConstraint,
  namespace: string,
  snapshot: Snapshot,
): ReadonlyMap<string, number> {
  const matching: PodGroup[] = []
  for (const group of snapshot.groups.inNamespace(namespace)) {
    if (!group.sample.isTerminating && selectsPod(group.sample.labels)) matching.push(group)
  }
  const [only] = matching
  // The usual case, one template and no restriction, costs nothing: its domains are counted already.
  if (only !== undefined && matching.length === 1 && includesNode === undefined) return only.domains(topologyKey)
  const counts = new Map<string, number>()
  const add = (value: string, pods: number) => counts.set(value, (counts.get(value) ?? 0) + pods)
  for (const group of matching) {
    if (includesNode === undefined) {
      for (const [value, pods] of group.domains(topologyKey)) add(value, pods)
      continue
    }
    for (const [name, pods] of group.nodes) {
      const node = snapshot.node(name)
      const value = node?.labels[topologyKey]
      if (node !== undefined && value !== undefined && includesNode(node)) add(value, pods)
    }
  }
  return counts
}

/** Whether neither a selector nor affinity ties the pod to certain nodes. */
function isFreeToRoam({ pod: { spec } }: PodInfo): boolean {
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return spec?.nodeSelector === undefined && required === undefined
}

function compile(constraint: TopologySpreadConstraint, pod: PodInfo): SpreadConstraint {
  const { maxSkew, topologyKey, minDomains = 1, nodeAffinityPolicy, nodeTaintsPolicy } = constraint
  const selector = withLabelKeys(constraint, pod)
  const tolerations = pod.pod.spec?.tolerations ?? []
  return {
    maxSkew,
    topologyKey,
    minDomains,
    selectsPod: (labels) => matches(selector, labels),
    includesNode:
      nodeTaintsPolicy !== 'Honor' && (nodeAffinityPolicy === 'Ignore' || isFreeToRoam(pod))
        ? undefined
        : (node) =>
            (nodeAffinityPolicy === 'Ignore' || matchesNodeAffinity(pod.pod, node)) &&
            (nodeTaintsPolicy !== 'Honor' || untoleratedTaint(node.taints, tolerations) === undefined),
  }
}

/** `matchLabelKeys` narrows the selector to pods with the same values as this pod. */
function withLabelKeys({ labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint, pod: PodInfo): Selector {
  const same = matchLabelKeys.flatMap((key) => {
    const value = pod.labels[key]
    return value === undefined ? [] : [[key, value] as const]
  })
  if (labelSelector === undefined || same.length === 0) return selectorFromLabelSelector(labelSelector)
  const matchExpressions = [
    ...(labelSelector.matchExpressions ?? []),
    ...same.map(([key, value]) => ({ key, operator: 'In', values: [value] })),
  ]
  return selectorFromLabelSelector({ ...labelSelector, matchExpressions })
}
