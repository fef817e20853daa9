/**
 * Server-side apply and the bookkeeping of every other write. Each write is compared with the object before it: what it changed
 * belongs to its manager from then on, and an applier may not take what another manager holds unless it forces.
 *
 *   update:  compare(live, object)            -> fields change hands
 *   apply:   merge(live, config)              -> remove what this manager applied before, applies no more, and nobody else holds
 *            compare(live, merged)            -> conflicts with others, or fields change hands
 *
 * Left out: conversion of sets between versions of a kind; the paths are taken to be the same.
 * Source: structured-merge-diff `merge/update.go`, apimachinery `pkg/util/managedfields`, KEP-555.
 */
import { goQuote } from '../field-errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../json.ts'
import { type Struct, structDefault } from '../schema/schema.ts'
import { badRequest, type StatusCause, StatusError } from '../status.ts'
import { compareObjects, objectFields } from './compare.ts'
import {
  difference,
  type FieldSet,
  intersection,
  isEmptySet,
  leaf,
  memberPaths,
  union,
  withNamedFields,
} from './field-set.ts'
import { lastAppliedPaths, withLastApplied } from './last-applied.ts'
import {
  addFields,
  capUpdates,
  type Entry,
  isReset,
  isSameWriter,
  readEntries,
  type Writer,
  withoutFields,
  writeEntries,
} from './managed-fields.ts'
import { mergeObjects, removeFields } from './merge-fields.ts'

export type WriteContext = {
  readonly struct: Struct
  /** The object in the store; absent when it is created. */
  readonly live?: JsonObject
  /** `fieldManager`, or the first part of the user agent. */
  readonly manager: string
  /** Such as `apps/v1`. */
  readonly apiVersion: string
  /** Such as `status`. */
  readonly subresource?: string
  /** Top-level fields that this endpoint resets: `status` on the main one, `spec` on `/status`. */
  readonly ignored?: readonly string[]
  /** RFC 3339. */
  readonly time: string
}
export type UpdateOptions = WriteContext & {
  /** The object about to be stored: decoded, defaulted, admitted. */
  readonly object: JsonObject
}
export type ApplyOptions = WriteContext & {
  /** What the applier sent, as `decodeConfiguration()` returns it. */
  readonly config: JsonObject
  /** The same as it was sent, for the annotation of client-side apply. */
  readonly sent?: JsonObject
  readonly force: boolean
}

/** The object of a create, update or patch with `managedFields` brought up to date. */
export function updateManagedFields(options: UpdateOptions): JsonObject {
  const { struct, live, object, manager, apiVersion, subresource = '', ignored = [], time } = options
  const { changed, removed } = compareObjects(struct, live ?? structDefault(struct), object, ignored)
  const { entries, wire } = startingEntries(live, object, subresource !== '')
  const untouched = isEmptySet(changed) && isEmptySet(removed)
  if (untouched && wire !== undefined) return withManagedFields(object, wire)
  // An existing object without owners stays without: its users have asked for that.
  if (live !== undefined && entries.length === 0) return withManagedFields(object, undefined)
  const writer: Writer = { manager, operation: 'Update', apiVersion, subresource }
  const kept = withoutFields(entries, changed, removed)
  const next = isEmptySet(changed) ? kept : addFields(kept, writer, changed, time)
  return withManagedFields(object, writeEntries(capUpdates(next)))
}

type Starting = { readonly entries: readonly Entry[]; readonly wire: Json | undefined }

/** The request may edit the entries themselves, but not through a subresource and not by leaving them out. */
function startingEntries(live: JsonObject | undefined, object: JsonObject, isSubresource: boolean): Starting {
  const sent = managedFieldsOf(object)
  if (!isSubresource && isReset(sent)) return { entries: [], wire: undefined }
  const ours = isSubresource ? undefined : readEntries(sent)
  if (ours !== undefined && ours.length > 0) return { entries: ours, wire: sent }
  const stored = managedFieldsOf(live ?? {})
  return { entries: readEntries(stored) ?? [], wire: stored }
}

