/**
 * Strategic merge patch: a merge patch that knows from the table which lists are merged by a key, and obeys directives.
 *
 *   $patch: replace | delete                    the map it stands in, or (delete) the list item with this merge key
 *   $retainKeys: [a, b]                         drops every other field of the map
 *   $deleteFromPrimitiveList/finalizers: [x]    removes scalars from a list
 *   $setElementOrder/containers: [{name: a}]    the order the list has afterwards; unnamed items keep their place
 *
 * Source: apimachinery `pkg/util/strategicpatch`.
 */

import { goQuote } from '../field-errors.ts'
import {
  equalJson,
  getOwn,
  goType,
  isDeeperThan,
  isJsonList,
  isJsonObject,
  type Json,
  type JsonObject,
  setOwn,
} from '../json.ts'
import { type Field, type FieldType, type Schemas, type Struct, structOf } from '../schema/schema.ts'
import { badRequest, StatusError } from '../status.ts'
import { identity, orderLike, partition, positions } from './element-order.ts'

const patchDirective = '$patch'
const retainKeys = '$retainKeys'
const deleteFromList = '$deleteFromPrimitiveList'
const elementOrder = '$setElementOrder'
const maxDepth = 1000

type MutableObject = Record<string, Json>

/** Applies a strategic merge patch to an object of a definition such as `core.v1.Pod`. */
export function applyStrategicMerge(
  schemas: Schemas,
  definition: string,
  document: JsonObject,
  patch: unknown,
): JsonObject {
  return mergeStruct(structOf(schemas, definition), document, patch)
}

/** Applies a strategic merge patch to an object of a compiled definition. */
export function mergeStruct(struct: Struct, document: JsonObject, patch: unknown): JsonObject {
  // Go takes null for an empty map.
  if (patch === null) return document
  if (!isJsonObject(patch)) {
    throw badRequest(`json: cannot unmarshal ${goType(patch)} into Go value of type map[string]interface {}`)
  }
  if (isDeeperThan(patch, maxDepth)) throw badRequest('exceeded max depth')
  return mergeMap({ type: 'struct', struct }, document, patch)
}

function mergeMap(type: FieldType, original: JsonObject, patch: JsonObject): JsonObject {
  const directive = patch[patchDirective]
  if (directive === 'replace') return without(patch, patchDirective)
  if (directive === 'delete') return {}
  if (directive !== undefined) throw unknownDirective(directive, patch)
  const merged = retained(original, patch)
  const rest = mergeOrdered(type, merged, patch)
  for (const key of Object.keys(rest)) {
    const change = rest[key]
    if (change === undefined || key === retainKeys) continue
    if (key.startsWith(deleteFromList)) deletePrimitives(merged, nameAfter(key, deleteFromList), change)
    else if (change === null) delete merged[key]
    else mergeField(type, merged, key, change)
  }
  return merged
}

function mergeField(type: FieldType, merged: MutableObject, key: string, change: Json): void {
  const old = getOwn(merged, key)
  const field = type.type === 'struct' ? type.struct.fields.get(key) : undefined
  if (isJsonObject(old) && isJsonObject(change)) {
    if (field?.patchMerge === false && isReplaced(field)) setOwn(merged, key, change)
    else setOwn(merged, key, mergeMap(typeOf(type, field), old, change))
  } else if (isJsonList(old) && isJsonList(change) && field?.patchMerge === true) {
    setOwn(merged, key, mergeList(field, old, change))
  } else if (isJsonList(old) && isJsonList(change)) {
    setOwn(merged, key, change)
  } else {
    const taken = stripped(change)
    if (taken === undefined) delete merged[key]
    else setOwn(merged, key, taken)
  }
}

/** No map of the built-in kinds has `patch=replace`; only lists do, and those are replaced by default. */
function isReplaced(field: Field): boolean {
  return field.type.type === 'list'
}

const rawType: FieldType = { type: 'scalar', scalar: 'json' }

function typeOf(type: FieldType, field: Field | undefined): FieldType {
  return field?.type ?? (type.type === 'map' ? type.values : rawType)
}

function retained(original: JsonObject, patch: JsonObject): MutableObject {
  const copy: MutableObject = {}
  const keep = getOwn(patch, retainKeys)
  if (keep !== undefined) checkRetainKeys(keep, patch)
  for (const key of Object.keys(original)) {
    const value = original[key]
    if (value !== undefined && (!isJsonList(keep) || keep.includes(key))) setOwn(copy, key, value)
  }
  return copy
}

function checkRetainKeys(keep: Json, patch: JsonObject): void {
  if (!isJsonList(keep)) throw badRequest('invalid patch format of retainKeys')
  const fits = Object.entries(patch).every(
    ([key, value]) => value === null || key.startsWith('$') || keep.includes(key),
  )
  if (!fits) throw badRequest('invalid patch format of retainKeys')
}

