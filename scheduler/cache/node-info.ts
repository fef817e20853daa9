/** A node with the pods on it (assumed ones included) and the running sums over them. */
import type { Node, Taint } from '../../api/core/v1.ts'
import type { HostPort, PodInfo } from './pod-info.ts'
import { noResources, type Resources, readResources } from './resources.ts'

/** What plugins see of a node. */
export type NodeInfo = {
  readonly name: string
  readonly node: Node
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly Taint[]
  readonly allocatable: Resources
  readonly allowedPods: number
  /** Size in bytes by image name, as the node reports it. */
  readonly images: ReadonlyMap<string, number>
  readonly pods: ReadonlyMap<string, PodInfo>
  readonly requested: Resources
  readonly nonZeroRequested: { readonly milliCpu: number; readonly memory: number }
  readonly hostPorts: readonly HostPort[]
  /** Grows with every change: what was worked out for this node at the same generation still holds. */
  readonly generation: number
  /** Place in `snapshot.nodes`. */
  readonly position: number
}

type Sums = { milliCpu: number; memory: number; ephemeralStorage: number; scalar: Map<string, number> }

/** The cache's own, writable form. */
export type NodeEntry = Omit<
  { -readonly [Key in keyof NodeInfo]: NodeInfo[Key] },
  'pods' | 'requested' | 'nonZeroRequested'
> & {
  readonly pods: Map<string, PodInfo>
  readonly requested: Sums
  readonly nonZeroRequested: { milliCpu: number; memory: number }
}

const noLabels: Readonly<Record<string, string>> = {}
const noImages: ReadonlyMap<string, number> = new Map()

/** A node without pods. */
export function createNodeEntry(node: Node): NodeEntry {
  return {
    ...factsOf(node),
    pods: new Map(),
    requested: { milliCpu: 0, memory: 0, ephemeralStorage: 0, scalar: new Map() },
    nonZeroRequested: { milliCpu: 0, memory: 0 },
    hostPorts: [],
    generation: 0,
    position: 0,
  }
}

/** Takes over what a newer version of the node says; the pods stay. */
export function updateNode(entry: NodeEntry, node: Node): void {
  Object.assign(entry, factsOf(node))
  entry.generation += 1
}

/** Puts a pod on the node. */
export function addPod(entry: NodeEntry, pod: PodInfo): void {
  if (entry.pods.has(pod.uid)) return
  entry.pods.set(pod.uid, pod)
  account(entry, pod, 1)
  if (pod.hostPorts.length > 0) entry.hostPorts = [...entry.hostPorts, ...pod.hostPorts]
}

/** Takes a pod off the node. */
export function removePod(entry: NodeEntry, uid: string): void {
  const pod = entry.pods.get(uid)
  if (pod === undefined) return
  entry.pods.delete(uid)
  account(entry, pod, -1)
  if (pod.hostPorts.length > 0) entry.hostPorts = [...entry.pods.values()].flatMap((each) => each.hostPorts)
}

function account(entry: NodeEntry, pod: PodInfo, sign: 1 | -1): void {
  const { requested, nonZeroRequested } = entry
  entry.generation += 1
  requested.milliCpu += sign * pod.requests.milliCpu
  requested.memory += sign * pod.requests.memory
  requested.ephemeralStorage += sign * pod.requests.ephemeralStorage
  for (const [name, amount] of pod.requests.scalar) {
    requested.scalar.set(name, (requested.scalar.get(name) ?? 0) + sign * amount)
  }
  nonZeroRequested.milliCpu += sign * pod.nonZero.milliCpu
  nonZeroRequested.memory += sign * pod.nonZero.memory
}

type Facts = Pick<NodeEntry, 'name' | 'node' | 'labels' | 'taints' | 'allocatable' | 'allowedPods' | 'images'>

function factsOf(node: Node): Facts {
  const allocatable = node.status?.allocatable ?? node.status?.capacity
  return {
    name: node.metadata.name,
    node,
    labels: node.metadata.labels ?? noLabels,
    taints: node.spec?.taints ?? [],
    allocatable: allocatable === undefined ? noResources : readResources(allocatable),
    allowedPods: Number(allocatable?.['pods'] ?? 0),
    images: imagesOf(node),
  }
}

function imagesOf(node: Node): ReadonlyMap<string, number> {
  const list = node.status?.images
  if (list === undefined || list.length === 0) return noImages
  return new Map(list.flatMap(({ names, sizeBytes }) => (names ?? []).map((name) => [name, sizeBytes ?? 0] as const)))
}
