/** Asks the server for the owners of an object. */

import type { OwnerReference } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import type { DiscoveredResource } from '../discovery.ts'
import { foregroundFinalizer, type GraphNode } from './graph.ts'
import type { OwnerState } from './plan.ts'

/** Finds the resource that an owner reference means; `undefined` when the server has no such kind. */
export type FindResource = (owner: OwnerReference) => DiscoveredResource | undefined

/** A reference that cannot be followed: the object is then left alone. */
export class UnknownOwnerError extends Error {
  override readonly name = 'UnknownOwnerError'
}

/** The state of an owner: another object of the same name is as good as none. */
export async function ownerState(
  client: Client,
  find: FindResource,
  node: GraphNode,
  owner: OwnerReference,
  signal: AbortSignal,
): Promise<OwnerState> {
  const resource = find(owner)
  if (resource === undefined) throw new UnknownOwnerError(`no kind ${owner.kind} in ${owner.apiVersion}`)
  // A namespaced owner lives in the namespace of its dependent; a cluster-scoped dependent has none to look in.
  if (resource.namespaced && node.namespace === undefined) {
    throw new UnknownOwnerError(`cluster-scoped ${node.name} names a namespaced owner ${owner.kind}`)
  }
  const namespace = resource.namespaced ? node.namespace : undefined
  try {
    const { metadata } = await client.get(resource, { namespace, name: owner.name }, signal)
    if (metadata.uid !== owner.uid) return 'absent'
    const isWaiting =
      metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(foregroundFinalizer) === true
    return isWaiting && owner.blockOwnerDeletion === true ? 'waiting' : 'solid'
  } catch (error) {
    if (hasReason(error, 'NotFound')) return 'absent'
    throw error
  }
}
