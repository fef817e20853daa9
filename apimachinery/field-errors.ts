/**
 * What is wrong with one field, in the words of Go's `field.Error`: `Invalid value: "x": must be …`.
 * `invalid()` in `status.ts` puts the path in front.
 */
import { isJsonObject, type Json, type JsonObject } from './json.ts'
import type { CauseReason, StatusCause } from './status.ts'

type Value = Json | undefined

/** `Required value[: detail]`. */
export function required(field: string, detail = ''): StatusCause {
  return cause('FieldValueRequired', 'Required value', field, detail)
}

/** `Invalid value: "x": detail`. */
export function invalidValue(field: string, value: Value, detail: string): StatusCause {
  return cause('FieldValueInvalid', `Invalid value: ${formatValue(value)}`, field, detail)
}

/** `Invalid value: detail`, where showing the value would help nobody. Source: `field.OmitValueType`. */
export function invalidWithoutValue(field: string, detail: string): StatusCause {
  return cause('FieldValueInvalid', 'Invalid value', field, detail)
}

/** `Unsupported value: "x": supported values: "A", "B"`. */
export function notSupported(field: string, value: Value, supported: readonly string[]): StatusCause {
  const detail = supported.length === 0 ? '' : `supported values: ${supported.map(goQuote).join(', ')}`
  return cause('FieldValueNotSupported', `Unsupported value: ${formatValue(value)}`, field, detail)
}

/** `Forbidden: detail`. */
export function forbiddenField(field: string, detail: string): StatusCause {
  return cause('FieldValueForbidden', 'Forbidden', field, detail)
}

/** `Duplicate value: "x"`. */
export function duplicate(field: string, value: Value): StatusCause {
  return cause('FieldValueDuplicate', `Duplicate value: ${formatValue(value)}`, field, '')
}

/** `Too long: may not be more than N bytes`. */
export function tooLong(field: string, maxBytes: number): StatusCause {
  const detail =
    maxBytes < 0 ? 'value is too long' : `may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}`
  return cause('FieldValueTooLong', 'Too long', field, detail)
}

/** `Too many: 5: must have at most 3 items`. */
export function tooMany(field: string, actual: number, max: number): StatusCause {
  const detail = max < 0 ? 'has too many items' : `must have at most ${max} ${max === 1 ? 'item' : 'items'}`
  return cause('FieldValueTooMany', `Too many: ${actual}`, field, detail)
}

/** `Invalid value: "x": detail`, for a value of the wrong type. */
export function typeInvalid(field: string, value: Value, detail: string): StatusCause {
  return cause('FieldValueTypeInvalid', `Invalid value: ${formatValue(value)}`, field, detail)
}

/** `Not found: "x"`. */
export function fieldNotFound(field: string, value: Value): StatusCause {
  return cause('FieldValueNotFound', `Not found: ${formatValue(value)}`, field, '')
}

/** `Internal error: detail`. */
export function internalError(field: string, detail: string): StatusCause {
  return cause('InternalError', 'Internal error', field, detail)
}

function cause(reason: CauseReason, text: string, field: string, detail: string): StatusCause {
  return { reason, message: detail === '' ? text : `${text}: ${detail}`, field }
}

/** Strings as Go's `%q`, numbers and booleans bare, the rest as JSON. */
export function formatValue(value: Value): string {
  if (value === undefined || value === null) return 'null'
  return typeof value === 'string' ? goQuote(value) : goJson(value)
}

/** Fields that are maps, which Go sorts; everything else is a struct, which keeps the order of its fields. */
const mapFields = new Set([
  'matchLabels',
  'labels',
  'annotations',
  'nodeSelector',
  'limits',
  'requests',
  'capacity',
  'data',
])

/** As Go's `json.Marshal`: maps sorted by key, and characters that matter in HTML escaped. */
function goJson(value: Json): string {
  const text = JSON.stringify(value, (key, part: unknown) =>
    mapFields.has(key) && isJsonObject(part) ? sortKeys(part) : part,
  )
  return text.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026')
}

function sortKeys(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}
// Everything that Go does not print as it is. `\p{Cc}` are the control characters.
const escaped = /["\\\p{Cc}\u00a0\u00ad\u2028\u2029\ufeff]/gu

/** A string as Go's `%q` writes it. */
export function goQuote(text: string): string {
  return `"${text.replace(escaped, escapeOne)}"`
}

function escapeOne(character: string): string {
  const code = character.charCodeAt(0)
  const hex = code.toString(16)
  return escapes[character] ?? (code < 0x80 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`)
}
