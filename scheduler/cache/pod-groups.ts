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
}

type Group = PodGroup & { readonly nodes: Map<string, number> }
const noGroups: ReadonlyMap<string, Group> = new Map()

/** The groups of all pods that are on nodes. */
export class PodGroups {
  readonly #byNamespace = new Map<string, Map<string, Group>>()
  readonly #withAffinity = new Set<Group>()

  /** Counts a pod on a node, or discounts it. */
  count(pod: PodInfo, nodeName: string, change: 1 | -1): void {
    const groups = this.#groupsOf(pod.namespace)
    let group = groups.get(pod.groupKey)
    if (group === undefined) {
      group = { sample: pod, nodes: new Map() }
      groups.set(pod.groupKey, group)
      if (hasAffinity(pod)) this.#withAffinity.add(group)
    }
    const next = (group.nodes.get(nodeName) ?? 0) + change
    if (next > 0) group.nodes.set(nodeName, next)
    else group.nodes.delete(nodeName)
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
