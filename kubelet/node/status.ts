/** The status of the node, put together from what was measured. Pure. */
import type { ContainerImage, NodeAddress, NodeStatus } from '../../api/core/v1.ts'
import type { Config } from '../config.ts'
import { extendedResources, nodeAllocatable, nodeCapacity } from './capacity.ts'
import { type NodeHealth, nodeConditions } from './conditions.ts'
import type { Machine } from './machine.ts'

export type NodeFacts = {
  readonly config: Config
  readonly machine: Machine
  readonly diskBytes: number
  readonly health: NodeHealth
  readonly images: readonly ContainerImage[]
  /** What the runtime says about itself; older runtimes say nothing. */
  readonly runtime: Pick<NodeStatus, 'runtimeHandlers' | 'features'>
  readonly nowMs: number
}

/** What the kubelet writes; `before` keeps the times of conditions and the extended resources. */
export function nodeStatus(before: NodeStatus, facts: NodeFacts): NodeStatus {
  const { config, machine, health, images, nowMs } = facts
  const capacity = { ...extendedResources(before), ...nodeCapacity(machine, facts.diskBytes, config.maxPods) }
  return {
    capacity,
    allocatable: nodeAllocatable(capacity, config.reserved, config.evictionHard),
    conditions: nodeConditions(health, before.conditions ?? [], nowMs),
    addresses: nodeAddresses(config),
    daemonEndpoints: { kubeletEndpoint: { Port: config.port } },
    nodeInfo: machine.info,
    images,
    ...facts.runtime,
  }
}

function nodeAddresses({ nodeIps, nodeName }: Config): readonly NodeAddress[] {
  return [...nodeIps.map((address) => ({ type: 'InternalIP', address })), { type: 'Hostname', address: nodeName }]
}
