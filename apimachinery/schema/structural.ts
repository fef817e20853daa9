/**
 * What a structural schema (`openAPIV3Schema` of a CustomResourceDefinition) does to values: fields that it does not name are
 * dropped, defaults are filled in. A value that needs no change is returned as it is, so that reading stored objects costs
 * no copy. Source: apiextensions-apiserver `pkg/apiserver/schema` (pruning, defaulting), KEP-575, KEP-20190426.
 */
import { getOwn, isJsonList, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts'

/** Told the path of every field that is dropped, such as `spec.items[0].extra`. */
export type OnUnknown = (path: string) => void

const preserve = 'x-kubernetes-preserve-unknown-fields'
const embedded = 'x-kubernetes-embedded-resource'
const metaFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

/** The object's own kind, version and metadata are no matter of the schema. */
export function pruneRoot(schema: JsonObject, object: JsonObject, onUnknown?: OnUnknown): JsonObject {
  return pruneObject(schema, object, '', schema[preserve] === true, true, onUnknown)
}

/** The value without fields that the schema does not name. */
export function pruneValue(schema: JsonObject, value: Json): Json {
  return prune(schema, value, '', undefined)
}

function prune(schema: JsonObject | undefined, value: Json, path: string, onUnknown: OnUnknown | undefined): Json {
  if (typeof value !== 'object' || value === null) return value
  if (schema?.[preserve] === true) return pruneKept(schema, value, path, onUnknown)
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return mapList(value, (item, index) => prune(items, item, `${path}[${index}]`, onUnknown))
  }
  return pruneObject(schema, value as JsonObject, path, false, schema?.[embedded] === true, onUnknown)
}

/** What keeps unknown fields keeps them in the items of its lists too; below fields that it names the usual rules hold again. */
function pruneKept(schema: JsonObject | undefined, value: Json, path: string, onUnknown: OnUnknown | undefined): Json {
  if (schema === undefined || typeof value !== 'object' || value === null) return value
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return mapList(value, (item, index) => pruneKept(items, item, `${path}[${index}]`, onUnknown))
  }
  return pruneObject(schema, value as JsonObject, path, true, schema[embedded] === true, onUnknown)
}

function pruneObject(
  schema: JsonObject | undefined,
  object: JsonObject,
  path: string,
  keeps: boolean,
  isResource: boolean,
  onUnknown: OnUnknown | undefined,
): JsonObject {
  const properties = schemaAt(schema, 'properties')
  const additional = getOwn(schema ?? {}, 'additionalProperties')
  let next: Record<string, Json> | undefined
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (value === undefined || (isResource && metaFields.has(key))) continue
    const at = path === '' ? key : `${path}.${key}`
    const property = properties === undefined ? undefined : schemaAt(properties, key)
    if (property === undefined && additional === undefined) {
      if (keeps) continue
      onUnknown?.(at)
      next ??= copyOf(object)
      delete next[key]
      continue
    }
    const inner = property ?? (isJsonObject(additional) ? additional : undefined)
    const pruned = prune(inner, value, at, onUnknown)
    if (pruned === value) continue
    next ??= copyOf(object)
    setOwn(next, key, pruned)
  }
  return next ?? object
}

/** Drops nulls where none may be, then fills in defaults. */
export function fillDefaults(schema: JsonObject, object: JsonObject): JsonObject {
  const filled = fill(schema, object)
  return isJsonObject(filled) ? filled : object
}

function fill(schema: JsonObject | undefined, value: Json): Json {
  if (schema === undefined || typeof value !== 'object' || value === null) return value
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return items === undefined ? value : mapList(value, (item) => fill(items, replaced(items, item) ?? item))
  }
  return fillObject(schema, value as JsonObject)
}

function fillObject(schema: JsonObject, object: JsonObject): JsonObject {
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = schemaAt(schema, 'additionalProperties')
  let next: Record<string, Json> | undefined
  for (const key of Object.keys(object)) {
    const value = object[key]
    const inner = schemaAt(properties, key) ?? additional
    if (value === undefined || inner === undefined) continue
    const given = replaced(inner, value)
    if (given === undefined) {
      next ??= copyOf(object)
      delete next[key]
      continue
    }
    const filled = fill(inner, given)
    if (filled === value) continue
    next ??= copyOf(object)
    setOwn(next, key, filled)
  }
  for (const key of Object.keys(properties)) {
    const property = schemaAt(properties, key)
    const fallback = property?.['default']
    if (fallback === undefined || Object.hasOwn(object, key)) continue
    next ??= copyOf(object)
    setOwn(next, key, fill(property, fallback))
  }
  return next ?? object
}

/** What stands in the place of a null that may not be: the default, or (`undefined`) nothing. */
function replaced(schema: JsonObject, value: Json): Json | undefined {
  return value === null && schema['nullable'] !== true ? schema['default'] : value
}

/** A schema below another; `undefined` where there is none. */
export function schemaAt(schema: JsonObject | undefined, key: string): JsonObject | undefined {
  const inner = schema === undefined ? undefined : getOwn(schema, key)
  return isJsonObject(inner) ? inner : undefined
}

/** The list with every item changed; the list itself when no item was. */
export function mapList(list: readonly Json[], change: (item: Json, index: number) => Json): readonly Json[] {
  let next: Json[] | undefined
  for (let i = 0; i < list.length; i++) {
    const item = list[i] ?? null
    const changed = change(item, i)
    if (changed === item) continue
    next ??= [...list]
    next[i] = changed
  }
  return next ?? list
}

/** A copy whose fields may be set. */
export function copyOf(object: JsonObject): Record<string, Json> {
  const copy: Record<string, Json> = {}
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (value !== undefined) setOwn(copy, key, value)
  }
  return copy
}
