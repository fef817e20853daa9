/** The pod of a DaemonSet for one node. Pure. */

import type { DaemonSet } from '../../api/apps/v1.ts'
import type { Affinity, NodeSelectorTerm, Pod, PodSpec, Toleration } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { podFromTemplate } from '../pod/template.ts'

export const hashLabel = 'controller-revision-hash'
export const generationAnnotation = 'deprecated.daemonset.template.generation'
const generationLabel = 'pod-template-generation'

/** What lets the pod run where others may not: a daemon is there to look after the node. */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
}

/** The template's spec with the tolerations of every daemon. */
export function daemonSpec({ spec }: DaemonSet): PodSpec {
  const own = spec.template.spec.tolerations ?? []
  const wanted = [...daemonTolerations, ...(spec.template.spec.hostNetwork === true ? [hostNetworkToleration] : [])]
  const missing = wanted.filter((toleration) => !own.some((other) => isSameToleration(other, toleration)))
  return { ...spec.template.spec, tolerations: [...own, ...missing] }
}

function isSameToleration(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.effect === b.effect && (a.operator ?? 'Equal') === b.operator
}

/** The pod for one node: bound to it by affinity, so that the scheduler still decides. */
export function daemonPod(set: DaemonSet, node: string, hash: string): Draft<'core.v1.Pod'> {
  const spec = daemonSpec(set)
  const generation = set.metadata.annotations?.[generationAnnotation]
  const template = { ...set.spec.template, spec: { ...spec, affinity: boundTo(spec.affinity, node) } }
  return podFromTemplate(template, {
    namespace: set.metadata.namespace ?? '',
    generateName: `${set.metadata.name}-`,
    owner: controllerReference(set),
    labels: { [hashLabel]: hash, ...(generation === undefined ? {} : { [generationLabel]: generation }) },
  })
}

/** Replaces all required terms: that the node fits them was decided already. */
function boundTo(affinity: Affinity | undefined, node: string): Affinity {
  const nodeSelectorTerms: readonly NodeSelectorTerm[] = [
    { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] },
  ]
  const nodeAffinity = {
    ...affinity?.nodeAffinity,
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
  }
  return { ...affinity, nodeAffinity }
}

/** The node that a daemon pod is on, or is meant for. */
export function targetNode({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  for (const { matchFields } of required?.nodeSelectorTerms ?? []) {
    const field = matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (field?.values?.length === 1) return field.values[0]
  }
  return undefined
}
