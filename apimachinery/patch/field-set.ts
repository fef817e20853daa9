/**
 * Sets of fields, as `managedFields[].fieldsV1` has them. The wire form is the working form, so nothing is decoded or encoded:
 *
 *   {"f:spec": {"f:replicas": {}, "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:image": {}}}}}
 *
 * An element is `f:` a field or map key, `k:` the keys of a list item, `v:` a scalar of a set, `i:` an index. `{}` is a member;
 * `.` makes a member of an element that has members below it. Source: structured-merge-diff `fieldpath`, `serialize.go`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Field, Struct } from '../schema/schema.ts'

/** The members below one element; at the top, the whole set. */
export type FieldSet = { readonly [element: string]: FieldSet }
export type MutableFieldSet = { [element: string]: FieldSet }

/** An element that is a member and has none below it. */
export const leaf: FieldSet = {}
const self = '.'

/** The element of a field or map key. */
export function fieldElement(name: string): string {
  return `f:${name}`
}

/** The element of a scalar in a `list=set`. */
export function valueElement(value: Json): string {
  return `v:${JSON.stringify(value)}`
}

/** The element of an item of a `list=map`; a key that is absent has its default. */
export function itemElement(field: Field, item: Json): string {
  let text = 'k:{'
  for (const [key, label] of labelledKeys(field)) text += label + JSON.stringify(keyValue(field, item, key) ?? null)
  return `${text}}`
}

/** The first key that an item of a `list=map` should have and has not. */
export function missingKey(field: Field, item: Json): string | undefined {
  return field.keys.find((key) => keyValue(field, item, key) === undefined)
}

function keyValue(field: Field, item: Json, key: string): Json | undefined {
  return (isJsonObject(item) ? item[key] : undefined) ?? keyDefault(field, key)
}

type LabelledKeys = readonly (readonly [key: string, label: string])[]
const labelled = new WeakMap<Field, LabelledKeys>()

/** The keys of a list, sorted, each with the text that stands before its value: `,"protocol":`. */
function labelledKeys(field: Field): LabelledKeys {
  const known = labelled.get(field)
  if (known !== undefined) return known
  const keys = field.keys.toSorted().map((key, i) => [key, `${i === 0 ? '' : ','}${JSON.stringify(key)}:`] as const)
  labelled.set(field, keys)
  return keys
}

function keyDefault(field: Field, key: string): Json | undefined {
  const items = field.type.type === 'list' ? field.type.items : undefined
  return items?.type === 'struct' ? items.struct.fields.get(key)?.declaredDefault : undefined
}

/** True when the set has no members. */
export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** Whether an element found in a set is itself a member. */
export function isMember(node: FieldSet): boolean {
  return isEmptySet(node) || Object.hasOwn(node, self)
}

/** The elements below, without the mark of the element itself. */
export function elements(node: FieldSet): readonly string[] {
  return Object.keys(node).filter((element) => element !== self)
}

/** Everything in one set or the other. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  const merged: MutableFieldSet = { ...a }
  for (const element of Object.keys(b)) {
    const left = Object.hasOwn(a, element) ? a[element] : undefined
    const right = b[element]
    if (right !== undefined) merged[element] = left === undefined ? right : unionOfNodes(left, right)
  }
  return merged
}

function unionOfNodes(a: FieldSet, b: FieldSet): FieldSet {
  const merged = union(a, b)
  return (isMember(a) || isMember(b)) && !isEmptySet(merged) ? { [self]: leaf, ...merged } : merged
}

/** What is in the first set and not in the second. The first set itself when the two have nothing in common. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const rest: MutableFieldSet = {}
  let changed = false
  for (const element of Object.keys(a)) {
    const left = a[element]
    const right = Object.hasOwn(b, element) ? b[element] : undefined
    if (left === undefined) continue
    const kept = right === undefined ? left : differenceOfNodes(left, right)
    if (kept !== left) changed = true
    if (kept !== undefined) rest[element] = kept
  }
  return changed ? rest : a
}

/** `undefined`: nothing of the element is left. */
function differenceOfNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (isEmptySet(a)) return isMember(b) ? undefined : a
  if (isEmptySet(b)) return withoutSelf(a)
  const rest = difference(a, b)
  if (isEmptySet(rest)) return isMember(a) && !isMember(b) ? leaf : undefined
  if (Object.keys(rest).length === 1 && Object.hasOwn(rest, self)) return leaf
  return rest
}

