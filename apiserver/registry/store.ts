/**
 * The only code that creates, updates and deletes objects. The order of every write is the same:
 *
 *   decode → defaults → mutating admission → prepare → validate → validating admission → store
 *
 * Writes are optimistic: read from the cache, change, write if the key is still at that revision; if not, again with what
 * the store says is there.
 */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import type { FieldValidation } from '../../apimachinery/schema/decode.ts'
import type { StrictProblem } from '../../apimachinery/schema/parse-json.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { AdmissionChain, SubresourceView } from '../admission/admission.ts'
import type { AuditNotes } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { Storage } from '../storage/storage.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { create } from './creating.ts'
import { remove } from './deleting.ts'
import { readCurrent } from './racing.ts'
import type { ResourceRegistry } from './resource-registry.ts'
import { update } from './updating.ts'

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
  /** The request is a PATCH. */
  readonly isPatch?: true
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
