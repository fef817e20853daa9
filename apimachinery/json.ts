/** Any JSON value, read-only. */
export type Json = string | number | boolean | null | JsonObject | readonly Json[]

/** A JSON object. A missing field and a field that is `undefined` are the same. */
export type JsonObject = { readonly [field: string]: Json | undefined }

/** Tells objects from arrays, null and scalars. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Assignment that cannot reach a prototype: `__proto__` is a legal key of a ConfigMap. */
export function setOwn(target: Record<string, Json>, key: string, value: Json): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  } else target[key] = value
}

/** The value of a field that is the object's own, never a prototype's. */
export function getOwn(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** What Go's decoder calls a value that it did not expect. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** Tells lists from the other JSON values, keeping the type of their items. */
export function isJsonList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** Equality of JSON values; the order of fields does not count. */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (isJsonList(a)) return isJsonList(b) && a.length === b.length && a.every((item, i) => equalJson(item, b[i]))
  return isJsonObject(a) && isJsonObject(b) && equalObjects(a, b)
}

function equalObjects(a: JsonObject, b: JsonObject): boolean {
  let fields = 0
  for (const key of Object.keys(a)) {
    if (a[key] === undefined) continue
    if (!equalJson(a[key], getOwn(b, key))) return false
    fields++
  }
  for (const key of Object.keys(b)) if (b[key] !== undefined) fields--
  return fields === 0
}

/** True when objects and lists are nested deeper than `limit`; for bodies that recursion has to walk. */
export function isDeeperThan(value: Json | undefined, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (limit === 0) return true
  return Object.values(value).some((part) => isDeeperThan(part, limit - 1))
}
