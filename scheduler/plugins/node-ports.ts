import type { HostPort } from '../cache/pod-info.ts'
import type { Plugin, Rejection } from '../framework/plugin.ts'

const taken: Rejection = { reasons: ["node(s) didn't have free ports for the requested pod ports"] }

/** Keeps two pods from asking for one host port. */
export const nodePorts: Plugin = {
  name: 'NodePorts',
  isNodeLocal: true,
  filter: ({ hostPorts }) => {
    if (hostPorts.length === 0) return undefined
    return {
      type: 'check',
      check: (node) => (hostPorts.some((port) => node.hostPorts.some((used) => clash(port, used))) ? taken : undefined),
    }
  },
  mayHelp: ({ hostPorts }, event) =>
    event.type === 'nodeAdded' ||
    (event.type === 'assignedPodDeleted' &&
      event.pod.hostPorts.some((freed) => hostPorts.some((port) => clash(port, freed)))),
}

/** An unspecified address covers every address of the node. */
function clash(left: HostPort, right: HostPort): boolean {
  if (left.port !== right.port || left.protocol !== right.protocol) return false
  return left.ip === right.ip || left.ip === '0.0.0.0' || right.ip === '0.0.0.0'
}
