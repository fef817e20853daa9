import type { ApiObject } from '../../api/resource.ts'
import type { Client } from '../../client/rest/client.ts'
import type { ResourceRef } from '../../client/rest/resource-refs.ts'

/**
 * Asks the server itself whether the owner still stands: a cache may not know yet that it is being deleted, and an object
 * adopted then would be lost with it. Throws when it may not adopt.
 */
export async function mayAdopt<T extends ApiObject, D>(
  client: Client,
  ref: ResourceRef<T, D>,
  owner: T,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = owner.metadata
  const fresh = await client.get(ref, { namespace, name }, signal)
  if (fresh.metadata.uid !== uid) {
    throw new Error(`original ${owner.kind} ${namespace}/${name} is gone: got uid ${fresh.metadata.uid}, wanted ${uid}`)
  }
  if (fresh.metadata.deletionTimestamp !== undefined) {
    throw new Error(`${namespace}/${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`)
  }
}