function withoutSelf(node: FieldSet): FieldSet | undefined {
  if (!Object.hasOwn(node, self)) return node
  const { [self]: _, ...rest } = node
  return isEmptySet(rest) ? undefined : rest
}

/** What is in both sets. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const common: MutableFieldSet = {}
  for (const element of Object.keys(a)) {
    const left = a[element]
    const right = Object.hasOwn(b, element) ? b[element] : undefined
    if (left === undefined || right === undefined || element === self) continue
    const below = intersection(left, right)
    const both = isMember(left) && isMember(right)
    if (both) common[element] = isEmptySet(below) ? leaf : { [self]: leaf, ...below }
    else if (!isEmptySet(below)) common[element] = below
  }
  return common
}

/** Makes members of all fields of structs on the way to a member, so that a struct is removed with its last owned field. */
export function withNamedFields(struct: Struct, set: FieldSet): FieldSet {
  const named: MutableFieldSet = {}
  for (const element of elements(set)) {
    const node = set[element]
    if (node === undefined) continue
    const field = struct.fields.get(element.slice(2))
    named[element] = field === undefined ? node : withSelf(namedBelow(field, node))
  }
  return named
}

function withSelf(node: FieldSet): FieldSet {
  return isMember(node) ? node : { [self]: leaf, ...node }
}

function namedBelow(field: Field, node: FieldSet): FieldSet {
  const { type } = field
  const inner = type.type === 'list' ? type.items : type.type === 'map' ? type.values : type
  if (inner.type !== 'struct' || isEmptySet(node)) return node
  const below: MutableFieldSet = type.type === 'struct' ? { ...withNamedFields(inner.struct, node) } : {}
  if (type.type !== 'struct') {
    for (const element of elements(node)) {
      const item = node[element]
      if (item === undefined) continue
      const inside = isEmptySet(item) ? item : withNamedFields(inner.struct, item)
      below[element] = Object.hasOwn(item, self) ? { [self]: leaf, ...inside } : inside
    }
  }
  return Object.hasOwn(node, self) ? { [self]: leaf, ...below } : below
}

/** Every member as text, such as `.spec.containers[name="a"].image`. */
export function memberPaths(set: FieldSet, prefix = ''): readonly string[] {
  return elements(set).flatMap((element) => {
    const node = set[element] ?? leaf
    const path = `${prefix}${elementText(element)}`
    return [...(isMember(node) ? [path] : []), ...memberPaths(node, path)]
  })
}

/** One element as text, such as `[name="a"]`. */
export function elementText(element: string): string {
  const body = element.slice(2)
  switch (element.slice(0, 2)) {
    case 'k:':
      return `[${keyTexts(body).join(',')}]`
    case 'v:':
      return `[=${body}]`
    case 'i:':
      return `[${body}]`
    default:
      return `.${body}`
  }
}

function keyTexts(json: string): readonly string[] {
  const keys = JSON.parse(json) as JsonObject
  return Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
}

/** Whether a value from outside has the form of a set; what has not is ignored, as upstream does. */
export function isFieldSet(value: Json | undefined, depth = 0): value is FieldSet {
  if (!isJsonObject(value) || depth > 200) return false
  return Object.entries(value).every(([element, node]) => isElement(element) && isFieldSet(node, depth + 1))
}

function isElement(element: string): boolean {
  if (element === self || element.startsWith('f:')) return true
  const body = element.slice(2)
  if (element.startsWith('i:')) return /^\d+$/.test(body)
  if (!element.startsWith('k:') && !element.startsWith('v:')) return false
  try {
    const parsed = JSON.parse(body) as Json
    return element.startsWith('v:') ? !isJsonList(parsed) : isJsonObject(parsed)
  } catch {
    return false
  }
}
