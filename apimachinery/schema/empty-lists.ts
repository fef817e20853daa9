/**
 * Lists that Go always writes are `null` once they have been stored: protobuf, in which upstream stores, knows no empty list.
 * Who sent `[]` still owns the field, so this comes after the managed fields. Pure.
 */
import type { Json, JsonObject } from '../json.ts'
import type { FieldType, Struct } from './schema.ts'

/** What to look at in a struct: lists of its own, and fields below which such lists are. */
type Plan = { readonly lists: readonly string[]; readonly below: readonly (readonly [string, FieldType])[] }

const plans = new WeakMap<Struct, Plan>()

/** The object with `null` where such a list is empty; the object itself where none is. */
export function emptyListsAsNull(struct: Struct, object: JsonObject): JsonObject {
  let plan = plans.get(struct)
  if (plan === undefined) {
    plan = planOf(struct)
    plans.set(struct, plan)
  }
  const changed: Record<string, Json> = {}
  let isChanged = false
  const set = (name: string, value: Json): void => {
    changed[name] = value
    isChanged = true
  }
  for (const name of plan.lists) {
    const value = object[name]
    if (Array.isArray(value) && value.length === 0) set(name, null)
  }
  for (const [name, type] of plan.below) {
    const value = object[name]
    if (value === undefined || value === null) continue
    const next = settle(type, value)
    if (next !== value) set(name, next)
  }
  return isChanged ? { ...object, ...changed } : object
}

function settle(type: FieldType, value: Json): Json {
  switch (type.type) {
    case 'scalar':
      return value
    case 'struct':
      return emptyListsAsNull(type.struct, value as JsonObject)
    case 'list': {
      const items = value as readonly Json[]
      const next = items.map((item) => settle(type.items, item))
      return next.some((item, index) => item !== items[index]) ? next : value
    }
    case 'map': {
      const before = value as JsonObject
      const entries = Object.entries(before).map(([key, item]) => [key, settle(type.values, item ?? null)] as const)
      return entries.some(([key, item]) => item !== before[key]) ? Object.fromEntries(entries) : value
    }
  }
}

function planOf(struct: Struct): Plan {
  return {
    lists: struct.ordered.filter(isNullable).map(({ name }) => name),
    below: struct.ordered
      .filter(({ type }) => reachesList(type, new Set([struct])))
      .map(({ name, type }) => [name, type] as const),
  }
}

function isNullable({ type, default: absent }: Struct['ordered'][number]): boolean {
  return type.type === 'list' && absent === null
}

function reachesList(type: FieldType, seen: Set<Struct>): boolean {
  switch (type.type) {
    case 'scalar':
      return false
    case 'list':
      return reachesList(type.items, seen)
    case 'map':
      return reachesList(type.values, seen)
    case 'struct': {
      if (seen.has(type.struct)) return false
      seen.add(type.struct)
      return type.struct.ordered.some((field) => isNullable(field) || reachesList(field.type, seen))
    }
  }
}
