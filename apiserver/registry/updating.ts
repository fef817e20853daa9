/** Changing an object: read → change → mutating admission → prepare → validate → validating admission → store, or again. */
import { validateObjectMetaUpdate } from '../../api/meta/validation.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { conflict, invalid, StatusError } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { AdmissionRequest } from '../admission/admission.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'
import { checkPreconditions, isFinished } from './deletion.ts'
import { confirm, LostRace, modified, retry } from './racing.ts'
import type { ObjectKey, StoreDependencies, UpdateOptions } from './store.ts'
import { forUpdate, inOrder, withNamespace } from './system-fields.ts'
import { isSameObject, prepareUpdate } from './update.ts'
import { askedBy, erase, managed, refuseIfAny, settling, write } from './writing.ts'

/** Changes the stored object, from what the store says is there. */
export async function update(
  dependencies: StoreDependencies,
  resource: Resource,
  key: ObjectKey,
  change: (current: ApiObject) => ApiObject | Promise<ApiObject>,
  options: UpdateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  return await retry(dependencies, resource, key, async (entry) => {
    const { object } = await updateOnce(dependencies, resource, entry, change, options, signal)
    return object
  })
}

async function updateOnce(
  dependencies: StoreDependencies,
  resource: Resource,
  entry: CacheEntry,
  change: (current: ApiObject) => ApiObject | Promise<ApiObject>,
  options: UpdateOptions,
  signal: AbortSignal,
): Promise<{ readonly object: ApiObject }> {
  const old = entry.view(resource).object
  checkPreconditions(resource, old, options.preconditions)
  const changed = withNamespace(await change(old), resource, old.metadata.namespace ?? '')
  checkVersion(resource, changed, old)
  const time = formatTime(dependencies.clock.now())
  const started = managed(dependencies, resource, old, forUpdate(changed, old), options, time)
  const request: AdmissionRequest = {
    operation: 'UPDATE',
    resource,
    subresource: options.subresource ?? '',
    namespace: old.metadata.namespace ?? '',
    name: old.metadata.name,
    object: started,
    oldObject: old,
    ...(options.view === undefined ? {} : { view: options.view }),
    ...askedBy(options),
  }
  return await settling(dependencies, options, request, async (admission) => {
    const admitted = (await admission.mutate(request, signal)) ?? started
    return await storeChanged(
      { ...dependencies, admission: () => admission },
      resource,
      { ...request, object: admitted, oldObject: old },
      entry,
      options,
      signal,
    )
  })
}

async function storeChanged(
  { admission, storage, caches }: StoreDependencies,
  resource: Resource,
  request: AdmissionRequest & { readonly object: ApiObject; readonly oldObject: ApiObject },
  entry: CacheEntry,
  options: UpdateOptions,
  signal: AbortSignal,
): Promise<{ readonly object: ApiObject }> {
  const { object: admitted, oldObject: old } = request
  const { object: prepared, validate } = prepareUpdate(resource, admitted, old, options)
  const object = inOrder(prepared)
  const metadata = validateObjectMetaUpdate(object, old, resource, options.subresource)
  refuseIfAny(resource, object, [...metadata, ...validate(object, old)])
  for (const warning of resource.warnings?.(object, old) ?? []) options.warn?.(warning)
  await admission().validate({ ...request, object }, signal)
  if (options.dryRun === true) {
    await confirm(caches, resource, entry)
    return { object }
  }
  if (isFinished(resource, object)) {
    await erase({ storage }, entry, signal)
    return { object }
  }
  // What is stored under a key that is rotated away is written again, even if nothing else changes.
  if (isSameObject(object, old) && (await storage.isStale?.(entry.key, signal)) !== true) {
    await confirm(caches, resource, entry)
    return { object: old }
  }
  const written = await write({ storage, caches }, resource, object, entry.revision, signal)
  if (written.type === 'lost') throw new LostRace(written.current)
  return { object: written.entry.view(resource).object }
}

function checkVersion(resource: Resource, changed: ApiObject, old: ApiObject): void {
  const { resourceVersion = '' } = changed.metadata
  refuseNoNumber(resourceVersion)
  if (resourceVersion !== '' && resourceVersion !== '0') {
    if (resourceVersion !== old.metadata.resourceVersion) throw conflict(resource.facts, old.metadata.name, modified)
    return
  }
  if (resource.requiresResourceVersion !== true) return
  const message = 'Invalid value: 0: must be specified for an update'
  // Upstream names the resource where a kind is due.
  const { group, plural } = resource.facts
  const causes = [{ reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message }] as const
  throw invalid({ group, kind: plural }, old.metadata.name, causes)
}

/** Source: `APIObjectVersioner.ObjectResourceVersion`. */
function refuseNoNumber(resourceVersion: string): void {
  if (resourceVersion === '') return
  const isNumber = /^\d+$/.test(resourceVersion)
  if (isNumber && BigInt(resourceVersion) < 2n ** 64n) return
  const problem = isNumber ? 'value out of range' : 'invalid syntax'
  throw new StatusError('', `strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: ${problem}`, undefined, 500)
}
