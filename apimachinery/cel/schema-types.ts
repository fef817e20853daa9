/**
 * A structural schema as CEL sees it: which fields an expression may name, their types, and how large values can become.
 * What the schema does not type (`x-kubernetes-preserve-unknown-fields`) cannot be named.
 * Source: apiserver `pkg/cel/common/schemas.go`, `pkg/cel/types.go`, `pkg/cel/limits.go`.
 */
import { isJsonList, isJsonObject, type JsonObject } from '../json.ts'
import { schemaAt } from '../schema/structural.ts'
import { escapeIdentifier, unescapeIdentifier } from './escape.ts'
import type { ObjectField, ObjectType, TypeProvider } from './object-type.ts'
import { type CelType, celTypes, listOf, mapOf, objectType } from './types.ts'

/** The type of the values of one schema. Sizes are those of the values' JSON, in bytes or items. */
export type SchemaType = {
  readonly kind:
    | 'dyn'
    | 'bool'
    | 'int'
    | 'double'
    | 'string'
    | 'bytes'
    | 'timestamp'
    | 'duration'
    | 'list'
    | 'map'
    | 'object'
  /** The shortest JSON of a value. */
  readonly minSize: number
  /** The most items, entries or bytes that a value has. */
  readonly maxElements: number
  /** Items of a list, values of a map. */
  readonly elements?: SchemaType
  /** By the name that CEL uses. */
  readonly fields?: ReadonlyMap<string, SchemaType>
}

/** Source: `MaxRequestSizeBytes` of apiserver `pkg/apis/cel`. */
export const maxRequestBytes = 3 * 1024 * 1024
const stringMax = maxRequestBytes - 2

/** Keys of maps have no limit of their own upstream, and so no size that costs could count. */
const keyType: SchemaType = { kind: 'string', minSize: 2, maxElements: 0 }

/** The schema's type, or `undefined` when expressions may not name its values. `isResource`: the root, or an embedded resource. */
export function schemaType(schema: JsonObject, isResource: boolean): SchemaType | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) {
    const longest = numberAt(schema, 'maxLength')
    return { kind: 'dyn', minSize: 1, maxElements: longest === undefined ? stringMax : atLeastZero(longest) * 4 }
  }
  switch (schema['type']) {
    case 'array':
      return arrayType(schema)
    case 'object':
      return isJsonObject(schema['additionalProperties']) ? mapType(schema) : fieldsType(schema, isResource)
    case 'string':
      return stringType(schema)
    case 'boolean':
      return { kind: 'bool', minSize: 4, maxElements: 0 }
    case 'number':
      return { kind: 'double', minSize: 1, maxElements: 0 }
    case 'integer':
      return { kind: 'int', minSize: 1, maxElements: 0 }
    default:
      return undefined
  }
}

function childType(schema: JsonObject): SchemaType | undefined {
  return schemaType(schema, schema['x-kubernetes-embedded-resource'] === true)
}

function arrayType(schema: JsonObject): SchemaType | undefined {
  const items = schemaAt(schema, 'items')
  const elements = items === undefined ? undefined : childType(items)
  if (elements === undefined) return undefined
  const most = numberAt(schema, 'maxItems')
  const maxElements = most === undefined ? Math.trunc(stringMax / (elements.minSize + 1)) : atLeastZero(most)
  return { kind: 'list', minSize: 2, maxElements, elements }
}

function mapType(schema: JsonObject): SchemaType | undefined {
  const values = schemaAt(schema, 'additionalProperties')
  const elements = values === undefined ? undefined : childType(values)
  if (elements === undefined) return undefined
  const most = numberAt(schema, 'maxProperties')
  // Quotes, colon, comma and one character of the key.
  const maxElements = most === undefined ? Math.trunc(stringMax / (elements.minSize + 6)) : atLeastZero(most)
  return { kind: 'map', minSize: 2, maxElements, elements }
}

function fieldsType(schema: JsonObject, isResource: boolean): SchemaType {
  const fields = new Map<string, SchemaType>()
  const required = new Set(isJsonList(schema['required']) ? schema['required'].map(String) : [])
  let minSize = 2
  for (const [name, property] of Object.entries(propertiesOf(schema, isResource))) {
    if (!isJsonObject(property)) continue
    const type = childType(property)
    if (type === undefined) continue
    const escaped = escapeIdentifier(name)
    if (escaped !== undefined) fields.set(escaped, type)
    // What has a default is filled in by the server.
    if (required.has(name) && property['default'] === undefined) {
      minSize += Buffer.byteLength(name) + type.minSize + 4
    }
  }
  return { kind: 'object', minSize, maxElements: 0, fields }
}

