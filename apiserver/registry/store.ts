/**
 * The only code that creates, updates and deletes objects. The order of every write is the same:
 *
 *   decode → defaults → mutating admission → prepare → validate → validating admission → store
 *
 * Writes are optimistic: read from the cache, change, write if the key is still at that revision; if not, again with what
 * the store says is there.
 */
import { randomUUID } from 'node:crypto'
import { validateObjectMeta, validateObjectMetaUpdate } from '../../api/meta/validation.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { generateName } from '../../apimachinery/names.ts'
import type { FieldValidation } from '../../apimachinery/schema/decode.ts'
import { emptyListsAsNull } from '../../apimachinery/schema/empty-lists.ts'
import type { StrictProblem } from '../../apimachinery/schema/parse-json.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import {
  alreadyExists,
  conflict,
  hasReason,
  invalid,
  notFound,
  type StatusCause,
  StatusError,
} from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { AdmissionChain, AdmissionRequest, SubresourceView } from '../admission/admission.ts'
import type { AuditNotes } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'
import { CacheEntry, withResourceVersion } from '../storage/cache-entry.ts'
import { prepareViews, toStoredVersion } from '../storage/conversion.ts'
import type { Storage, StoredValue } from '../storage/storage.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { decodeResource } from './decode.ts'
import {
  checkDeleteOptions,
  checkDeletePreconditions,
  checkPreconditions,
  isFinished,
  planDeletion,
} from './deletion.ts'
import { storageKey, storagePrefix } from './keys.ts'
import { noteManagers } from './managed-fields.ts'
import type { ResourceRegistry } from './resource-registry.ts'
import { forCreate, forUpdate, inOrder, prepareForCreate, withEmptyStatus, withNamespace } from './system-fields.ts'
import { isSameObject, prepareUpdate } from './update.ts'

/** Where an object lives; `namespace` is `''` for cluster-scoped kinds. */
export type ObjectKey = { readonly namespace: string; readonly name: string }

/** Who writes, and how. */
export type WriteOptions = {
  readonly user: UserInfo
  readonly dryRun?: boolean
  /** The name that owns changed fields; absent: no managed fields are recorded. */
  readonly fieldManager?: string
  readonly warn?: (text: string) => void
  /** Where it is recorded what is written; absent: it is not. */
  readonly audit?: AuditNotes
  /** The request's options object, for admission. */
  readonly options?: JsonObject
  /** Admission has been asked about what the subresource was sent, and is not asked about the stored object. */
  readonly isAdmitted?: boolean
}

export type CreateOptions = WriteOptions & {
  /** What happens to fields that the kind does not have; absent: they are dropped. */
  readonly fieldValidation?: FieldValidation
  /** Doubled fields found in the body's text. */
  readonly duplicates?: readonly StrictProblem[]
  /** Server-side apply brings the managed fields along. */
  readonly keepManagedFields?: boolean
}

/** An update of `subresource` (`''` the object itself). */
export type UpdateOptions = WriteOptions & {
  readonly subresource?: string
  /** What admission sees of the object. */
  readonly view?: SubresourceView
  readonly preconditions?: Preconditions
  /**
   * Replaces the kind's own preparation and validation: what a subresource other than `status` may change is decided by the
   * function that changes it (binding, scale, finalize, eviction). The default is the kind's strategy.
   */
  readonly strategy?: 'kind' | 'asGiven'
  /** Server-side apply brings the managed fields along. */
  readonly keepManagedFields?: boolean
}

export type Preconditions = { readonly uid?: string; readonly resourceVersion?: string }

/** `DeleteOptions` of the wire, already decoded. */
export type DeleteOptions = WriteOptions & {
  readonly gracePeriodSeconds?: number
  readonly preconditions?: Preconditions
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly orphanDependents?: boolean
}

/** `deleted`: it is gone from the store; otherwise it waits for a grace period or finalizers. */
export type DeleteResult = { readonly object: ApiObject; readonly deleted: boolean }

/** Objects in and out, in the served version of `resource`. Every failure is a `StatusError`. */
export type Store = {
  /** The built-in or custom resource, if it is served; `version` absent: the preferred one. */
  readonly resource: (group: string, plural: string, version?: string) => Resource | undefined
  /** A current read. Throws `NotFound`. */
  readonly get: (resource: Resource, key: ObjectKey, signal: AbortSignal) => Promise<ApiObject>
  /** `draft` is what a client may send: it is decoded and gets its defaults here. */
  readonly create: (
    resource: Resource,
    namespace: string,
    draft: object,
    options: CreateOptions,
    signal: AbortSignal,
  ) => Promise<ApiObject>
  /**
   * Reads, changes and writes, again until no one else wrote in between. `change` may be called more than once and throws
   * to refuse. When it returns an object with `metadata.resourceVersion` of another state than the stored one: `Conflict`.
   */
  readonly update: (
    resource: Resource,
    key: ObjectKey,
    change: (current: ApiObject) => ApiObject | Promise<ApiObject>,
    options: UpdateOptions,
    signal: AbortSignal,
  ) => Promise<ApiObject>
  readonly delete: (
    resource: Resource,
    key: ObjectKey,
    options: DeleteOptions,
    signal: AbortSignal,
  ) => Promise<DeleteResult>
}