/** Applies a configuration. Throws Conflict with one cause per field when others hold what would change. */
export function applyConfiguration(options: ApplyOptions): JsonObject {
  const { struct, config, manager, apiVersion, subresource = '', ignored = [], time } = options
  if (managedFieldsOf(config) !== undefined) throw badRequest('metadata.managedFields must be nil')
  const live = options.live ?? structDefault(struct)
  const writer: Writer = { manager, operation: 'Apply', apiVersion, subresource }
  const entries = entriesBeforeApply(options, live)
  const fields = objectFields(struct, config, ignored)
  const last = entries.find((entry) => isSameWriter(entry, writer))
  const others = entries.filter((entry) => entry !== last)
  const merged = pruned(struct, mergeObjects(struct, live, config), last, [
    ...others.map((entry) => entry.fields),
    fields,
  ])
  const { changed, removed } = compareObjects(struct, live, merged, ignored)
  if (!options.force) refuseConflicts(others, changed, options)
  const kept = withoutFields(others, changed, removed)
  // Who applies what is there already gets no time of its own. A new object has at least its name from who applies it.
  const isNoop = options.live !== undefined && isEmptySet(changed) && isEmptySet(removed)
  const isSame = isNoop && last !== undefined && isSameSet(last.fields, fields)
  const own: Entry = { ...writer, time: isNoop ? last?.time : time, fields, wire: isSame ? last.wire : undefined }
  const all = isEmptySet(fields) ? kept : [...kept, own]
  const synced = manager === 'kubectl' ? withLastApplied(merged, options.sent ?? config) : merged
  return withManagedFields(synced, writeEntries(all))
}

function isSameSet(a: FieldSet, b: FieldSet): boolean {
  return isEmptySet(difference(a, b)) && isEmptySet(difference(b, a))
}

/** All that an object without owners has belongs to a manager of that name, so that the first apply can conflict with it. */
function entriesBeforeApply(
  { struct, live: stored, apiVersion, ignored = [], time }: ApplyOptions,
  live: JsonObject,
): readonly Entry[] {
  const entries = readEntries(managedFieldsOf(live)) ?? []
  if (stored === undefined || entries.length > 0) return entries
  const { changed } = compareObjects(struct, structDefault(struct), live, ignored)
  const writer: Writer = { manager: 'before-first-apply', operation: 'Update', apiVersion, subresource: '' }
  return isEmptySet(changed) ? [] : addFields([], writer, changed, time)
}

/** Every configuration names its object, so `metadata` is always held, though names are in nobody's set. */
const identity: FieldSet = { 'f:metadata': { 'f:name': leaf } }

function pruned(struct: Struct, merged: JsonObject, last: Entry | undefined, held: readonly FieldSet[]): JsonObject {
  if (last === undefined) return merged
  const kept = withNamedFields(struct, held.reduce(union, identity))
  const gone = difference(withNamedFields(struct, last.fields), kept)
  return isEmptySet(gone) ? merged : removeFields(struct, merged, gone)
}

function refuseConflicts(others: readonly Entry[], changed: FieldSet, options: ApplyOptions): void {
  const conflicts = others.flatMap((entry) =>
    memberPaths(intersection(entry.fields, changed)).map((path) => ({ manager: managerText(entry), path })),
  )
  const allowed =
    options.manager === 'kubectl'
      ? lastAppliedPaths(options.struct, options.live, options.ignored ?? [])
      : new Set<string>()
  const real = conflicts.filter(({ path }) => !allowed.has(path))
  if (real.length === 0) return
  const causes = real.map(
    ({ manager, path }): StatusCause => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${manager}`,
      field: path,
    }),
  )
  throw new StatusError('Conflict', conflictMessage(real), { causes })
}

type Conflict = { readonly manager: string; readonly path: string }

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.path}`
  }
  const managers = [...new Set(conflicts.map(({ manager }) => manager))].toSorted()
  const lines = managers.flatMap((manager) => [
    `conflicts with ${manager}:`,
    ...conflicts.filter((conflict) => conflict.manager === manager).map(({ path }) => `- ${path}`),
  ])
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

function managerText({ manager, operation, apiVersion, subresource }: Entry): string {
  const name = `${goQuote(manager)}${subresource === '' ? '' : ` with subresource ${goQuote(subresource)}`}`
  if (operation === 'Apply') return name

  return `${name} using ${apiVersion}`
}

function managedFieldsOf(object: JsonObject): Json | undefined {
  const metadata = object['metadata']
  return isJsonObject(metadata) ? (metadata['managedFields'] ?? undefined) : undefined
}

function withManagedFields(object: JsonObject, managedFields: Json | undefined): JsonObject {
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {}
  if (metadata['managedFields'] === managedFields) return object
  const { managedFields: _, ...rest } = metadata
  const isEmpty = managedFields === undefined || (Array.isArray(managedFields) && managedFields.length === 0)
  return { ...object, metadata: isEmpty ? rest : { ...rest, managedFields } }
}
