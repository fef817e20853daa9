/** Writes bootstrap objects through the same store as every client, until they are there. */

import type { ApiObject, Resource } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { forEachLimited } from '../../component-base/run.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { Store } from '../registry/store.ts'
import type { BootstrapObject } from './objects.ts'

/** How the server writes: it owns what it has set. */
export const apiserverWrite = { fieldManager: 'kube-apiserver' } as const

/** The server's own identity. */
export const apiserverUser: UserInfo = {
  name: 'system:apiserver',
  groups: ['system:masters', 'system:authenticated'],
}

/** Writes to the store at once, so that a slow disk is waited for once and not a hundred times. */
const parallel = 32

/** Creates what is missing; what is there stays as it is. */
export async function ensureAll(store: Store, objects: readonly BootstrapObject[], signal: AbortSignal): Promise<void> {
  await forEachLimited(objects, parallel, async (object) => await ensure(store, object, (current) => current, signal))
}

/** Creates an object, or changes the one that is there. */
export async function ensure(
  store: Store,
  { group, plural, namespace, draft }: BootstrapObject,
  change: (current: ApiObject) => ApiObject,
  signal: AbortSignal,
): Promise<void> {
  const resource = served(store, group, plural)
  const key = { namespace, name: draft.metadata.name }
  const found = await store.get(resource, key, signal).catch(absent)
  if (found !== undefined) {
    if (change(found) !== found)
      await store.update(resource, key, change, { user: apiserverUser, ...apiserverWrite }, signal)
    return
  }
  try {
    await store.create(resource, namespace, draft, { user: apiserverUser, ...apiserverWrite }, signal)
  } catch (error) {
    // Another API server was faster.
    if (!hasReason(error, 'AlreadyExists')) throw error
  }
}

function absent(error: unknown): undefined {
  if (!hasReason(error, 'NotFound')) throw error
}

function served(store: Store, group: string, plural: string): Resource {
  const resource = store.resource(group, plural)
  if (resource === undefined) throw new TypeError(`${plural}.${group} is not served`)
  return resource
}