export type StoreDependencies = {
  readonly resources: ResourceRegistry
  readonly schemas: Schemas
  readonly storage: Storage
  readonly caches: WatchCache
  readonly admission: () => AdmissionChain
  readonly clock: Clock
  readonly random: () => number
}

/** How often a generated name may meet one that exists. Source: `maxNameGenerationCreateAttempts`. */
const maxNameAttempts = 8
/** How often a write may lose against another before the client is told. */
const maxUpdateAttempts = 20
const modified = 'the object has been modified; please apply your changes to the latest version and try again'

/** The store over one durable storage and its caches. */
export function createStore(dependencies: StoreDependencies): Store {
  const { resources } = dependencies
  return {
    resource: (group, plural, version) =>
      version === undefined ? resources.preferred(group, plural) : resources.get(group, version, plural),
    get: async (resource, key) => (await readCurrent(dependencies, resource, key)).view(resource).object,
    create: async (...input) => await create(dependencies, ...input),
    update: async (...input) => await update(dependencies, ...input),
    delete: async (...input) => await remove(dependencies, ...input),
  }
}

async function readCurrent(
  { caches }: StoreDependencies,
  resource: Resource,
  { namespace, name }: ObjectKey,
): Promise<CacheEntry> {
  await caches.fresh()
  const entry = caches.cache(storagePrefix(resource)).get(storageKey(resource, namespace, name))
  if (entry === undefined) throw notFound(resource.facts, name)
  await prepareViews(resource, [entry])
  return entry
}

