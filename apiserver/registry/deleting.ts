/** Deleting an object: at once, by a mark that others wait for, or not at all. What it is to be is planned by `deletion.ts`. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'
import { checkDeleteOptions, checkDeletePreconditions, planDeletion } from './deletion.ts'
import { confirm, LostRace, retry } from './racing.ts'
import type { DeleteOptions, DeleteResult, ObjectKey, StoreDependencies } from './store.ts'
import { inOrder } from './system-fields.ts'
import { askedBy, erase, settling, write } from './writing.ts'

/** Deletes the stored object or begins to, as its finalizers and grace period ask. */
export async function remove(
  dependencies: StoreDependencies,
  resource: Resource,
  key: ObjectKey,
  options: DeleteOptions,
  signal: AbortSignal,
): Promise<DeleteResult> {
  checkDeleteOptions(options)
  return await retry(dependencies, resource, key, async (entry) => {
    return await removeOnce(dependencies, resource, entry, options, signal)
  })
}

async function removeOnce(
  dependencies: StoreDependencies,
  resource: Resource,
  entry: CacheEntry,
  options: DeleteOptions,
  signal: AbortSignal,
): Promise<DeleteResult> {
  const old = entry.view(resource).object
  checkDeletePreconditions(resource, old, options.preconditions)
  const request: AdmissionRequest = {
    operation: 'DELETE',
    resource,
    subresource: '',
    namespace: old.metadata.namespace ?? '',
    name: old.metadata.name,
    oldObject: old,
    ...askedBy(options),
  }
  return await settling(dependencies, options, request, async (admission) => {
    await admission.mutate(request, signal)
    await admission.validate(request, signal)
    return await storeDeletion(dependencies, resource, old, entry, options, signal)
  })
}

async function storeDeletion(
  { clock, storage, caches }: StoreDependencies,
  resource: Resource,
  old: ApiObject,
  entry: CacheEntry,
  options: DeleteOptions,
  signal: AbortSignal,
): Promise<DeleteResult> {
  const plan = planDeletion(resource, old, options, clock.now())
  switch (plan.type) {
    case 'keep':
      await confirm(caches, resource, entry)
      return { object: old, deleted: false }
    case 'mark': {
      if (options.dryRun === true) return { object: plan.object, deleted: false }
      const written = await write({ storage, caches }, resource, inOrder(plan.object), entry.revision, signal)
      if (written.type === 'lost') throw new LostRace(written.current)
      return { object: written.entry.view(resource).object, deleted: false }
    }
    case 'remove':
      if (options.dryRun === true) {
        await confirm(caches, resource, entry)
        return { object: old, deleted: true }
      }
      return { object: atRevision(old, await erase({ storage }, entry, signal)), deleted: true }
  }
}

/** What is deleted is answered at the revision of its deletion, as the watch shows it. */
function atRevision(object: ApiObject, revision: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
}
