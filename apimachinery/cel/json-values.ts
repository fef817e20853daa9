/** JSON as CEL values, converted only where an expression looks; and back. */
import { getOwn, isJsonList, type Json, type JsonObject, setOwn } from '../json.ts'
import { toText } from './convert.ts'
import { CelError, CostLimitError } from './errors.ts'
import type { ObjectType, TypeProvider } from './object-type.ts'
import { runtimeTypeName } from './runtime-type.ts'
import { parseDuration, parseTimestamp } from './time-values.ts'
import { type CelType, celTypes } from './types.ts'
import type { CelValue, ListValue, MapValue } from './values.ts'

/** A lazy view of JSON by its declared type; `dyn` goes by what the JSON is. Throws `CelError` where JSON and type disagree. */
export function fromJson(json: Json, type: CelType, provider: TypeProvider): CelValue {
  if (json === null) return null
  switch (type.kind) {
    case 'int':
      if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json)
      throw unexpected('int', json)
    case 'double':
      if (typeof json === 'number') return json
      throw unexpected('float', json)
    case 'string':
      if (typeof json === 'string') return json
      throw unexpected('string', json)
    case 'bool':
      if (typeof json === 'boolean') return json
      throw unexpected('bool', json)
    case 'list':
      if (isJsonList(json)) return new JsonItems(json, type.items, provider)
      throw new CelError('invalid data, expected an array for the provided schema with type=array')
    case 'map':
      return new JsonMap(jsonObject(json), type.values, provider)
    case 'object':
      return objectFromJson(jsonObject(json), type.name, provider)
    case 'bytes':
    case 'timestamp':
    case 'duration':
      return textFromJson(json, type.kind)
    default:
      return dynamicFromJson(json)
  }
}

function unexpected(wanted: string, json: Json): CelError {
  return new CelError(`invalid data, expected ${wanted}, got ${goType(json)}`)
}

function goType(json: Json): string {
  if (typeof json === 'number') return Number.isInteger(json) ? 'int64' : 'float64'
  if (typeof json === 'boolean') return 'bool'
  if (typeof json === 'string') return 'string'
  return isJsonList(json) ? '[]interface {}' : 'map[string]interface {}'
}

function jsonObject(json: Json): JsonObject {
  if (typeof json === 'object' && json !== null && !isJsonList(json)) return json
  throw new CelError('invalid data, expected a map for the provided schema with type=object')
}

function objectFromJson(json: JsonObject, name: string, provider: TypeProvider): CelValue {
  const type = provider.find(name)
  return type === undefined ? new JsonMap(json, celTypes.dyn, provider) : new JsonStruct(json, type, provider)
}

function textFromJson(json: Json, kind: 'bytes' | 'timestamp' | 'duration'): CelValue {
  if (typeof json !== 'string') throw unexpected('string', json)
  switch (kind) {
    case 'bytes':
      return Buffer.from(json, 'base64')
    case 'timestamp': {
      const time = parseTimestamp(/^\d{4}-\d{2}-\d{2}$/.test(json) ? `${json}T00:00:00Z` : json)
      if (time === undefined) throw new CelError(`Invalid date-time formatted string ${json}`)
      return time
    }
    case 'duration': {
      const length = parseDuration(json)
      if (length === undefined) throw new CelError(`Invalid duration ${json}`)
      return length
    }
  }
}

const provided: TypeProvider = { find: () => undefined }
const int64Limit = 2 ** 63

/** Whole numbers are ints, as Kubernetes decodes JSON. */
function dynamicFromJson(json: Json): CelValue {
  switch (typeof json) {
    case 'number':
      return Number.isInteger(json) && json >= -int64Limit && json < int64Limit ? BigInt(json) : json
    case 'string':
    case 'boolean':
      return json
    default:
      if (json === null) return null
      return isJsonList(json) ? new JsonItems(json, celTypes.dyn, provided) : new JsonMap(json, celTypes.dyn, provided)
  }
}

class JsonItems implements ListValue {
  readonly kind = 'list'
  readonly json: readonly Json[]
  readonly #type: CelType
  readonly #provider: TypeProvider

