/** Any JSON value, read-only. */
export type Json = string | number | boolean | null | JsonObject | readonly Json[]

/** A JSON object. A missing field and a field that is `undefined` are the same. */
export type JsonObject = { readonly [field: string]: Json | undefined }

/** Tells objects from arrays, null and scalars. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
