import type { ApiObject } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import type { ResourceRef } from '../../client/rest/resource-refs.ts'

/** Adds or removes one finalizer; the version guards against a change by somebody else. `undefined`: the object is gone. */
export async function setFinalizer<T extends ApiObject, D>(
  client: Client,
  ref: ResourceRef<T, D>,
  object: T,
  finalizer: string,
  isWanted: boolean,
  signal: AbortSignal,
): Promise<T | undefined> {
  const others = (object.metadata.finalizers ?? []).filter((other) => other !== finalizer)
  const finalizers = isWanted ? [...others, finalizer] : others
  try {
    return await client.update(ref, { ...object, metadata: { ...object.metadata, finalizers } }, signal)
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}
