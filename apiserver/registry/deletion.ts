/** What a delete request does to an object: gone at once, or marked and waiting. Pure. Source: `rest.BeforeDelete`. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { conflict, invalid } from '../../apimachinery/status.ts'
import { formatTime, parseTime } from '../../apimachinery/time.ts'
import type { DeleteOptions, Preconditions } from './store.ts'

/** `remove`: out of the store; `mark`: written with its new deletion fields; `keep`: already on its way. */
export type DeletionPlan =
  | { readonly type: 'remove' }
  | { readonly type: 'mark'; readonly object: ApiObject }
  | { readonly type: 'keep' }

const orphanFinalizer = 'orphan'
const foregroundFinalizer = 'foregroundDeletion'

/** Refuses options that contradict each other. */
export function checkDeleteOptions({ propagationPolicy, orphanDependents }: DeleteOptions): void {
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set'
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', [
      invalidValue('propagationPolicy', propagationPolicy, detail),
    ])
  }
}

/** Refuses when the object is not the one that the client means. */
export function checkPreconditions(
  resource: Resource,
  object: ApiObject,
  preconditions: Preconditions | undefined,
): void {
  if (preconditions === undefined) return
  const { uid, resourceVersion } = preconditions
  const { metadata } = object
  if (uid !== undefined && uid !== metadata.uid) {
    throw preconditionFailed(resource, object, `UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`)
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const message = `ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`
    throw preconditionFailed(resource, object, message)
  }
}

/** The same before a deletion, which has words of its own. Source: `rest.BeforeDelete`. */
export function checkDeletePreconditions(
  { facts }: Resource,
  { metadata }: ApiObject,
  preconditions: Preconditions | undefined,
): void {
  const { uid, resourceVersion } = preconditions ?? {}
  const refuse = (message: string): never => {
    throw conflict({ group: facts.group, plural: facts.kind }, metadata.name, message)
  }
  if (uid !== undefined && uid !== metadata.uid) {
    refuse(
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    )
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    refuse(
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    )
  }
}

