/** What every write has in common: who owns what, what admission has reserved, and the one place where bytes go to the store. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { emptyListsAsNull } from '../../apimachinery/schema/empty-lists.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'
import type { AdmissionChain, AdmissionRequest } from '../admission/admission.ts'
import { CacheEntry, withResourceVersion } from '../storage/cache-entry.ts'
import { toStoredVersion } from '../storage/conversion.ts'
import type { StoredValue } from '../storage/storage.ts'
import { storageKey } from './keys.ts'
import { noteManagers } from './managed-fields.ts'
import { LostRace } from './racing.ts'
import type { CreateOptions, StoreDependencies, UpdateOptions, WriteOptions } from './store.ts'
import { inOrder } from './system-fields.ts'

/** The object with its managed fields, and with the lists that Go always writes. */
export function managed(
  { schemas }: StoreDependencies,
  resource: Resource,
  old: ApiObject | undefined,
  object: ApiObject,
  options: CreateOptions | UpdateOptions,
  time: string,
): ApiObject {
  const subresource = 'subresource' in options ? (options.subresource ?? '') : ''
  const { fieldManager } = options
  const noted =
    options.keepManagedFields === true
      ? object
      : noteManagers({ schemas, resource, old, object, fieldManager, subresource, time })
  const struct = schemas.structs.get(resource.definition)
  // Only lists were emptied.
  return struct === undefined
    ? noted
    : (emptyListsAsNull(struct, noted as unknown as JsonObject) as unknown as ApiObject)
}

/** What admission is told of who writes and how. */
export function askedBy(
  options: WriteOptions,
): Pick<AdmissionRequest, 'user' | 'dryRun' | 'isPatch' | 'options' | 'warn' | 'annotate'> {
  return {
    user: options.user,
    dryRun: options.dryRun === true,
    ...(options.isPatch === undefined ? {} : { isPatch: options.isPatch }),
    ...(options.options === undefined ? {} : { options: options.options }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
    ...(options.audit === undefined ? {} : { annotate: options.audit.annotate }),
  }
}

const nothingAsked: AdmissionChain = {
  mutate: async ({ object }) => object,
  validate: async () => {},
  settled: async () => {},
}

/** Whatever admission has reserved for a write is kept or given back when the write has ended. */
export async function settling<T>(
  { admission }: StoreDependencies,
  { isAdmitted = false }: WriteOptions,
  request: AdmissionRequest,
  write: (admission: AdmissionChain) => Promise<T>,
): Promise<T> {
  const chain = isAdmitted ? nothingAsked : admission()
  try {
    const result = await write(chain)
    await chain.settled(request, 'stored')
    return result
  } catch (error) {
    await chain.settled(request, 'failed')
    throw error
  }
}

/** Throws Invalid with all causes. Events are called by the group in which they are stored. */
export function refuseIfAny(
  { facts, storedAs }: Resource,
  { metadata }: ApiObject,
  causes: readonly StatusCause[],
): void {
  if (causes.length > 0) throw invalid(storedAs?.facts ?? facts, metadata.name, causes)
}

/** Returns the revision of the deletion. */
export async function erase(
  { storage }: Pick<StoreDependencies, 'storage'>,
  entry: CacheEntry,
  signal: AbortSignal,
): Promise<number> {
  const result = await storage.delete(entry.key, entry.revision, signal)
  if (!result.written) throw new LostRace(toEntry(result.current))
  return result.revision
}

export type Written =
  | { readonly type: 'written'; readonly entry: CacheEntry }
  | { readonly type: 'lost'; readonly current: CacheEntry | undefined }

/** Encodes once: the same bytes go to the store, into the cache and to the client. */
export async function write(
  { storage, caches }: Pick<StoreDependencies, 'storage' | 'caches'>,
  resource: Resource,
  object: ApiObject,
  expectedRevision: number,
  signal: AbortSignal,
): Promise<Written> {
  const stored = inOrder(await toStoredVersion(resource, object))
  const { resourceVersion: _version, ...metadata } = stored.metadata
  const bytes = Buffer.from(JSON.stringify({ ...stored, metadata }))
  const key = storageKey(resource, object.metadata.namespace ?? '', object.metadata.name)
  const { ttlSeconds } = resource
  const result = await storage.put(
    key,
    bytes,
    { expectedRevision, ...(ttlSeconds === undefined ? {} : { ttlSeconds }) },
    signal,
  )
  if (!result.written) return { type: 'lost', current: toEntry(result.current) }
  const { revision } = result
  const versioned = { ...stored, metadata: { ...metadata, resourceVersion: String(revision) } }
  const entry = new CacheEntry(key, revision, withResourceVersion(bytes, revision), versioned)
  caches.noteWritten(entry)
  // What was just converted one way need not be converted back.
  if (!entry.hasView(resource)) {
    entry.setView(resource, { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } })
  }
  return { type: 'written', entry }
}

function toEntry(stored: StoredValue | undefined): CacheEntry | undefined {
  return stored === undefined ? undefined : CacheEntry.of(stored)
}
