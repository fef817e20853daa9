/**
 * What the project knows about one kind. Everything the API server does with a kind (decode, default, validate, store,
 * select, print, describe) is derived from a `Resource` value; a CustomResourceDefinition yields one at run time.
 */

import type { Json, JsonObject } from '../apimachinery/json.ts'
import type { StatusCause } from '../apimachinery/status.ts'
import type { ResourceFacts } from './facts/resources.ts'

/** Any API object, as far as every kind is alike. */
export type ApiObject = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMetadata
}
export type ObjectMetadata = {
  readonly name: string
  readonly namespace?: string
  readonly generateName?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
  readonly managedFields?: readonly ManagedFieldsEntry[]
}
export type OwnerReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}
export type ManagedFieldsEntry = {
  readonly manager?: string
  readonly operation?: string
  readonly apiVersion?: string
  readonly time?: string
  readonly fieldsType?: string
  readonly fieldsV1?: JsonObject
  readonly subresource?: string
}

/** What `kubectl get` shows. Source: `metav1.TableColumnDefinition`. */
export type Column<T> = {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date' | 'number' | 'boolean'
  readonly format?: string
  readonly description?: string
  /** Shown with `-o wide` only (priority 1). */
  readonly wide?: true
  /** Custom kinds may say any number. */
  readonly priority?: number
  readonly cell: (object: T, nowMs: number) => Json
}

/** What a kind's own rules ask of the metadata of an update: nothing, what a change is held to, or what a new object is besides. */
export type MetadataRules = 'none' | 'change' | 'whole'

/** One built-in or custom kind. Optional members: absent means the usual behaviour. */
export type Resource<T extends ApiObject = ApiObject> = {
  readonly facts: ResourceFacts
  /** The root definition in `api/facts/`, such as `core.v1.Pod`. */
  readonly definition: string
  /** Defaulting that upstream does in code; the table's `=` defaults are filled in before. */
  readonly defaults?: (object: T) => T
  /** Runs after defaulting and admission; all causes at once. Metadata is validated for every kind alike. */
  readonly validate?: (object: T) => readonly StatusCause[]
  /**
   * All that an update is held to; `validate` is not run besides. Absent: `validate`. Mistakes that the object had before, and may
   * keep, are told to `warn`, whatever becomes of the update.
   */
  readonly validateUpdate?: (object: T, old: T, warn?: (text: string) => void) => readonly StatusCause[]
  readonly validateStatusUpdate?: (object: T, old: T, warn?: (text: string) => void) => readonly StatusCause[]
  /** Default: drops `status`, sets `generation: 1` where the kind has a generation. */
  readonly prepareForCreate?: (object: T) => T
  /** Default: keeps the old `status`, bumps `generation` when the spec changed. */
  readonly prepareForUpdate?: (object: T, old: T) => T
  /** Default: takes only `status` (and managed fields) from the new object. */
  readonly prepareForStatusUpdate?: (object: T, old: T) => T
  /** `false` for kinds without `metadata.generation` (ConfigMap, Secret, Event, …). Default: true when the kind has a spec. */
  readonly hasGeneration?: boolean
  /** Path-segment (default), DNS-1123 subdomain, label …: upstream's name rule for `metadata.name`. Returns messages. */
  readonly validateName?: (name: string) => readonly string[]
  /**
   * Mistakes in the metadata are told by the rules of every write, and again by these. Absent: `change` for updates of the
   * object and of its status, and finalizers need a domain.
   */
  readonly metadataRules?: {
    readonly update?: MetadataRules
    readonly status?: MetadataRules
    readonly finalizers?: 'any'
  }
  /** Columns after or instead of Name and Age; absent: Name and Age. */
  readonly columns?: readonly Column<T>[]
  /** The order of rows in tables; absent: the order of the list. */
  readonly tableOrder?: (a: T, b: T) => number
  /** Field selectors besides `metadata.name` and `metadata.namespace`. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>
  /** Kinds that are deleted in two steps. Returns the grace period to record in seconds, 0 to delete at once. */
  readonly gracePeriodSeconds?: (object: T, requested: number | undefined) => number
  /** A finalizer added at create unless orphaning is asked for, and the like: upstream's `DefaultGarbageCollectionPolicy`. */
  readonly defaultDeletionPolicy?: 'Orphan' | 'Background'
  /** What the first request to delete does besides: finalizers, conditions. */
  readonly prepareForDelete?: (object: T, time: string) => T
  /** A custom kind: known to its CustomResourceDefinition only, so there are no strategic merge patches and no protobuf. */
  readonly isCustom?: true
  /** Whether `PUT` may create. Source: `AllowCreateOnUpdate`. */
  readonly allowCreateOnUpdate?: boolean
  /** Whether an update without `resourceVersion` is refused. Source: `AllowUnconditionalUpdate` is false. */
  readonly requiresResourceVersion?: boolean
  /** Objects live for this many seconds in the store (events: 3600). */
  readonly ttlSeconds?: number
  /** Another version of the same objects is what is stored (autoscaling/v1, events.k8s.io/v1). */
  readonly storedAs?: {
    readonly facts: ResourceFacts
    readonly definition: string
    readonly toStored: (object: T) => ApiObject
    readonly fromStored: (object: ApiObject) => T
    /** Versions are converted by somebody else, who takes time: before the two functions above are called. */
    readonly convert?: (objects: readonly ApiObject[], apiVersion: string) => Promise<readonly ApiObject[]>
  }
  /** Sent as a `Warning:` header with every request for this kind, reads too. Source: API lifecycle, `APIDeprecated`. */
  readonly deprecation?: string
  /** Warnings for deprecated use, as `Warning:` headers. */
  readonly warnings?: (object: T, old: T | undefined) => readonly string[]
}

/** Fixes the type of `T` for a kind's file and widens it for the list of all kinds. */
export function defineResource<T extends ApiObject>(resource: Resource<T>): Resource {
  // The one place where a kind's own type meets the generic one: the decoder guarantees that objects of this kind are `T`.
  return resource as unknown as Resource
}