function preconditionFailed(resource: Resource, { metadata }: ApiObject, message: string): Error {
  const namespace = metadata.namespace === undefined ? '' : `${metadata.namespace}/`
  const key = `${resource.facts.storagePrefix ?? ''}/${namespace}${metadata.name}`
  return conflict(
    resource.facts,
    metadata.name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${message}`,
  )
}

/** Decides what happens to `object` at `nowMs`. */
export function planDeletion(
  resource: Resource,
  object: ApiObject,
  options: DeleteOptions,
  nowMs: number,
): DeletionPlan {
  const isFirst = object.metadata.deletionTimestamp === undefined
  const prepared = isFirst ? resource.prepareForDelete?.(object, formatTime(nowMs)) : undefined
  const finalizers = finalizersFor(resource, prepared ?? object, options)
  const marked = prepared ?? (isNamespaceInUse(resource, object) ? terminating(object) : object)
  const withFinalizers = setFinalizers(marked, finalizers)
  const grace = gracePeriod(resource, object, options)
  const waits = finalizers.length > 0 || marked !== object
  if (object.metadata.deletionTimestamp !== undefined) {
    return planAgain({ object, next: withFinalizers, waits, grace: explicitGrace(options), nowMs })
  }
  if (grace > 0 || waits) return { type: 'mark', object: markDeleted(withFinalizers, marked === object, grace, nowMs) }
  return { type: 'remove' }
}

type Again = {
  readonly object: ApiObject
  readonly next: ApiObject
  readonly waits: boolean
  readonly grace: number | undefined
  readonly nowMs: number
}

/** A second request may shorten the grace period, down to nothing, and change the propagation policy. */
function planAgain({ object, next, waits, grace, nowMs }: Again): DeletionPlan {
  const { deletionGracePeriodSeconds: before = 0, deletionTimestamp = '' } = object.metadata
  const shortened = grace !== undefined && grace < before
  const left = shortened ? grace : before
  if (left === 0 && !waits) return { type: 'remove' }
  if (!shortened) return isSameFinalizers(object, next) ? { type: 'keep' } : { type: 'mark', object: next }
  // The time of the request stays: the new deadline counts from it.
  const requestedMs = deletionTimestamp === '' ? nowMs : parseTime(deletionTimestamp) - before * 1000
  const metadata = {
    ...next.metadata,
    deletionTimestamp: formatTime(requestedMs + left * 1000),
    deletionGracePeriodSeconds: left,
  }
  return { type: 'mark', object: { ...next, metadata } }
}

function gracePeriod(resource: Resource, object: ApiObject, options: DeleteOptions): number {
  return resource.gracePeriodSeconds?.(object, explicitGrace(options)) ?? 0
}

/** Negative periods mean one second, as upstream has it. */
function explicitGrace({ gracePeriodSeconds }: DeleteOptions): number | undefined {
  return gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds
}

/** What waits for its controller has no grace period, nor a new generation. Source: `Delete` of namespaces and definitions. */
function markDeleted(object: ApiObject, hasGrace: boolean, graceSeconds: number, nowMs: number): ApiObject {
  const { generation } = object.metadata
  const metadata = {
    ...object.metadata,
    deletionTimestamp: formatTime(nowMs + graceSeconds * 1000),
    ...(hasGrace ? { deletionGracePeriodSeconds: graceSeconds } : {}),
    ...(hasGrace && generation !== undefined && generation > 0 ? { generation: generation + 1 } : {}),
  }
  return { ...object, metadata }
}

/** Source: `deletionFinalizersForGarbageCollection`. */
function finalizersFor(resource: Resource, { metadata }: ApiObject, options: DeleteOptions): readonly string[] {
  const before = metadata.finalizers ?? []
  const others = before.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer)
  if (orphans(resource, before, options)) return [...others, orphanFinalizer]
  if (isForeground(before, options)) return [...others, foregroundFinalizer]
  return others
}

function orphans(resource: Resource, before: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === 'Orphan'
  if (before.includes(orphanFinalizer)) return true
  return before.includes(foregroundFinalizer) ? false : resource.defaultDeletionPolicy === 'Orphan'
}

function isForeground(before: readonly string[], options: DeleteOptions): boolean {
  if (options.orphanDependents !== undefined) return false
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === 'Foreground'
  return before.includes(foregroundFinalizer)
}

function setFinalizers(object: ApiObject, finalizers: readonly string[]): ApiObject {
  const { finalizers: before = [], ...metadata } = object.metadata
  if (before.length === 0 && finalizers.length === 0) return object
  return { ...object, metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers } }
}

function isSameFinalizers(a: ApiObject, b: ApiObject): boolean {
  return (a.metadata.finalizers ?? []).join() === (b.metadata.finalizers ?? []).join()
}

type NamespaceLike = ApiObject & {
  readonly spec?: { readonly finalizers?: readonly string[] }
  readonly status?: object
}

/** A namespace waits for `spec.finalizers`, which its controller takes away once it is empty. */
function isNamespaceInUse(resource: Resource, object: ApiObject): boolean {
  if (!isNamespaces(resource)) return false
  const { spec }: NamespaceLike = object
  return (spec?.finalizers ?? []).length > 0
}

function terminating(object: ApiObject): ApiObject {
  const { status }: NamespaceLike = object
  const next: NamespaceLike = { ...object, status: { ...status, phase: 'Terminating' } }
  return next
}

function isNamespaces({ facts }: Resource): boolean {
  return facts.group === '' && facts.plural === 'namespaces'
}

/** Whether an update has taken away the last thing that a deletion waits for. Source: `ShouldDeleteDuringUpdate`. */
export function isFinished(resource: Resource, object: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false
  return !isNamespaceInUse(resource, object)
}