function deletePrimitives(merged: MutableObject, name: string, values: Json): void {
  if (!isJsonList(values)) throw badRequest('invalid patch format of primitive list')
  const old = getOwn(merged, name)
  if (!isJsonList(old)) return
  setOwn(
    merged,
    name,
    old.filter((item) => !values.some((value) => equalJson(item, value))),
  )
}

function nameAfter(key: string, directive: string): string {
  const slash = key.indexOf('/')
  if (slash === directive.length) return key.slice(slash + 1)
  throw badRequest(`invalid patch format of ${directive === elementOrder ? 'setElementOrder list' : 'primitive list'}`)
}

/** Handles every `$setElementOrder/…` together with the list it orders; returns what of the patch is left. */
function mergeOrdered(type: FieldType, merged: MutableObject, patch: JsonObject): JsonObject {
  const orders = Object.keys(patch).filter((key) => key.startsWith(elementOrder))
  if (orders.length === 0) return patch
  let rest = patch
  for (const key of orders) {
    const name = nameAfter(key, elementOrder)
    const order = patch[key]
    if (!isJsonList(order)) throw wrongArgument(order ?? null)
    orderField(type, merged, name, order, getOwn(patch, name))
    rest = without(rest, key)
    if (isJsonList(getOwn(merged, name))) rest = without(rest, name)
  }
  return rest
}

function orderField(
  type: FieldType,
  merged: MutableObject,
  name: string,
  order: readonly Json[],
  change: Json | undefined,
): void {
  const old = listOrNone(getOwn(merged, name))
  listOrNone(change)
  const field = type.type === 'struct' ? type.struct.fields.get(name) : undefined
  if (field === undefined) throw unknownField(type, name)
  if (old === undefined && change === undefined) return
  const { mergeKey } = field
  if (mergeKey !== undefined) for (const [index, item] of order.entries()) checkOrdered(item, index, mergeKey)
  if (isJsonList(change)) checkOrder(change, order, mergeKey)
  const contents = contentsOf(field, old, change)
  const { named, unnamed } = partition(contents, order, mergeKey)
  setOwn(merged, name, orderLike(named, unnamed, order, old ?? [], mergeKey))
}

function checkOrdered(item: Json, index: number, mergeKey: string): void {
  if (!isJsonObject(item)) throw internal(`value for key ${index} is not a map`)
  keyed(item, mergeKey)
}

function listOrNone(value: Json | undefined): readonly Json[] | undefined {
  if (value === undefined || isJsonList(value)) return value
  throw wrongArgument(value)
}

function contentsOf(field: Field, old: readonly Json[] | undefined, change: Json | undefined): readonly Json[] {
  if (!isJsonList(change)) return old ?? []
  if (old === undefined) return strippedItems(change)
  return field.patchMerge ? mergeList(field, old, change) : change
}

/** Every item of the patch must stand in the order list, in the same sequence. */
function checkOrder(change: readonly Json[], order: readonly Json[], mergeKey: string | undefined): void {
  let at = 0
  for (const item of change) {
    if (isJsonObject(item) && item[patchDirective] === 'delete') continue
    while (at < order.length && !sameItem(order[at], item, mergeKey)) at++
    if (at === order.length) {
      throw new StatusError(
        '',
        `The order in patch list:\n${goMap(change)}\n doesn't match $setElementOrder list:\n${goMap(order)}\n`,
        undefined,
        500,
      )
    }
    at++
  }
}

function sameItem(a: Json | undefined, b: Json, mergeKey: string | undefined): boolean {
  if (mergeKey === undefined) return equalJson(a, b)
  return isJsonObject(a) && isJsonObject(b) && equalJson(a[mergeKey], b[mergeKey])
}

function mergeList(field: Field, old: readonly Json[], change: readonly Json[]): readonly Json[] {
  if (old.length === 0 && change.length === 0) return old
  if ([...old, ...change].some((item) => isJsonList(item))) throw unprocessable('lists of lists are not supported')
  if (new Set([...old, ...change].map(goArgument)).size > 1) {
    throw internal(`list element types are not identical: ${goMap([old, change])}`)
  }
  const ofObjects = isJsonObject(old[0] ?? change[0])
  if (!ofObjects) {
    const { named, unnamed } = partition(distinct([...old, ...change]), change, undefined)
    return orderLike(named, unnamed, change, old, undefined)
  }
  const { mergeKey } = field
  if (mergeKey === undefined) throw internal(`cannot merge lists without merge key for ${field.name}`)
  const { base, items } = applyItemDirectives(old, change, mergeKey)
  const merged = mergeItems(field, base, items, mergeKey)
  const { named, unnamed } = partition(merged, items, mergeKey)
  return orderLike(named, unnamed, items, base, mergeKey)
}

