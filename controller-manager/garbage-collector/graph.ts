/**
 * Who owns whom: every object of the cluster by uid, and the dependents of each owner. Kept from the changes of all caches;
 * an object is known by its metadata only.
 */
import type { ApiObject, OwnerReference } from '../../api/resource.ts'
import type { DiscoveredResource } from '../discovery.ts'

/** One object, as far as garbage collection cares. */
export type GraphNode = {
  readonly uid: string
  readonly resource: DiscoveredResource
  readonly apiVersion: string
  readonly name: string
  readonly namespace: string | undefined
  readonly owners: readonly OwnerReference[]
  readonly finalizers: readonly string[]
  readonly isBeingDeleted: boolean
}

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** What the graph keeps of an object. */
export function nodeOf(resource: DiscoveredResource, { apiVersion, metadata }: ApiObject): GraphNode {
  return {
    uid: metadata.uid,
    resource,
    apiVersion,
    name: metadata.name,
    namespace: metadata.namespace,
    owners: metadata.ownerReferences ?? [],
    finalizers: metadata.finalizers ?? [],
    isBeingDeleted: metadata.deletionTimestamp !== undefined,
  }
}

/** The owner is going away and waits for its dependents. */
export function isDeletingDependents({ isBeingDeleted, finalizers }: GraphNode): boolean {
  return isBeingDeleted && finalizers.includes(foregroundFinalizer)
}

/** Whether `node` names `owner` as one that must wait for it. */
export function blocksDeletion(node: GraphNode, ownerUid: string): boolean {
  return node.owners.some(({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true)
}

export type Graph = {
  readonly get: (uid: string) => GraphNode | undefined
  readonly dependentsOf: (uid: string) => readonly GraphNode[]
  readonly set: (node: GraphNode) => GraphNode | undefined
  readonly delete: (uid: string) => GraphNode | undefined
}

/** An empty graph. */
export function createGraph(): Graph {
  const nodes = new Map<string, GraphNode>()
  const dependents = new Map<string, Set<string>>()
  const link = (node: GraphNode): void => {
    for (const { uid } of node.owners) {
      const set = dependents.get(uid) ?? new Set()
      dependents.set(uid, set)
      set.add(node.uid)
    }
  }
  const unlink = (node: GraphNode): void => {
    for (const { uid } of node.owners) {
      const set = dependents.get(uid)
      set?.delete(node.uid)
      if (set?.size === 0) dependents.delete(uid)
    }
  }
  return {
    get: (uid) => nodes.get(uid),
    dependentsOf: (uid) => [...(dependents.get(uid) ?? [])].flatMap((dependent) => nodes.get(dependent) ?? []),
    set: (node) => {
      const old = nodes.get(node.uid)
      if (old !== undefined) unlink(old)
      nodes.set(node.uid, node)
      link(node)
      return old
    },
    delete: (uid) => {
      const old = nodes.get(uid)
      if (old !== undefined) unlink(old)
      nodes.delete(uid)
      return old
    },
  }
}
