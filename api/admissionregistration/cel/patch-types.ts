/**
 * What a mutation is written with: `Object{spec: Object.spec{replicas: 3}}` and `JSONPatch{op: "add", path: "/a", value: 1}`.
 * Types are not known where policies are compiled, so every name that begins with `Object` is a struct that takes any field; that
 * the name follows the fields is checked when the value is there. Source: upstream's `cel/mutation`.
 */
import { CelError } from '../../../apimachinery/cel/errors.ts'
import { toJson } from '../../../apimachinery/cel/json-values.ts'
import type { ObjectType, TypeProvider } from '../../../apimachinery/cel/object-type.ts'
import { celTypes, objectType } from '../../../apimachinery/cel/types.ts'
import { type CelValue, itemsOf, type ObjectValue } from '../../../apimachinery/cel/values.ts'
import type { JsonObject } from '../../../apimachinery/json.ts'
import { isJsonObject, type Json, setOwn } from '../../../apimachinery/json.ts'

const objectName = 'Object'
const patchName = 'JSONPatch'

/** The result of an apply configuration. */
export const applyConfigurationType = objectType(objectName)
/** One operation of a JSON patch. */
export const jsonPatchType = objectType(patchName)

/** Structs that mutations may write. */
export const patchTypes: TypeProvider = {
  find: (name) => {
    if (name === patchName) return jsonPatchStruct
    return name === objectName || name.startsWith(`${objectName}.`) ? anyObject(name) : undefined
  },
}

const jsonPatchStruct: ObjectType = {
  name: patchName,
  fields: new Map([
    ['op', { type: celTypes.string }],
    ['path', { type: celTypes.string }],
    ['from', { type: celTypes.string }],
    ['value', { type: celTypes.dyn }],
  ]),
  // Upstream's says of every other field that it exists and has no type, and its checker then shows the empty name.
  otherFields: objectType(''),
  create: (fields) => new Literal(patchName, fields),
}

function anyObject(name: string): ObjectType {
  return { name, fields: new Map(), otherFields: celTypes.dyn, create: (fields) => new Literal(name, fields) }
}

/** A struct as it was written. */
class Literal implements ObjectValue {
  readonly kind = 'object'
  readonly typeName: string
  readonly fields: ReadonlyMap<string, CelValue>

  constructor(typeName: string, fields: ReadonlyMap<string, CelValue>) {
    this.typeName = typeName
    this.fields = fields
  }

  find(field: string): CelValue | undefined {
    return this.fields.get(field)
  }

  names(): readonly string[] {
    return [...this.fields.keys()]
  }
}

/** Names of types that do not follow the fields they stand in: `Object{spec: Object.status{}}`. */
export function misnamedTypes(value: CelValue, path: string = objectName): readonly string[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  switch (value.kind) {
    case 'object': {
      const problem = `unexpected type name "${value.typeName}", expected "${path}", which matches field name path from root Object type`
      const inside = value.names().flatMap((name) => misnamedTypes(value.find(name) ?? null, `${path}.${name}`))
      return value.typeName === path ? inside : [problem, ...inside]
    }
    case 'list':
      return value.json === undefined ? itemsOf(value).flatMap((item) => misnamedTypes(item, path)) : []
    case 'map':
      return value.json === undefined ? value.keys().flatMap((key) => misnamedTypes(value.find(key) ?? null, path)) : []
    default:
      return []
  }
}

/** An apply configuration as JSON. */
export function applyConfigurationJson(value: CelValue): JsonObject {
  if (!(value instanceof Literal)) throw new CelError('unsupported return type from ApplyConfiguration expression')
  const json = plain(value, goNull)
  return isJsonObject(json) ? json : {}
}

/** The operations of a JSON patch as JSON. Throws `CelError` for what is no such patch. */
export function jsonPatchOperations(value: CelValue): readonly JsonObject[] {
  if (typeof value !== 'object' || value === null || !('kind' in value) || value.kind !== 'list') {
    throw new CelError('type mismatch: JSONPatchType.expression should evaluate to array')
  }
  return itemsOf(value).map(operationJson)
}

function operationJson(item: CelValue): JsonObject {
  if (!(item instanceof Literal)) {
    throw new CelError('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch')
  }
  const [op, path, from, value] = ['op', 'path', 'from', 'value'].map((name) => item.fields.get(name))
  // A struct as value may be of any place in the object; its own name is where its path begins.
  const problems = value instanceof Literal ? misnamedTypes(value, value.typeName) : []
  if (problems.length > 0) throw new CelError(`type mismatch: ${problems.join('\n')}`)
  return {
    op: typeof op === 'string' ? op : '',
    path: typeof path === 'string' ? path : '',
    ...(typeof from === 'string' && from !== '' ? { from } : {}),
    ...(value === undefined ? {} : { value: plain(value) }),
  }
}

/** What Go makes of a null in an apply configuration: the number of an enum. */
const goNull = 0

/** As JSON. Keys of maps must be strings. */
function plain(value: CelValue, nothing: Json = null): Json {
  if (value === null) return nothing
  if (typeof value !== 'object' || value instanceof Uint8Array) return toJson(value)
  if (value.kind === 'list' && value.json === undefined) return itemsOf(value).map((item) => plain(item, nothing))
  if (value.kind === 'map' && value.json === undefined) {
    return entriesJson(value.keys(), (key) => plain(value.find(key) ?? null, nothing))
  }
  if (value.kind === 'object' && value.json === undefined) {
    return entriesJson(value.names(), (key) => plain(value.find(key) ?? null, nothing))
  }
  return toJson(value)
}

function entriesJson<Key extends CelValue>(keys: readonly Key[], read: (key: Key) => Json): JsonObject {
  const result: Record<string, Json> = {}
  for (const key of keys) {
    if (typeof key !== 'string') throw new CelError(`map key ${JSON.stringify(String(key))} is not a string`)
    setOwn(result, key, read(key))
  }
  return result
}