function distinct(items: readonly Json[]): readonly Json[] {
  return [...new Set(items)]
}

type ItemDirectives = { readonly base: readonly Json[]; readonly items: readonly JsonObject[] }

function applyItemDirectives(old: readonly Json[], change: readonly Json[], mergeKey: string): ItemDirectives {
  let base = old
  let replaces = false
  const items: JsonObject[] = []
  for (const item of change) {
    if (!isJsonObject(item)) throw internal(`expected a map in the list, but received ${JSON.stringify(item)}`)
    const directive = item[patchDirective]
    if (directive === undefined) items.push(item)
    else if (directive === 'replace') replaces = true
    else if (directive === 'merge') throw internal('merging lists cannot yet be specified in the patch')
    else if (directive === 'delete') base = base.filter((other) => !sameItem(other, keyed(item, mergeKey), mergeKey))
    else throw unknownDirective(directive, item)
  }
  return replaces ? { base: items, items: [] } : { base, items }
}

function keyed(item: JsonObject, mergeKey: string): JsonObject {
  if (getOwn(item, mergeKey) !== undefined) return item
  throw internal(`map: ${goMap(item)} does not contain declared merge key: ${mergeKey}`)
}

function mergeItems(
  field: Field,
  base: readonly Json[],
  items: readonly JsonObject[],
  mergeKey: string,
): readonly Json[] {
  const merged = [...base]
  const places = new Map(positions(base, mergeKey))
  const type = field.type.type === 'list' ? field.type.items : rawType
  for (const item of items) {
    keyed(item, mergeKey)
    const at = places.get(identity(item, mergeKey)) ?? merged.length
    const old = merged[at]
    const taken = isJsonObject(old) ? mergeMap(type, old, item) : stripped(item)
    if (taken === undefined) continue
    merged[at] = taken
    places.set(identity(item, mergeKey), at)
  }
  return merged
}

/** What a patch looks like where nothing was before: without nulls; a map with `$patch`, whatever it says, leaves nothing. */
function stripped(value: Json): Json | undefined {
  if (isJsonList(value)) return strippedItems(value)
  if (!isJsonObject(value)) return value
  if (value[patchDirective] !== undefined) return undefined
  const kept: MutableObject = {}
  for (const key of Object.keys(value)) {
    const part = value[key]
    const isDirective = key === retainKeys || key.startsWith(deleteFromList) || key.startsWith(elementOrder)
    const taken = isDirective || part === null || part === undefined ? undefined : stripped(part)
    if (taken !== undefined) setOwn(kept, key, taken)
  }
  return kept
}

function strippedItems(items: readonly Json[]): readonly Json[] {
  return items.flatMap((item) => {
    const taken = stripped(item)
    return taken === undefined ? [] : [taken]
  })
}

function without(object: JsonObject, field: string): JsonObject {
  const copy: MutableObject = {}
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (key !== field && value !== undefined) setOwn(copy, key, value)
  }
  return copy
}

function unknownDirective(directive: Json, patch: JsonObject): StatusError {
  return internal(`unknown patch type: ${String(directive)} in map: ${goMap(patch)}`)
}

/** Source: `mergepatch.ErrBadArgType`. */
function wrongArgument(value: Json): StatusError {
  return internal(`expected a []interface {}, but received a ${goArgument(value)}`)
}

function goArgument(value: Json): string {
  if (value === null) return '<nil>'
  if (isJsonList(value)) return '[]interface {}'
  if (isJsonObject(value)) return 'map[string]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : 'string'
}

function unknownField(type: FieldType, name: string): StatusError {
  const struct = type.type === 'struct' ? type.struct.name : ''
  return internal(
    `unable to find api field in struct ${struct.slice(struct.lastIndexOf('.') + 1)} for the json field ${goQuote(name)}`,
  )
}

/** A map as Go prints it with `%v`. */
export function goMap(value: Json | undefined): string {
  if (isJsonList(value)) return `[${value.map(goMap).join(' ')}]`
  if (!isJsonObject(value)) return value === null ? '<nil>' : String(value)
  const fields = Object.keys(value)
    .toSorted()
    .map((key) => `${key}:${goMap(value[key])}`)
  return `map[${fields.join(' ')}]`
}

function internal(message: string): StatusError {
  return new StatusError('', message, undefined, 500)
}

function unprocessable(message: string): StatusError {
  const error = new StatusError('Invalid', 'the server rejected our request due to an error in our request', {}, 422)
  error.cause = new Error(message)
  return error
}
