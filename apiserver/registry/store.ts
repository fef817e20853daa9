/** The only code that creates, updates and deletes objects. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import type { UserInfo } from '../http/request-info.ts'

/** Where an object lives; `namespace` is `''` for cluster-scoped kinds. */
export type ObjectKey = { readonly namespace: string; readonly name: string }

/** Who writes, and how. */
export type WriteOptions = {
  readonly user: UserInfo
  readonly dryRun?: boolean
  /** The name that owns changed fields; absent: no managed fields are recorded. */
  readonly fieldManager?: string
  readonly warn?: (text: string) => void
  /** The request's options object, for admission. */
  readonly options?: JsonObject
}

export type CreateOptions = WriteOptions

/** An update of `subresource` (`''` the object itself). */
export type UpdateOptions = WriteOptions & {
  readonly subresource?: string
  readonly preconditions?: Preconditions
  /**
   * Replaces the kind's own preparation and validation: what a subresource other than `status` may change is decided by the
   * function that changes it (binding, scale, finalize, eviction). The default is the kind's strategy.
   */
  readonly strategy?: 'kind' | 'asGiven'
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
  readonly create: (
    resource: Resource,
    namespace: string,
    object: ApiObject,
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
