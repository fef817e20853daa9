/** Reads fields of `KubeProxyConfiguration`; a value of another type counts as absent. */
import { isJsonObject, type JsonObject } from '../apimachinery/json.ts'
import { parseDuration } from '../component-base/flags.ts'

/** The object in a field; empty when there is none. */
export function objectAt(object: JsonObject, field: string): JsonObject {
  const value = object[field]
  return isJsonObject(value) ? value : {}
}

/** The text in a field; an empty one means the same as no field. */
export function textAt(object: JsonObject, field: string): string | undefined {
  const value = object[field]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The texts in a list. */
export function textsAt(object: JsonObject, field: string): readonly string[] | undefined {
  const value = object[field]
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : undefined
}

/** The number in a field. */
export function numberAt(object: JsonObject, field: string): number | undefined {
  const value = object[field]
  return typeof value === 'number' ? value : undefined
}

/** The boolean in a field. */
export function booleanAt(object: JsonObject, field: string): boolean | undefined {
  const value = object[field]
  return typeof value === 'boolean' ? value : undefined
}

/** Milliseconds; `0s` means the default, as upstream has it. */
export function durationAt(object: JsonObject, field: string, errors: string[], parent: string): number | undefined {
  const text = textAt(object, field)
  if (text === undefined) return undefined
  const value = parseDuration(text)
  if (value === undefined) errors.push(`${parent}.${field}: time: invalid duration "${text}"`)
  return value === 0 ? undefined : value
}
