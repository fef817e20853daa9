/**
 * Which fields differ between two objects, and which an object has, along the schema: lists and maps that are atomic count as one
 * field, the others item by item. Source: structured-merge-diff `typed` (compare, toFieldSet).
 */
import { equalJson, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Field, FieldType, Struct } from '../schema/schema.ts'
import {
  type FieldSet,
  fieldElement,
  isEmptySet,
  itemElement,
  leaf,
  type MutableFieldSet,
  valueElement,
} from './field-set.ts'

/** What a write did to the fields of an object. */
export type Comparison = {
  /** Added or modified. */
  readonly changed: FieldSet
  readonly removed: FieldSet
}

/** Metadata that belongs to the server, never to a manager. Source: managedfields `stripMeta`. */
const serverMeta: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
])
const noFields: ReadonlySet<string> = new Set()

/** Compares two whole objects; `ignored` names top-level fields that this endpoint does not write (`status`). */
export function compareObjects(
  struct: Struct,
  before: JsonObject,
  after: JsonObject,
  ignored: readonly string[],
): Comparison {
  const skip = new Set(['apiVersion', 'kind', ...ignored])
  const changed: MutableFieldSet = {}
  const removed: MutableFieldSet = {}
  diffStruct(struct, before, after, changed, removed, skip)
  return { changed, removed }
}

/** The fields of a whole object that an applier owns; `ignored` as above. */
export function objectFields(struct: Struct, object: JsonObject, ignored: readonly string[]): FieldSet {
  return structFields(struct, object, new Set(['apiVersion', 'kind', ...ignored]))
}

function fieldOf(struct: Struct, name: string): Field | undefined {
  return struct.fields.get(name)
}

function skippedBelow(struct: Struct, name: string, outer: ReadonlySet<string>): ReadonlySet<string> {
  // Only the top level is walked with a non-empty skip list, and only there `metadata` is the object's own.
  return outer !== noFields && name === 'metadata' && struct.gvk !== undefined ? serverMeta : noFields
}

function diffStruct(
  struct: Struct,
  before: JsonObject,
  after: JsonObject,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
  skip: ReadonlySet<string>,
): void {
  for (const name of Object.keys(before)) {
    const a = before[name]
    const b = after[name]
    if (a === b || (skip !== noFields && skip.has(name))) continue
    const field = struct.fields.get(name)
    if (field !== undefined) diffField(field, a, b, changed, removed, skippedBelow(struct, name, skip))
  }
  for (const name of Object.keys(after)) {
    if (before[name] !== undefined || (skip !== noFields && skip.has(name))) continue
    const field = struct.fields.get(name)
    if (field !== undefined)
      diffField(field, undefined, after[name], changed, removed, skippedBelow(struct, name, skip))
  }
  if (struct.preserveUnknown || struct.additional !== undefined) diffRest(struct, before, after, changed, removed)
}

function diffRest(
  struct: Struct,
  before: JsonObject,
  after: JsonObject,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
): void {
  const type = struct.additional ?? deduced
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!struct.fields.has(key)) diffEntry(type, key, before[key], after[key], changed, removed)
  }
}

function diffField(
  field: Field,
  a: Json | undefined,
  b: Json | undefined,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
  skip: ReadonlySet<string>,
): void {
  const { element } = field
  // A null that was kept is a value: of a list or map it is the empty one.
  if (a === undefined) {
    if (b !== undefined) put(changed, element, allOfField(field, b, skip))
    return
  }
  if (b === undefined) {
    put(removed, element, allOfField(field, a, skip))
    return
  }
  if (a === null && b !== null) {
    // Null became an empty list or map: the same to most, but written by somebody.
    if (typeof b === 'object' && Object.keys(b).length > 0)
      diffField(field, isJsonList(b) ? [] : {}, b, changed, removed, skip)
    else changed[element] = leaf
    return
  }
  if (b === null) {
    if (a !== null) changed[element] = leaf
    return
  }
  const below: MutableFieldSet = {}
  const gone: MutableFieldSet = {}
  if (diffValues(field, field.type, a, b, below, gone, skip)) changed[element] = leaf
  else {
    if (!isEmptySet(below)) changed[element] = below
    if (!isEmptySet(gone)) removed[element] = gone
  }
}

