/**
 * The two operations that server-side apply does on objects: lay a configuration over the live object, and take fields away.
 * Source: structured-merge-diff `typed` (merge, remove).
 */
import { getOwn, isJsonList, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts'
import type { Field, FieldType, Struct } from '../schema/schema.ts'
import { deduced, groupItems } from './compare.ts'
import { type FieldSet, fieldElement, isEmptySet, isMember, itemElement, leaf, valueElement } from './field-set.ts'

/** Lays a configuration over an object: leaves and atomic values are replaced, the rest is merged. */
export function mergeObjects(struct: Struct, live: JsonObject, config: JsonObject): JsonObject {
  const merged: Record<string, Json> = {}
  for (const key of Object.keys(live)) {
    const value = live[key]
    if (value !== undefined) setOwn(merged, key, value)
  }
  for (const key of Object.keys(config)) {
    const value = config[key]
    if (value === undefined) continue
    const field = struct.fields.get(key)
    const type = field?.type ?? struct.additional ?? deduced
    setOwn(merged, key, mergeValues(field, type, getOwn(live, key), value))
  }
  return merged
}

function mergeValues(field: Field | undefined, type: FieldType, live: Json | undefined, config: Json): Json {
  const atomic = field?.atomic === true || (type.type === 'struct' && field === undefined && type.struct.atomic)
  // Null instead of a map or a list that is merged adds nothing to it.
  if (config === null && live !== undefined && !atomic && isMerged(field, type)) return live
  if (
    type.type === 'list' &&
    isJsonList(live) &&
    isJsonList(config) &&
    field !== undefined &&
    field.listType !== 'atomic'
  ) {
    return mergeItems(field, type.items, live, config)
  }
  if (atomic || !isJsonObject(live) || !isJsonObject(config)) return config
  if (type.type === 'struct') return mergeObjects(type.struct, live, config)
  if (type.type !== 'map' && type !== deduced) return config
  const merged: Record<string, Json> = {}
  const values = type.type === 'map' ? type.values : deduced
  for (const key of Object.keys(live)) setOwn(merged, key, live[key] ?? null)
  for (const key of Object.keys(config)) {
    setOwn(merged, key, mergeValues(undefined, values, getOwn(live, key), config[key] ?? null))
  }
  return merged
}

function isMerged(field: Field | undefined, type: FieldType): boolean {
  if (type.type === 'list') return field !== undefined && field.listType !== 'atomic'
  return type.type === 'map' || type.type === 'struct'
}

/**
 * Weaves two lists together. The configuration's items come in its order; items only the live object has stay in front of the
 * next item that both have, or at the end.
 */
function mergeItems(field: Field, items: FieldType, live: readonly Json[], config: readonly Json[]): readonly Json[] {
  const wanted = config.map((item) => elementOf(field, item))
  const present = live.map((item) => elementOf(field, item))
  const isWanted = new Set(wanted)
  const existing = groupItems(field, live)
  const shared = wanted.filter((element) => existing.has(element))
  const merged: Json[] = []
  let next = 0
  let l = 0
  let r = 0
  while (l < live.length || r < config.length) {
    const left = present[l]
    const right = wanted[r]
    if (left !== undefined && !isWanted.has(left)) merged.push(live[l++] ?? null)
    // A shared item out of turn: the configuration's order places it.
    else if (left !== undefined && left !== right && (right === undefined || left !== shared[next])) l++
    else {
      const group = right === undefined ? undefined : existing.get(right)
      merged.push(mergeValues(undefined, items, group?.length === 1 ? group[0] : undefined, config[r] ?? null))
      if (left === right) l++
      if (shared[next] === right) next++
      r++
    }
  }
  return merged
}

function elementOf(field: Field, item: Json): string {
  return field.listType === 'set' ? valueElement(item) : itemElement(field, item)
}

/** Takes the members of a set out of an object; what becomes empty by it goes as well. */
export function removeFields(struct: Struct, object: JsonObject, set: FieldSet): JsonObject {
  return removeFromStruct(struct, object, set) ?? {}
}

function removeFromStruct(struct: Struct, object: JsonObject, set: FieldSet): JsonObject | undefined {
  return removeFromKeys(object, set, (key) => {
    const field = struct.fields.get(key)
    return { field, type: field?.type ?? struct.additional ?? deduced }
  })
}

type Typed = { readonly field: Field | undefined; readonly type: FieldType }

function removeFromKeys(object: JsonObject, set: FieldSet, typed: (key: string) => Typed): JsonObject | undefined {
  const kept: Record<string, Json> = {}
  let left = false
  for (const key of Object.keys(object)) {
    const value = object[key]
    const node = nodeOf(set, fieldElement(key))
    if (value === undefined || (node !== undefined && isMember(node))) continue
    const { field, type } = typed(key)
    const rest = node === undefined ? value : removeFromValue(field, type, value, node)
    if (rest === undefined) continue
    setOwn(kept, key, rest)
    left = true
  }
  return left ? kept : undefined
}

function nodeOf(set: FieldSet, element: string): FieldSet | undefined {
  return Object.hasOwn(set, element) ? set[element] : undefined
}

function removeFromValue(field: Field | undefined, type: FieldType, value: Json, set: FieldSet): Json | undefined {
  if (isEmptySet(set)) return value
  if (type.type === 'list' && isJsonList(value) && field !== undefined && field.listType !== 'atomic') {
    return removeItems(field, type.items, value, set)
  }
  if (!isJsonObject(value)) return value
  if (type.type === 'struct') return removeFromStruct(type.struct, value, set)
  if (type.type !== 'map' && type !== deduced) return value
  return removeFromKeys(value, set, () => ({ field: undefined, type: type.type === 'map' ? type.values : deduced }))
}

function removeItems(field: Field, items: FieldType, list: readonly Json[], set: FieldSet): Json | undefined {
  const kept = list.flatMap((item) => {
    const node = nodeOf(set, elementOf(field, item))
    if (node === undefined) return [item]
    if (node === leaf || isMember(node)) return []
    const rest = removeFromValue(undefined, items, item, node)
    return rest === undefined ? [] : [rest]
  })
  return kept.length === 0 ? undefined : kept
}
