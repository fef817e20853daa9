/**
 * What validators are built from: each returns causes, and a validator is the list of all of them.
 * The single causes are in `apimachinery/field-errors.ts`.
 */
import { invalidValue, notSupported, required, tooMany } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import type { StatusCause } from '../../apimachinery/status.ts'

export type Causes = readonly StatusCause[]
type Value = Json | undefined

/** `causes` when `condition` holds; reads as the rule that it is. What costs to say is given as a function. */
export function when(condition: boolean, ...causes: readonly (StatusCause | (() => StatusCause))[]): Causes {
  return condition ? causes.map((cause) => (typeof cause === 'function' ? cause() : cause)) : []
}

/** One `Invalid value` for every message. */
export function invalidValues(field: string, value: Value, messages: readonly string[]): Causes {
  return messages.map((message) => invalidValue(field, value, message))
}

/** A cause when `value` is not in `supported`. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): Causes {
  return supported.includes(value ?? '') ? [] : [notSupported(field, value ?? '', [...supported].sort())]
}

/** As `oneOf` for a field that must be there; the values are shown as they are given. */
export function oneOfInOrder(field: string, value: string | undefined, supported: readonly string[]): Causes {
  if (value === undefined || value === '') return [required(field)]
  return supported.includes(value) ? [] : [notSupported(field, value, supported)]
}

/** As `oneOf`, for a field that may be absent or empty. */
export function oneOfOrEmpty(field: string, value: string | undefined, supported: readonly string[]): Causes {
  return value === undefined || value === '' ? [] : oneOf(field, value, supported)
}

/** A limit on a list, as upstream words it. */
export function atMost(field: string, items: readonly unknown[] | null | undefined, max: number): Causes {
  const count = items?.length ?? 0
  return when(count > max, tooMany(field, count, max))
}

/** Source: `ValidateNonnegativeField`. */
export function nonNegative(field: string, value: number | undefined): Causes {
  return value !== undefined && value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : []
}

/** Source: `ValidatePositiveField`. */
export function positive(field: string, value: number): Causes {
  return value > 0 ? [] : [invalidValue(field, value, 'must be greater than 0')]
}

/** A cause when the value lies outside of `min` to `max`. Source: `InclusiveRangeError`. */
export function inRange(field: string, value: number, min: number, max: number): Causes {
  return value >= min && value <= max
    ? []
    : [invalidValue(field, value, `must be between ${min} and ${max}, inclusive`)]
}

/** Source: `ValidateImmutableField`. */
export function immutable(field: string, value: Value, old: Value): Causes {
  return sameJson(value, old) ? [] : [invalidValue(field, value, 'field is immutable')]
}

/** Runs `validate` on each item with its path. */
export function each<T>(
  field: string,
  items: readonly T[] | null | undefined,
  validate: (item: T, field: string, index: number) => Causes,
): Causes {
  return (items ?? []).flatMap((item, index) => validate(item, `${field}[${index}]`, index))
}

/** Runs `validate` on each value of a map with its path. */
export function eachEntry<T>(
  field: string,
  map: Readonly<Record<string, T>> | undefined,
  validate: (value: T, field: string, key: string) => Causes,
): Causes {
  return Object.entries(map ?? {}).flatMap(([key, value]) => validate(value, `${field}[${key}]`, key))
}

/** A map in the order in which Go shows it. */
export function sortedMap(map: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * A struct as upstream's validation shows it: its internal types have no JSON names, so that Go's own appear, and what is not
 * given is `null` or empty. `names` maps Go's names in their order to our fields; a third part is Go's zero value.
 */
export function asInternal(value: object, names: readonly (readonly [string, string, Json?])[]): Json {
  const fields = new Map<string, Json>(Object.entries(value))
  return Object.fromEntries(names.map(([go, field, zero = null]) => [go, fields.get(field) ?? zero]))
}

/** The indexes of items whose key was seen before. */
export function repeats(keys: readonly string[]): readonly number[] {
  const seen = new Set<string>()
  return keys.flatMap((key, index) => {
    if (seen.has(key)) return [index]
    seen.add(key)
    return []
  })
}

/**
 * Equal as Kubernetes' `Semantic.DeepEqual` sees it: an absent field equals `null` and an empty list.
 * Zero values that Go would leave out are gone already, since both objects went through the decoder.
 */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) return sameList(a, b)
  const left = new Map(Object.entries(a))
  const right = new Map(Object.entries(b))
  return [...new Set([...left.keys(), ...right.keys()])].every((key) => sameJson(left.get(key), right.get(key)))
}

function sameList(a: object, b: object): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
  return a.every((item, index) => sameJson(item, b[index]))
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}
