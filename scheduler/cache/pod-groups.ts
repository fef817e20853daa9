/**
 * Pods that no affinity or spread rule can tell apart (same namespace, labels, affinity) counted per node. Pods made from
 * one template form one group, so a selector is matched once per group and not once per pod: this is what keeps topology
 * spread and pod affinity cheap with many pods.
 */
import type { PodInfo } from './pod-info.ts'

export type PodGroup = {
  /** Any one of the pods. */
  readonly sample: PodInfo
  /** How many of the pods are on which node. */
  readonly nodes: ReadonlyMap<string, number>
  /** How many of the pods are in which domain: by the value of a node label. */
  readonly domains: (topologyKey: string) => ReadonlyMap<string, number>
}

/** Labels of a node that is known. */
export type LabelsOf = (nodeName: string) => Readonly<Record<string, string>> | undefined

const noGroups: ReadonlyMap<string, Group> = new Map()

class Group implements PodGroup {
  readonly sample: PodInfo
  readonly nodes = new Map<string, number>()
  readonly #labelsOf: LabelsOf
  readonly #domains = new Map<string, Map<string, number>>()

  constructor(sample: PodInfo, labelsOf: LabelsOf) {
    this.sample = sample
    this.#labelsOf = labelsOf
  }

  count(nodeName: string, change: number): void {
    addTo(this.nodes, nodeName, change)
    for (const [topologyKey, counts] of this.#domains) this.#countDomain(counts, topologyKey, nodeName, change)
  }

  domains(topologyKey: string): ReadonlyMap<string, number> {
    const known = this.#domains.get(topologyKey)
    if (known !== undefined) return known
    const counts = new Map<string, number>()
    for (const [nodeName, pods] of this.nodes) this.#countDomain(counts, topologyKey, nodeName, pods)
    this.#domains.set(topologyKey, counts)
    return counts
  }

  forgetDomains(): void {
    this.#domains.clear()
  }

  #countDomain(counts: Map<string, number>, topologyKey: string, nodeName: string, change: number): void {
    const value = this.#labelsOf(nodeName)?.[topologyKey]
    if (value !== undefined) addTo(counts, value, change)
  }
}

function addTo(counts: Map<string, number>, key: string, change: number): void {
  const next = (counts.get(key) ?? 0) + change
  if (next > 0) counts.set(key, next)
  else counts.delete(key)
}

/** The groups of all pods that are on nodes. */
export class PodGroups {
  readonly #byNamespace = new Map<string, Map<string, Group>>()
  readonly #withAffinity = new Set<Group>()
  readonly #labelsOf: LabelsOf

  constructor(labelsOf: LabelsOf) {
    this.#labelsOf = labelsOf
  }

  /** Nodes came, went, or have other labels: domains are counted anew. */
  nodesChanged(): void {
    for (const groups of this.#byNamespace.values()) for (const group of groups.values()) group.forgetDomains()
  }

  /** Counts a pod on a node, or discounts it. */
  count(pod: PodInfo, nodeName: string, change: 1 | -1): void {
    const groups = this.#groupsOf(pod.namespace)
    let group = groups.get(pod.groupKey)
    if (group === undefined) {
      group = new Group(pod, this.#labelsOf)
      groups.set(pod.groupKey, group)
      if (hasAffinity(pod)) this.#withAffinity.add(group)
    }
    group.count(nodeName, change)
    if (group.nodes.size > 0) return
    groups.delete(pod.groupKey)
    this.#withAffinity.delete(group)
    if (groups.size === 0) this.#byNamespace.delete(pod.namespace)
  }

  /** The groups of one namespace. */
  inNamespace(namespace: string): Iterable<PodGroup> {
    return (this.#byNamespace.get(namespace) ?? noGroups).values()
  }

  /** Every group of every namespace. */
  *all(): Iterable<PodGroup> {
    for (const groups of this.#byNamespace.values()) yield* groups.values()
  }

  /** Groups whose pods have affinity or anti-affinity terms of their own. */
  withAffinity(): Iterable<PodGroup> {
    return this.#withAffinity
  }

  #groupsOf(namespace: string): Map<string, Group> {
    const known = this.#byNamespace.get(namespace)
    if (known !== undefined) return known
    const groups = new Map<string, Group>()
    this.#byNamespace.set(namespace, groups)
    return groups
  }
}

function hasAffinity(pod: PodInfo): boolean {
  return (
    pod.requiredAffinity.length +
      pod.requiredAntiAffinity.length +
      pod.preferredAffinity.length +
      pod.preferredAntiAffinity.length >
    0
  )
}