function put(set: MutableFieldSet, element: string, node: FieldSet | undefined): void {
  if (node !== undefined) set[element] = node
}

/** Fills in what differs below; true when the value differs as a whole. */
function diffValues(
  field: Field | undefined,
  type: FieldType,
  a: Json,
  b: Json,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
  skip: ReadonlySet<string> = noFields,
): boolean {
  if (a === b) return false
  const atomic = field?.atomic === true || (type.type === 'struct' && field === undefined && type.struct.atomic)
  if (type.type === 'list' && isJsonList(a) && isJsonList(b) && field !== undefined && field.listType !== 'atomic') {
    diffItems(field, type.items, a, b, changed, removed)
    return false
  }
  if (!atomic && isJsonObject(a) && isJsonObject(b)) {
    if (type.type === 'struct') {
      diffStruct(type.struct, a, b, changed, removed, skip)
      return false
    }
    if (type.type === 'map' || type === deduced) {
      diffMap(type.type === 'map' ? type.values : deduced, a, b, changed, removed)
      return false
    }
  }
  return !equalJson(a, b)
}

function diffMap(
  values: FieldType,
  before: JsonObject,
  after: JsonObject,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
): void {
  for (const key of Object.keys(before)) diffEntry(values, key, before[key], after[key], changed, removed)
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(before, key)) diffEntry(values, key, undefined, after[key], changed, removed)
  }
}

function diffEntry(
  type: FieldType,
  key: string,
  a: Json | undefined,
  b: Json | undefined,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
): void {
  if (a !== b) diffElement(type, fieldElement(key), a, b, changed, removed)
}

function diffElement(
  type: FieldType,
  element: string,
  a: Json | undefined,
  b: Json | undefined,
  changed: MutableFieldSet,
  removed: MutableFieldSet,
): void {
  if (a === undefined && b === undefined) return
  if (a === undefined) changed[element] = allOfValue(undefined, type, b ?? null)
  else if (b === undefined) removed[element] = allOfValue(undefined, type, a)
  else {
    const below: MutableFieldSet = {}
    const gone: MutableFieldSet = {}
    if (diffValues(undefined, type, a, b, below, gone)) changed[element] = leaf
    if (!isEmptySet(below)) changed[element] = below
    if (!isEmptySet(gone)) removed[element] = gone
  }
}

function diffItems(
  field: Field,
  items: FieldType,
  before: readonly Json[],
  after: readonly Json[],
  changed: MutableFieldSet,
  removed: MutableFieldSet,
): void {
  const old = groupItems(field, before)
  const now = groupItems(field, after)
  for (const [element, values] of old) {
    const others = now.get(element)
    if (values.length === 1 && (others === undefined || others.length === 1)) {
      diffElement(items, element, values[0], others?.[0], changed, removed)
    } else if (others === undefined) removed[element] = leaf
    else if (!equalJson(values, others)) changed[element] = leaf // Doubled items count as one value.
  }
  for (const [element, values] of now) {
    if (!old.has(element)) {
      if (values.length === 1) diffElement(items, element, undefined, values[0], changed, removed)
      else changed[element] = leaf
    }
  }
}

/** Items by element, in the order of the list. */
export function groupItems(field: Field, list: readonly Json[]): ReadonlyMap<string, readonly Json[]> {
  const groups = new Map<string, Json[]>()
  for (const item of list) {
    const element = field.listType === 'set' ? valueElement(item) : itemElement(field, item)
    const group = groups.get(element)
    if (group === undefined) groups.set(element, [item])
    else group.push(item)
  }
  return groups
}

/** A value that came or went as a whole: every element of it, containers included. */
function allOfField(field: Field, value: Json, skip: ReadonlySet<string>): FieldSet | undefined {
  if (skip === noFields || field.type.type !== 'struct' || !isJsonObject(value)) {
    return allOfValue(field, field.type, value)
  }
  // The object's own metadata is never a member itself.
  const changed: MutableFieldSet = {}
  diffStruct(field.type.struct, {}, value, changed, {}, skip)
  return isEmptySet(changed) ? undefined : changed
}

