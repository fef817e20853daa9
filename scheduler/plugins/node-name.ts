import type { Plugin, Rejection } from '../framework/plugin.ts'

const otherNode: Rejection = { reasons: ["node(s) didn't match the requested node name"], isUnresolvable: true }

/** Honours `spec.nodeName` of a pod that asks for a node and yet comes by the scheduler. */
export const nodeName: Plugin = {
  name: 'NodeName',
  isNodeLocal: true,
  filter: ({ pod }) => {
    const wanted = pod.spec?.nodeName
    if (wanted === undefined || wanted === '') return undefined
    return { type: 'check', check: ({ name }) => (name === wanted ? undefined : otherNode) }
  },
  mayHelp: ({ pod }, event) => event.type === 'nodeAdded' && event.node.metadata.name === pod.spec?.nodeName,
}
