import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Plugin, Rejection } from '../framework/plugin.ts'

/** Whether the pod's requests fit into what is left of the node, and (as a score) how much is left. */
export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  isNodeLocal: true,
  filter: (pod) => ({ type: 'check', check: (node) => findShortage(pod, node) }),
  score: (pod) => ({ score: (node) => leastAllocated(pod, node) }),
  mayHelp: (pod, event) => {
    switch (event.type) {
      case 'assignedPodDeleted':
      case 'nodeAdded':
      case 'podUpdated':
        return true
      case 'nodeUpdated':
        return event.changes.has('allocatable')
      case 'assignedPodUpdated':
        return (
          event.changes.has('requestsReduced') ||
          (event.changes.has('terminating') && pod.priority > event.pod.priority)
        )
      default:
        return false
    }
  },
}

/** Everything that is short at once, as upstream lists it: one reason for each resource. */
function findShortage({ requests }: PodInfo, node: NodeInfo): Rejection | undefined {
  const { allocatable, requested } = node
  // The usual case must not allocate: it runs for every pod on every node looked at.
  if (
    node.pods.size + 1 <= node.allowedPods &&
    requests.milliCpu <= allocatable.milliCpu - requested.milliCpu &&
    requests.memory <= allocatable.memory - requested.memory &&
    requests.ephemeralStorage <= allocatable.ephemeralStorage - requested.ephemeralStorage &&
    requests.scalar.size === 0
  ) {
    return undefined
  }
  const reasons: string[] = []
  let isUnresolvable = false
  const check = (name: string, wanted: number, total: number, used: number) => {
    if (wanted === 0 || wanted <= total - used) return
    reasons.push(`Insufficient ${name}`)
    if (wanted > total) isUnresolvable = true
  }
  if (node.pods.size + 1 > node.allowedPods) reasons.push('Too many pods')
  check('cpu', requests.milliCpu, allocatable.milliCpu, requested.milliCpu)
  check('memory', requests.memory, allocatable.memory, requested.memory)
  check('ephemeral-storage', requests.ephemeralStorage, allocatable.ephemeralStorage, requested.ephemeralStorage)
  for (const [name, wanted] of requests.scalar) {
    check(name, wanted, allocatable.scalar.get(name) ?? 0, requested.scalar.get(name) ?? 0)
  }
  if (reasons.length === 0) return undefined
  return isUnresolvable ? { reasons, isUnresolvable } : { reasons }
}

/** The mean share of CPU and memory that stays free. Source: scoring strategy `LeastAllocated`, both weights 1. */
function leastAllocated({ nonZero }: PodInfo, { allocatable, nonZeroRequested }: NodeInfo): number {
  const cpu = freeShare(allocatable.milliCpu, nonZeroRequested.milliCpu + nonZero.milliCpu)
  const memory = freeShare(allocatable.memory, nonZeroRequested.memory + nonZero.memory)
  const kinds = (allocatable.milliCpu > 0 ? 1 : 0) + (allocatable.memory > 0 ? 1 : 0)
  return kinds === 0 ? 0 : Math.floor((cpu + memory) / kinds)
}

function freeShare(total: number, used: number): number {
  if (total === 0 || used > total) return 0
  return Math.floor(((total - used) * 100) / total)
}