function allOfValue(field: Field | undefined, type: FieldType, value: Json): FieldSet {
  if (typeof value !== 'object' || value === null || field?.atomic === true) return leaf
  if (isJsonList(value)) return type.type === 'list' && field !== undefined ? allOfList(field, type.items, value) : leaf
  switch (type.type) {
    case 'struct':
      return field === undefined && type.struct.atomic ? leaf : allOfStruct(type.struct, value as JsonObject)
    case 'map':
      return allOfMap(type.values, value as JsonObject)
    case 'scalar':
      return type === deduced ? allOfMap(deduced, value as JsonObject) : leaf
    case 'list':
      return leaf
  }
}

function allOfList(field: Field, items: FieldType, list: readonly Json[]): FieldSet {
  if (field.listType === 'atomic' || list.length === 0) return leaf
  const set: MutableFieldSet = { '.': leaf }
  for (const item of list) {
    const element = field.listType === 'set' ? valueElement(item) : itemElement(field, item)
    // Doubled items count as one value.
    set[element] = Object.hasOwn(set, element) ? leaf : allOfValue(undefined, items, item)
  }
  return set
}

function allOfStruct(struct: Struct, object: JsonObject): FieldSet {
  const set: MutableFieldSet = { '.': leaf }
  let isEmpty = true
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (value === undefined) continue
    const field = struct.fields.get(key)
    isEmpty = false
    if (field !== undefined) set[field.element] = allOfValue(field, field.type, value)
    else set[fieldElement(key)] = allOfValue(undefined, struct.additional ?? deduced, value)
  }
  return isEmpty ? leaf : set
}

function allOfMap(values: FieldType, map: JsonObject): FieldSet {
  const set: MutableFieldSet = { '.': leaf }
  let isEmpty = true
  for (const key of Object.keys(map)) {
    isEmpty = false
    set[fieldElement(key)] = allOfValue(undefined, values, map[key] ?? null)
  }
  return isEmpty ? leaf : set
}

function structFields(struct: Struct, object: JsonObject, skip: ReadonlySet<string>): FieldSet {
  const set: MutableFieldSet = {}
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (value === undefined || skip.has(key)) continue
    const field = fieldOf(struct, key)
    const below =
      field === undefined
        ? asMember(valueFields(undefined, struct.additional ?? deduced, value))
        : fieldFields(field, value, skippedBelow(struct, key, skip))
    if (below !== undefined) set[fieldElement(key)] = below
  }
  return set
}

function fieldFields(field: Field, value: Json, skip: ReadonlySet<string>): FieldSet | undefined {
  // Nobody owns the object's own metadata as a whole.
  if (skip !== noFields && value === null) return undefined
  if (skip === noFields || field.type.type !== 'struct' || !isJsonObject(value)) {
    return valueFields(field, field.type, value)
  }
  const set = structFields(field.type.struct, value, skip)
  return isEmptySet(set) ? undefined : set
}

/** `undefined`: the value adds no member (an empty list that is merged item by item). */
function valueFields(field: Field | undefined, type: FieldType, value: Json): FieldSet | undefined {
  const atomic = field?.atomic === true || (type.type === 'struct' && field === undefined && type.struct.atomic)
  if (type.type === 'list' && isJsonList(value) && field !== undefined && field.listType !== 'atomic') {
    return itemsFields(field, type.items, value)
  }
  if (atomic || !isJsonObject(value) || Object.keys(value).length === 0) return leaf
  if (type.type === 'struct') {
    const set = structFields(type.struct, value, noFields)
    return isEmptySet(set) ? undefined : set
  }
  if (type.type !== 'map' && type !== deduced) return leaf
  const set: MutableFieldSet = {}
  for (const key of Object.keys(value)) {
    const below = valueFields(undefined, type.type === 'map' ? type.values : deduced, value[key] ?? null)
    set[fieldElement(key)] = asMember(below)
  }
  return set
}

function itemsFields(field: Field, items: FieldType, list: readonly Json[]): FieldSet | undefined {
  const set: MutableFieldSet = {}
  for (const [element, values] of groupItems(field, list)) {
    set[element] = asMember(valueFields(undefined, items, values[0] ?? null))
  }
  return isEmptySet(set) ? undefined : set
}

function asMember(node: FieldSet | undefined): FieldSet {
  return node === undefined || isEmptySet(node) ? leaf : Object.hasOwn(node, '.') ? node : { '.': leaf, ...node }
}

/** Values that no schema describes: maps are merged key by key, lists are atomic. */
export const deduced: FieldType = { type: 'scalar', scalar: 'json' }
