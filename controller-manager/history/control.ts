/** Writes ControllerRevisions. */

import type { ControllerRevision } from '../../api/apps/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { ApiObject } from '../../api/resource.ts'
import { isControlledBy } from '../../apimachinery/owner-reference.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { controllerRevisions as revisionsRef } from '../../client/rest/resource-refs.ts'
import { whenShown } from '../informers.ts'
import { isSame } from '../pod/canonical-json.ts'

type Effects = { readonly client: Client; readonly revisions: Informer<ControllerRevision> }

/** Creates a revision. `collision`: the name is taken by another template, and the hash must change. */
export async function createRevision(
  { client, revisions }: Effects,
  owner: ApiObject,
  draft: Draft<'apps.v1.ControllerRevision'>,
  signal: AbortSignal,
): Promise<'created' | 'collision'> {
  try {
    await whenShown(revisions, await client.create(revisionsRef, draft, signal), signal)
    return 'created'
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error
    const at = { namespace: owner.metadata.namespace, name: draft.metadata?.name ?? '' }
    const existing = await client.get(revisionsRef, at, signal)
    if (!isControlledBy(existing, owner) || !isSame(existing.data, draft.data)) return 'collision'
    await whenShown(revisions, existing, signal)
    return 'created'
  }
}

/** Gives a revision that is used again the highest number. */
export async function renumberRevision(
  { client, revisions }: Effects,
  revision: ControllerRevision,
  number: number,
  signal: AbortSignal,
): Promise<void> {
  await whenShown(revisions, await client.update(revisionsRef, { ...revision, revision: number }, signal), signal)
}

/** Removes a revision that nobody uses. */
export async function deleteRevision(
  { client }: Effects,
  { metadata }: ControllerRevision,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.delete(revisionsRef, { namespace: metadata.namespace, name: metadata.name }, {}, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}
