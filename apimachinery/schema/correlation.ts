/**
 * Which old value belongs to a new one. Items of a list belong together by their keys; those of other lists do not.
 * Source: apiserver `pkg/cel/common/maplist.go`, `equality.go`.
 */
import { equalJson, getOwn, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { schemaAt } from './structural.ts'

/** Finds the old state of an item of a list with keys; `undefined` for lists without. */
export function correlatedItem(schema: JsonObject, old: Json): ((item: Json) => Json | undefined) | undefined {
  const keys = schema['x-kubernetes-list-map-keys']
  if (schema['type'] !== 'array' || schema['x-kubernetes-list-type'] !== 'map') return undefined
  if (!isJsonList(keys) || keys.length === 0 || !isJsonList(old)) return undefined
  const names = keys.map(String)
  let byKey: Map<string, Json> | undefined
  return (item) => {
    const key = keyOf(item, names)
    if (key === undefined) return undefined
    byKey ??= indexOf(old, names)
    return byKey.get(key)
  }
}

/**
 * Whether an update has left a value as it was. Items of lists with keys may change places. What the schema does not name counts
 * as changed, as upstream has it.
 */
export function isUnchanged(schema: JsonObject, value: Json, old: Json | undefined): boolean {
  if (old === undefined) return false
  if (value === null || old === null) return value === old
  if (isJsonList(value) || isJsonList(old)) {
    if (!isJsonList(value) || !isJsonList(old) || value.length !== old.length) return false
    const before = correlatedItem(schema, old)
    const items = schemaAt(schema, 'items')
    if (before === undefined || items === undefined) return equalJson(value, old)
    return value.every((item) => isUnchanged(items, item, before(item)))
  }
  if (!isJsonObject(value) || !isJsonObject(old)) return value === old
  const keys = Object.keys(value).filter((key) => value[key] !== undefined)
  if (keys.length !== Object.keys(old).filter((key) => old[key] !== undefined).length) return false
  return keys.every((key) => {
    const inner = schemaOfKey(schema, key)
    return inner !== undefined && isUnchanged(inner, value[key] ?? null, getOwn(old, key))
  })
}

/** The schema of a field or entry. */
export function schemaOfKey(schema: JsonObject, key: string): JsonObject | undefined {
  return schemaAt(schemaAt(schema, 'properties'), key) ?? schemaAt(schema, 'additionalProperties')
}

/** Of doubled items the first counts. */
function indexOf(items: readonly Json[], names: readonly string[]): Map<string, Json> {
  const byKey = new Map<string, Json>()
  for (const item of items) {
    const key = keyOf(item, names)
    if (key !== undefined && !byKey.has(key)) byKey.set(key, item)
  }
  return byKey
}

function keyOf(item: Json, names: readonly string[]): string | undefined {
  if (!isJsonObject(item)) return undefined
  const values = names.map((name) => getOwn(item, name))
  const areScalars = values.every((value) => value !== undefined && value !== null && typeof value !== 'object')
  return areScalars ? JSON.stringify(values) : undefined
}
