/**
 * `metadata.managedFields`: who owns which fields. One entry per manager, operation, API version and subresource.
 * Source: apimachinery `pkg/util/managedfields`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { difference, type FieldSet, isEmptySet, isFieldSet, type MutableFieldSet, union } from './field-set.ts'

/** One entry, with its set taken out of the wire form. */
export type Entry = {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
  readonly time: string | undefined
  readonly fields: FieldSet
  /** The wire form, while nothing has changed. */
  readonly wire: JsonObject | undefined
}
export type Writer = Pick<Entry, 'manager' | 'operation' | 'apiVersion' | 'subresource'>

/** More update entries than this are folded into one: every new user agent would make the object grow. */
const maxUpdateEntries = 10
const foldedManager = 'ancient-changes'

/** Reads the entries; `undefined` when they are not well-formed. */
export function readEntries(wire: Json | undefined): readonly Entry[] | undefined {
  if (wire === undefined || wire === null) return []
  if (!isJsonList(wire)) return undefined
  const entries = wire.map(readEntry)
  return entries.every((entry) => entry !== undefined) ? entries : undefined
}

function readEntry(wire: Json): Entry | undefined {
  if (!isJsonObject(wire)) return undefined
  const operation = wire['operation']
  const fields = wire['fieldsV1'] ?? {}
  if ((operation !== 'Apply' && operation !== 'Update') || !isFieldSet(fields)) return undefined
  if (text(wire['apiVersion']) === '' || wire['fieldsType'] !== 'FieldsV1') return undefined
  return {
    manager: text(wire['manager']),
    operation,
    apiVersion: text(wire['apiVersion']),
    subresource: text(wire['subresource']),
    time: typeof wire['time'] === 'string' ? wire['time'] : undefined,
    fields,
    wire,
  }
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** The user's way to say "forget all owners": one empty entry, or an empty list. */
export function isReset(wire: Json | undefined): boolean {
  if (!isJsonList(wire) || wire.length > 1) return false
  return wire[0] === undefined || (isJsonObject(wire[0]) && Object.keys(wire[0]).length === 0)
}

/** Appliers are the same whatever version they speak. */
export function isSameWriter(a: Writer, b: Writer): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  )
}

/** The entries without these fields; those that own nothing any more are gone. */
export function withoutFields(entries: readonly Entry[], ...sets: readonly FieldSet[]): readonly Entry[] {
  return entries.flatMap((entry) => {
    const fields = sets.filter((set) => !isEmptySet(set)).reduce(difference, entry.fields)
    if (fields === entry.fields) return [entry]
    return isEmptySet(fields) ? [] : [{ ...entry, fields, wire: undefined }]
  })
}

/** Gives fields to a writer on top of what it has. */
export function addFields(entries: readonly Entry[], writer: Writer, fields: FieldSet, time: string): readonly Entry[] {
  const own = entries.find((entry) => isSameWriter(entry, writer))
  const rest = entries.filter((entry) => entry !== own)
  const all = own === undefined ? fields : union(own.fields, fields)
  return [...rest, { ...writer, time, fields: all, wire: undefined }]
}

/** Folds the oldest update entries together until there are at most ten. */
export function capUpdates(entries: readonly Entry[]): readonly Entry[] {
  const updates = entries.filter(({ operation }) => operation === 'Update')
  let surplus = updates.length - maxUpdateEntries
  if (surplus <= 0) return entries
  let capped = entries
  for (const old of updates.filter(({ manager }) => manager !== foldedManager).toSorted(byTime)) {
    if (surplus <= 0) break
    const writer: Writer = { manager: foldedManager, operation: 'Update', apiVersion: old.apiVersion, subresource: '' }
    const folded = capped.some((entry) => isSameWriter(entry, writer))
    capped = addFields(
      capped.filter((entry) => entry !== old),
      writer,
      old.fields,
      old.time ?? '',
    )
    if (folded) surplus--
  }
  return capped
}

function byTime(a: Entry, b: Entry): number {
  return compare(a.time ?? '', b.time ?? '')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The wire form in upstream's order: appliers first, then by age. */
export function writeEntries(entries: readonly Entry[]): readonly JsonObject[] {
  return entries
    .toSorted(
      (a, b) =>
        compare(a.operation, b.operation) ||
        byTime(a, b) ||
        compare(a.manager, b.manager) ||
        compare(a.apiVersion, b.apiVersion) ||
        compare(a.subresource, b.subresource),
    )
    .map(writeEntry)
}

function writeEntry(entry: Entry): JsonObject {
  if (entry.wire !== undefined) return entry.wire
  return {
    ...(entry.manager === '' ? {} : { manager: entry.manager }),
    operation: entry.operation,
    apiVersion: entry.apiVersion,
    ...(entry.time === undefined || entry.time === '' ? {} : { time: entry.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: sorted(entry.fields),
    ...(entry.subresource === '' ? {} : { subresource: entry.subresource }),
  }
}

/** Sets are written in the order in which upstream writes them: some clients compare the text. */
function sorted(set: FieldSet): FieldSet {
  const ordered: MutableFieldSet = {}
  for (const element of Object.keys(set).sort()) {
    const below = set[element]
    if (below !== undefined) ordered[element] = isEmptySet(below) ? below : sorted(below)
  }
  return ordered
}