async function create(
  dependencies: StoreDependencies,
  resource: Resource,
  namespace: string,
  draft: object,
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  const decoded = decodeResource(dependencies.schemas, resource, {
    value: draft,
    fieldValidation: options.fieldValidation ?? 'Ignore',
    ...(options.duplicates === undefined ? {} : { duplicates: options.duplicates }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
  })
  options.audit?.requestObject(decoded)
  const placed = withNamespace(decoded, resource, namespace)
  const { name = '', generateName: base = '' } = placed.metadata
  const isGenerated = name === '' && base !== ''
  for (let attempt = 1; ; attempt++) {
    const chosen = isGenerated ? generateName(base, dependencies.random) : name
    try {
      return await createNamed(dependencies, resource, placed, chosen, options, signal)
    } catch (error) {
      if (!isGenerated || !hasReason(error, 'AlreadyExists')) throw error
      if (attempt >= maxNameAttempts) throw noNameLeft(error)
    }
  }
}

function noNameLeft(error: StatusError): StatusError {
  const message = `${error.message}, the server was not able to generate a unique name for the object`
  return new StatusError('AlreadyExists', message, error.details)
}

async function createNamed(
  dependencies: StoreDependencies,
  resource: Resource,
  placed: ApiObject,
  name: string,
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  const time = formatTime(dependencies.clock.now())
  const identified = forCreate(placed, { name, uid: randomUUID(), time })
  const started = managed(dependencies, resource, undefined, identified, options, time)
  const request: AdmissionRequest = {
    operation: 'CREATE',
    resource,
    subresource: '',
    namespace: started.metadata.namespace ?? '',
    name,
    object: started,
    user: options.user,
    dryRun: options.dryRun === true,
    ...(options.options === undefined ? {} : { options: options.options }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
    ...(options.audit === undefined ? {} : { annotate: options.audit.annotate }),
  }
  return await settling(dependencies, options, request, async (admission) => {
    const admitted = (await admission.mutate(request, signal)) ?? started
    const object = { ...request, object: admitted }
    return await storeNew({ ...dependencies, admission: () => admission }, resource, object, options, signal)
  })
}

function managed(
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

const nothingAsked: AdmissionChain = {
  mutate: async ({ object }) => object,
  validate: async () => {},
  settled: async () => {},
}

/** Whatever admission has reserved for a write is kept or given back when the write has ended. */
async function settling<T>(
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

async function storeNew(
  { admission, storage, caches, schemas }: StoreDependencies,
  resource: Resource,
  request: AdmissionRequest & { readonly object: ApiObject },
  options: CreateOptions,
  signal: AbortSignal,
): Promise<ApiObject> {
  const object = inOrder(withEmptyStatus(schemas, resource, prepareForCreate(resource, request.object)))
  refuseIfAny(resource, object, [...validateObjectMeta(object, resource), ...(resource.validate?.(object) ?? [])])
  for (const warning of resource.warnings?.(object, undefined) ?? []) options.warn?.(warning)
  await admission().validate({ ...request, object }, signal)
  if (options.dryRun === true) {
    await refuseIfTaken(caches, resource, object)
    return object
  }
  const written = await write({ storage, caches }, resource, object, 0, signal)
  if (written.type === 'written') return written.entry.view(resource).object
  throw taken(resource, object, written.current)
}

/** Source: `Store.Create`, which looks at what is there already. */
function taken(resource: Resource, { metadata }: ApiObject, current: CacheEntry | undefined): StatusError {
  const error = alreadyExists(resource.facts, metadata.name)
  return current?.view(resource).object.metadata.deletionTimestamp === undefined
    ? error
    : new StatusError('AlreadyExists', `object is being deleted: ${error.message}`, error.details)
}

async function refuseIfTaken(caches: WatchCache, resource: Resource, object: ApiObject): Promise<void> {
  const { metadata } = object
  await caches.fresh()
  const key = storageKey(resource, metadata.namespace ?? '', metadata.name)
  const current = caches.cache(storagePrefix(resource)).get(key)
  if (current !== undefined) throw taken(resource, object, current)
}

function refuseIfAny({ facts }: Resource, object: ApiObject, causes: readonly StatusCause[]): void {
  if (causes.length > 0) throw invalid(facts, object.metadata.name, causes)
}

async function update(
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

/** Writing lost against someone else; `current` is what the store holds now. */
class LostRace extends Error {
  readonly current: CacheEntry | undefined

  constructor(current: CacheEntry | undefined) {
    super('lost the race')
    this.current = current
  }
}

/**
 * Tries with what the cache has. What fails on a state that is no longer current (a refusal included) is tried again with
 * the current one.
 */
async function retry<T>(
  dependencies: StoreDependencies,
  resource: Resource,
  key: ObjectKey,
  attempt: (entry: CacheEntry) => Promise<T>,
): Promise<T> {
  const cache = dependencies.caches.cache(storagePrefix(resource))
  const cached = cache.get(storageKey(resource, key.namespace, key.name))
  let entry = cached ?? (await readCurrent(dependencies, resource, key))
  let isCurrent = cached === undefined
  for (let tries = 1; ; tries++) {
    try {
      await prepareViews(resource, [entry])
      return await attempt(entry)
    } catch (error) {
      if (tries >= maxUpdateAttempts) throw error instanceof LostRace ? busy(resource, key) : error
      if (error instanceof LostRace) {
        if (error.current === undefined) throw notFound(resource.facts, key.name)
        entry = error.current
      } else {
        if (isCurrent || !(error instanceof StatusError)) throw error
        const current = await readCurrent(dependencies, resource, key)
        if (current.revision === entry.revision) throw error
        entry = current
      }
      isCurrent = true
    }
  }
}

function busy(resource: Resource, { name }: ObjectKey): StatusError {
  return conflict(resource.facts, name, modified)
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
    user: options.user,
    dryRun: options.dryRun === true,
    ...(options.view === undefined ? {} : { view: options.view }),
    ...(options.options === undefined ? {} : { options: options.options }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
    ...(options.audit === undefined ? {} : { annotate: options.audit.annotate }),
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
  refuseIfAny(resource, object, [...validateObjectMetaUpdate(object, old, resource), ...validate(object, old)])
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

/** What ends without a write has nothing else to tell it that the state it began with has been replaced meanwhile. */
async function confirm(caches: WatchCache, resource: Resource, entry: CacheEntry): Promise<void> {
  await caches.fresh()
  const current = caches.cache(storagePrefix(resource)).get(entry.key)
  if (current?.revision !== entry.revision) throw new LostRace(current)
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

async function remove(
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
    user: options.user,
    dryRun: options.dryRun === true,
    ...(options.options === undefined ? {} : { options: options.options }),
    ...(options.warn === undefined ? {} : { warn: options.warn }),
    ...(options.audit === undefined ? {} : { annotate: options.audit.annotate }),
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

/** Returns the revision of the deletion. */
async function erase(
  { storage }: Pick<StoreDependencies, 'storage'>,
  entry: CacheEntry,
  signal: AbortSignal,
): Promise<number> {
  const result = await storage.delete(entry.key, entry.revision, signal)
  if (!result.written) throw new LostRace(toEntry(result.current))
  return result.revision
}

/** What is deleted is answered at the revision of its deletion, as the watch shows it. */
function atRevision(object: ApiObject, revision: number): ApiObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
}

type Written =
  | { readonly type: 'written'; readonly entry: CacheEntry }
  | { readonly type: 'lost'; readonly current: CacheEntry | undefined }

/** Encodes once: the same bytes go to the store, into the cache and to the client. */
async function write(
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
