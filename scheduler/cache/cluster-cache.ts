/**
 * The scheduler's picture of the cluster: nodes with the pods on them, kept up to date by watch events and by its own
 * decisions. A pod that was just placed is *assumed* to be on its node until the watch confirms it, so that the next
 * decision already counts it.
 */
import type { Node } from '../../api/core/v1.ts'
import { addPod, createNodeEntry, type NodeEntry, type NodeInfo, removePod, updateNode } from './node-info.ts'
import { PodGroups } from './pod-groups.ts'
import type { PodInfo } from './pod-info.ts'
import type { Listers, Snapshot } from './snapshot.ts'

type PodState = { readonly pod: PodInfo; readonly nodeName: string; readonly isAssumed: boolean }

/** Nodes, pods on nodes, and what is derived from them. */
export class ClusterCache {
  readonly #nodes = new Map<string, NodeEntry>()
  /** Pods on nodes that we have not heard of (yet, or any more). */
  readonly #homeless = new Map<string, Map<string, PodInfo>>()
  readonly #pods = new Map<string, PodState>()
  readonly #groups = new PodGroups((name) => this.#nodes.get(name)?.labels)
  readonly #domainValues = new Map<string, ReadonlyMap<string, number>>()
  readonly #imageSpread = new Map<string, number>()
  #ordered: readonly NodeEntry[] | undefined

