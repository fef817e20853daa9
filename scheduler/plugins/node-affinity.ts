import { selectsNode, termSelectsNode } from '../../api/core/node-selector.ts'
import type { Pod } from '../../api/core/v1.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import { namedNodes } from '../cache/node-selector.ts'
import { type Plugin, type Rejection, scaleToMax } from '../framework/plugin.ts'

const mismatch: Rejection = { reasons: ["node(s) didn't match Pod's node affinity/selector"], isUnresolvable: true }

/** `nodeSelector` and required node affinity as a filter, preferred node affinity as a score. */
export const nodeAffinity: Plugin = {
  name: 'NodeAffinity',
  isNodeLocal: true,
  filter: ({ pod }) => {
    const required = requiredOf(pod)
    if (pod.spec?.nodeSelector === undefined && required === undefined) return undefined
    const only = required === undefined ? undefined : namedNodes(required)
    if (only?.size === 0) return { type: 'reject', reason: 'pod affinity terms conflict' }
    const check = (node: NodeInfo) => (matchesNodeAffinity(pod, node) ? undefined : mismatch)
    return { type: 'check', check, ...(only === undefined ? {} : { only }) }
  },
  score: ({ pod }) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    if (preferred.length === 0) return undefined
    return {
      score: (node) =>
        preferred.reduce((sum, { weight, preference }) => sum + (termSelectsNode(preference, node) ? weight : 0), 0),
      normalize: (scores) => scaleToMax(scores, { reverse: false }),
    }
  },
  mayHelp: ({ pod }, event) => {
    if (event.type === 'podUpdated') return true
    if (event.type !== 'nodeAdded' && !(event.type === 'nodeUpdated' && event.changes.has('labels'))) return false
    const { name, labels = {} } = event.node.metadata
    return matchesNodeAffinity(pod, { name, labels })
  },
}

/** Whether the node is one that the pod's `nodeSelector` and required node affinity allow. */
export function matchesNodeAffinity(pod: Pod, node: Pick<NodeInfo, 'name' | 'labels'>): boolean {
  const required = requiredOf(pod)
  const selected = Object.entries(pod.spec?.nodeSelector ?? {}).every(([name, value]) => node.labels[name] === value)
  return selected && (required === undefined || selectsNode(required, node))
}

function requiredOf(pod: Pod) {
  return pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
}
