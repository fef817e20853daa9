import type { Plugin, Rejection } from '../framework/plugin.ts'
import { isTolerated } from './tolerations.ts'

const cordoned: Rejection = { reasons: ['node(s) were unschedulable'], isUnresolvable: true }
const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const

/** Keeps pods off cordoned nodes, unless they tolerate the taint that cordoning stands for. */
export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  isNodeLocal: true,
  filter: ({ pod }) => {
    if (isTolerated(taint, pod.spec?.tolerations ?? [])) return undefined
    return { type: 'check', check: ({ node }) => (node.spec?.unschedulable === true ? cordoned : undefined) }
  },
  mayHelp: (_pod, event) =>
    (event.type === 'nodeAdded' && event.node.spec?.unschedulable !== true) ||
    (event.type === 'nodeUpdated' && event.changes.has('unschedulable') && event.node.spec?.unschedulable !== true) ||
    event.type === 'podUpdated',
}
