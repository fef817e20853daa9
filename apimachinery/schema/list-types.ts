/** Doubled items in lists that are sets or have keys. Source: apiextensions-apiserver `pkg/apiserver/schema/listtype`. */
import { duplicate, invalidValue } from '../field-errors.ts'
import { getOwn, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { StatusCause } from '../status.ts'
import { schemaAt } from './structural.ts'

type Causes = readonly StatusCause[]

/** All doubled items below an object. */
export function validateListTypes(schema: JsonObject | undefined, value: Json | undefined, path = ''): Causes {
  if (schema === undefined || typeof value !== 'object' || value === null) return []
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return [
      ...doubled(schema, value, path),
      ...value.flatMap((item, index) => [...validateListTypes(items, item, `${path}[${index}]`)]),
    ]
  }
  const object = value as JsonObject
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = schemaAt(schema, 'additionalProperties')
  return Object.keys(object).flatMap((key) => {
    const property = schemaAt(properties, key)
    if (property === undefined && additional === undefined) return []
    const at = property === undefined ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    return [...validateListTypes(property ?? additional, object[key], at)]
  })
}

function doubled(schema: JsonObject, list: readonly Json[], path: string): Causes {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return secondOf(list, path)
    case 'map':
      return doubledKeys(schema, list, path)
    default:
      return []
  }
}

function doubledKeys(schema: JsonObject, list: readonly Json[], path: string): Causes {
  const wrong = list.findIndex((item) => item !== null && !isJsonObject(item))
  if (wrong >= 0) {
    return [invalidValue(`${path}[${wrong}]`, list[wrong], 'must be an object for an array of list-type map')]
  }
  const keys = schema['x-kubernetes-list-map-keys']
  const names = isJsonList(keys) ? keys.map(String).toSorted() : []
  return secondOf(
    list.map((item) => keysOf(item, names)),
    path,
  )
}

function keysOf(item: Json, names: readonly string[]): JsonObject {
  if (!isJsonObject(item)) return {}
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = getOwn(item, name)
      return value === undefined ? [] : [[name, value] as const]
    }),
  )
}

/** Of items that are there more than once the second is named. */
function secondOf(items: readonly Json[], path: string): Causes {
  if (items.length < 2) return []
  const times = new Map<string, number>()
  return items.flatMap((item, index) => {
    const text = JSON.stringify(sorted(item))
    const count = (times.get(text) ?? 0) + 1
    times.set(text, count)
    return count === 2 ? [duplicate(`${path}[${index}]`, sorted(item))] : []
  })
}

/** As Go encodes it, which sorts maps. */
function sorted(value: Json): Json {
  if (isJsonList(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] ?? null)]))
}
