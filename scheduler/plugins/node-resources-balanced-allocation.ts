import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import { maxNodeScore, type Plugin } from '../framework/plugin.ts'

/** Prefers nodes where CPU and memory would be used to like shares. */
export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  isNodeLocal: true,
  score: (pod) => {
    // A pod without requests is best effort: it changes no balance. Source: upstream `isBestEffortPod` since 1.31.
    if (pod.requests.milliCpu === 0 && pod.requests.memory === 0) return undefined
    return { score: (node) => balance(pod, node) }
  },
}

/** 100 minus the standard deviation of the used shares, in percent. */
function balance({ requests }: PodInfo, { allocatable, requested }: NodeInfo): number {
  const shares: number[] = []
  if (allocatable.milliCpu > 0) shares.push(share(requested.milliCpu + requests.milliCpu, allocatable.milliCpu))
  if (allocatable.memory > 0) shares.push(share(requested.memory + requests.memory, allocatable.memory))
  const [cpu, memory] = shares
  const deviation = cpu === undefined || memory === undefined ? 0 : Math.abs((cpu - memory) / 2)
  return Math.floor((1 - deviation) * maxNodeScore)
}

function share(used: number, total: number): number {
  return Math.min(used / total, 1)
}