  constructor(json: readonly Json[], type: CelType, provider: TypeProvider) {
    this.json = json
    this.#type = type
    this.#provider = provider
  }

  get size(): number {
    return this.json.length
  }

  get(index: number): CelValue {
    return fromJson(this.json[index] ?? null, this.#type, this.#provider)
  }
}

class JsonMap implements MapValue {
  readonly kind = 'map'
  readonly json: JsonObject
  readonly #type: CelType
  readonly #provider: TypeProvider

  constructor(json: JsonObject, type: CelType, provider: TypeProvider) {
    this.json = json
    this.#type = type
    this.#provider = provider
  }

  get size(): number {
    return Object.keys(this.json).length
  }

  find(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined
    const value = getOwn(this.json, key)
    return value === undefined ? undefined : fromJson(value, this.#type, this.#provider)
  }

  keys(): readonly CelValue[] {
    return Object.keys(this.json)
  }
}

/** A declared struct: behaves as a map of the fields that are set. A field that is null is not. */
class JsonStruct implements MapValue {
  readonly kind = 'map'
  readonly json: JsonObject
  readonly #type: ObjectType
  readonly #provider: TypeProvider

  constructor(json: JsonObject, type: ObjectType, provider: TypeProvider) {
    this.json = json
    this.#type = type
    this.#provider = provider
  }

  get size(): number {
    return Object.keys(this.json).length
  }

  find(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined
    const field = this.#type.fields.get(key)
    const type = field?.type ?? this.#type.otherFields
    if (type === undefined) return undefined
    const value = getOwn(this.json, field?.jsonName ?? key)
    return value === undefined || value === null ? undefined : fromJson(value, type, this.#provider)
  }

  keys(): readonly CelValue[] {
    const named = [...this.#type.fields].filter(
      ([name, field]) => getOwn(this.json, field.jsonName ?? name) !== undefined,
    )
    return named.map(([name]) => name)
  }
}

/** How many values may still be written. Lists that hold one list many times look small and are not. */
type Work = { left: number }

const mostWritten = 1_000_000

/** The value as JSON; throws `CelError` for values that have none, `CostLimitError` for endless ones. */
export function toJson(value: CelValue): Json {
  return write(value, { left: mostWritten })
}

function write(value: CelValue, work: Work): Json {
  work.left--
  if (work.left < 0) throw new CostLimitError()
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : toText(value)
    case 'bigint':
      return wholeToJson(value)
    default:
      return value === null ? null : objectToJson(value, work)
  }
}

/** Beyond 2^53 a JSON number would not be exact. */
function wholeToJson(value: bigint): Json {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

function objectToJson(value: Extract<CelValue, object>, work: Work): Json {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  switch (value.kind) {
    case 'uint':
      return wholeToJson(value.value)
    case 'timestamp':
    case 'duration':
      return toText(value)
    case 'list':
      return value.json ?? listToJson(value, work)
    case 'map':
      return (
        value.json ??
        entriesToJson(
          value.keys().map((key) => [keyToJson(key), value.find(key)]),
          work,
        )
      )
    case 'object':
      return (
        value.json ??
        entriesToJson(
          value.names().map((name) => [name, value.find(name)]),
          work,
        )
      )
    case 'optional':
      if (value.value === undefined) throw new CelError('optional.none() dereference')
      return write(value.value, work)
    default:
      throw new CelError(`unsupported conversion to JSON: ${runtimeTypeName(value)}`)
  }
}

function listToJson(list: ListValue, work: Work): Json {
  const items: Json[] = []
  for (let i = 0; i < list.size; i++) items.push(write(list.get(i), work))
  return items
}

function keyToJson(key: CelValue): string {
  if (typeof key === 'object' && key !== null && !('kind' in key && key.kind === 'uint')) {
    throw new CelError(`unsupported type conversion to JSON object key: ${runtimeTypeName(key)}`)
  }
  return toText(key)
}

function entriesToJson(entries: readonly (readonly [string, CelValue | undefined])[], work: Work): Json {
  const object: Record<string, Json> = {}
  for (const [name, value] of entries) if (value !== undefined) setOwn(object, name, write(value, work))
  return object
}