const text: JsonObject = { type: 'string' }
const resourceFields: JsonObject = {
  kind: text,
  apiVersion: text,
  metadata: { type: 'object', properties: { name: text, generateName: text } },
}

/** The properties of an object. Resources have a type and a name, whether or not their schema says so. */
export function propertiesOf(schema: JsonObject, isResource: boolean): JsonObject {
  const own = schemaAt(schema, 'properties') ?? {}
  if (!isResource) return own
  const typeOf = (at: JsonObject | undefined, name: string) => schemaAt(at, name)?.['type']
  const names = schemaAt(schemaAt(own, 'metadata'), 'properties')
  const isComplete =
    typeOf(own, 'kind') === 'string' &&
    typeOf(own, 'apiVersion') === 'string' &&
    typeOf(own, 'metadata') === 'object' &&
    typeOf(names, 'name') === 'string' &&
    typeOf(names, 'generateName') === 'string'
  return isComplete ? own : { ...own, ...resourceFields }
}

function stringType(schema: JsonObject): SchemaType {
  const longest = numberAt(schema, 'maxLength')
  switch (schema['format']) {
    case 'byte':
      return { kind: 'bytes', minSize: 2, maxElements: longest === undefined ? stringMax : atLeastZero(longest) }
    case 'duration':
      return { kind: 'duration', minSize: 3, maxElements: 32 }
    case 'date':
      return { kind: 'timestamp', minSize: 12, maxElements: 12 }
    case 'date-time':
      return { kind: 'timestamp', minSize: 21, maxElements: 32 }
    default:
      return { kind: 'string', minSize: 2, maxElements: longestString(schema, longest) }
  }
}

/** A character has at most four bytes. */
function longestString(schema: JsonObject, longest: number | undefined): number {
  if (longest !== undefined) return atLeastZero(longest) * 4
  const allowed = schema['enum']
  if (!isJsonList(allowed) || allowed.length === 0) return stringMax
  return Math.max(0, ...allowed.map((one) => (typeof one === 'string' ? Buffer.byteLength(one) : 0)))
}

function numberAt(schema: JsonObject, key: string): number | undefined {
  const value = schema[key]
  return typeof value === 'number' ? value : undefined
}

function atLeastZero(value: number): number {
  return Math.max(0, value)
}

/** What `self` is called in an expression's environment. Upstream adds a number that changes with every write. */
export const selfTypeName = 'selfType'

/** The type for the checker; structs are called by their path from `name`. */
export function celTypeOf(type: SchemaType, name = selfTypeName): CelType {
  switch (type.kind) {
    case 'object':
      return objectType(name)
    case 'list':
      return listOf(type.elements === undefined ? celTypes.dyn : celTypeOf(type.elements, `${name}.@idx`))
    case 'map':
      return mapOf(
        celTypes.string,
        type.elements === undefined ? celTypes.dyn : celTypeOf(type.elements, `${name}.@elem`),
      )
    default:
      return celTypes[type.kind]
  }
}

/** Finds structs by their path; each is made when it is first asked for. */
export function schemaTypeProvider(root: SchemaType): TypeProvider {
  const known = new Map<string, ObjectType | undefined>()
  return {
    find: (name) => {
      if (!known.has(name)) known.set(name, name.startsWith(selfTypeName) ? structAt(root, name) : undefined)
      return known.get(name)
    },
  }
}

function structAt(root: SchemaType, name: string): ObjectType | undefined {
  const [first, ...steps] = name.split('.')
  let type: SchemaType | undefined = first === selfTypeName ? root : undefined
  for (const step of steps) type = step === '@idx' || step === '@elem' ? type?.elements : type?.fields?.get(step)
  if (type?.kind !== 'object') return undefined
  const fields = new Map<string, ObjectField>()
  for (const [field, one] of type.fields ?? []) {
    const declared = { type: celTypeOf(one, `${name}.${field}`) }
    fields.set(field, declared)
    // CEL's words may be written as they are, too.
    const word = unescapeIdentifier(field)
    if (word !== undefined && field === `__${word}__`) fields.set(word, declared)
  }
  return { name, fields }
}

/** How large the value at a path of an expression can be; paths begin at `self`. Source: `sizeEstimator`. */
export function sizeAt(
  root: SchemaType,
  path: readonly string[],
): { readonly min: number; readonly max: number } | undefined {
  let type: SchemaType | undefined = path.length === 0 ? undefined : root
  for (const step of path.slice(1)) {
    if (type === undefined) return undefined
    if (step === '@keys') type = type.kind === 'map' ? keyType : undefined
    else if (step === '@items' || step === '@values') type = type.elements
    else type = type.fields?.get(step)
  }
  return type === undefined ? undefined : { min: 0, max: type.maxElements }
}