  /** Adds or updates a node. */
  setNode(node: Node): void {
    const known = this.#nodes.get(node.metadata.name)
    if (known !== undefined) {
      const labelsBefore = JSON.stringify(known.labels)
      this.#countImages(known, -1)
      updateNode(known, node)
      this.#countImages(known, 1)
      if (JSON.stringify(known.labels) !== labelsBefore) this.#nodesChanged()
      return
    }
    const entry = createNodeEntry(node)
    this.#nodes.set(entry.name, entry)
    this.#countImages(entry, 1)
    for (const pod of this.#homeless.get(entry.name)?.values() ?? []) addPod(entry, pod)
    this.#homeless.delete(entry.name)
    this.#nodesChanged()
  }

  /** Forgets a node; its pods wait for it to come back or to be deleted themselves. */
  deleteNode(name: string): void {
    const entry = this.#nodes.get(name)
    if (entry === undefined) return
    this.#countImages(entry, -1)
    this.#nodes.delete(name)
    if (entry.pods.size > 0) this.#homeless.set(name, new Map(entry.pods))
    this.#nodesChanged()
  }

  /** Records what the watch says about a pod that has a node. Confirms an assumed pod. */
  setPod(pod: PodInfo, nodeName: string): void {
    this.#take(pod.uid)
    this.#put(pod, nodeName, false)
  }

  /** Forgets a pod. Returns whether it was known. */
  deletePod(uid: string): boolean {
    return this.#take(uid)
  }

  /** Counts a pod on the node that was just chosen for it. */
  assume(pod: PodInfo, nodeName: string): void {
    if (this.#pods.has(pod.uid)) return
    this.#put(pod, nodeName, true)
  }

  /** Takes back an assumption that did not come true. */
  forget(uid: string): void {
    if (this.#pods.get(uid)?.isAssumed === true) this.#take(uid)
  }

  /** Whether the pod is counted on a node, assumed or confirmed. */
  hasPod(uid: string): boolean {
    return this.#pods.has(uid)
  }

  get nodeCount(): number {
    return this.#nodes.size
  }

  get podCount(): number {
    return this.#pods.size
  }

  get assumedCount(): number {
    let count = 0
    for (const { isAssumed } of this.#pods.values()) if (isAssumed) count += 1
    return count
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name)
  }

  /** The view that decisions are made on. Valid until the next await. */
  snapshot(listers: Listers): Snapshot {
    this.#ordered ??= this.#order()
    return {
      nodes: this.#ordered,
      node: (name) => this.#nodes.get(name),
      groups: {
        inNamespace: (namespace) => this.#groups.inNamespace(namespace),
        all: () => this.#groups.all(),
        withAffinity: () => this.#groups.withAffinity(),
      },
      domainValues: (topologyKey) => this.#valuesOf(topologyKey),
      imageSpread: (image) => this.#imageSpread.get(image) ?? 0,
      listers,
      pretend: (nodeName, change, look) => this.#pretend(nodeName, change, look),
    }
  }

  #pretend<T>(
    nodeName: string,
    { remove = [], add = [] }: { readonly remove?: readonly PodInfo[]; readonly add?: readonly PodInfo[] },
    look: () => T,
  ): T {
    const removed = remove.flatMap((pod) => this.#pods.get(pod.uid) ?? [])
    for (const { pod } of removed) this.#take(pod.uid)
    const added = add.filter(({ uid }) => !this.#pods.has(uid))
    for (const pod of added) this.#put(pod, nodeName, true)
    try {
      return look()
    } finally {
      for (const { uid } of added) this.#take(uid)
      for (const { pod, nodeName: home, isAssumed } of removed) this.#put(pod, home, isAssumed)
    }
  }

  #put(pod: PodInfo, nodeName: string, isAssumed: boolean): void {
    this.#pods.set(pod.uid, { pod, nodeName, isAssumed })
    this.#groups.count(pod, nodeName, 1)
    const entry = this.#nodes.get(nodeName)
    if (entry !== undefined) {
      addPod(entry, pod)
      return
    }
    const homeless = this.#homeless.get(nodeName) ?? new Map<string, PodInfo>()
    homeless.set(pod.uid, pod)
    this.#homeless.set(nodeName, homeless)
  }

  #take(uid: string): boolean {
    const state = this.#pods.get(uid)
    if (state === undefined) return false
    this.#pods.delete(uid)
    this.#groups.count(state.pod, state.nodeName, -1)
    const entry = this.#nodes.get(state.nodeName)
    if (entry !== undefined) removePod(entry, uid)
    const homeless = this.#homeless.get(state.nodeName)
    homeless?.delete(uid)
    if (homeless?.size === 0) this.#homeless.delete(state.nodeName)
    return true
  }

  #order(): readonly NodeEntry[] {
    const ordered = alternateZones([...this.#nodes.values()])
    for (const [position, entry] of ordered.entries()) entry.position = position
    return ordered
  }

  #nodesChanged(): void {
    this.#ordered = undefined
    this.#domainValues.clear()
    this.#groups.nodesChanged()
  }

  #valuesOf(topologyKey: string): ReadonlyMap<string, number> {
    const known = this.#domainValues.get(topologyKey)
    if (known !== undefined) return known
    const values = new Map<string, number>()
    for (const { labels } of this.#nodes.values()) {
      const value = labels[topologyKey]
      if (value !== undefined) values.set(value, (values.get(value) ?? 0) + 1)
    }
    this.#domainValues.set(topologyKey, values)
    return values
  }

  #countImages(entry: NodeEntry, change: 1 | -1): void {
    for (const image of entry.images.keys()) {
      const next = (this.#imageSpread.get(image) ?? 0) + change
      if (next > 0) this.#imageSpread.set(image, next)
      else this.#imageSpread.delete(image)
    }
  }
}

function zoneOf({ labels }: NodeInfo): string {
  const region = labels['topology.kubernetes.io/region'] ?? ''
  const zone = labels['topology.kubernetes.io/zone'] ?? ''
  return `${region}:${zone}`
}

/** One node of each zone in turn, so that a search that stops early has seen all zones. */
function alternateZones(nodes: readonly NodeEntry[]): readonly NodeEntry[] {
  const zones = new Map<string, NodeEntry[]>()
  for (const entry of nodes) {
    const zone = zoneOf(entry)
    const members = zones.get(zone)
    if (members === undefined) zones.set(zone, [entry])
    else members.push(entry)
  }
  if (zones.size === 1) return nodes
  const lists = [...zones.values()]
  const longest = Math.max(0, ...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, index) => lists.flatMap((list) => list[index] ?? [])).flat()
}
