/**
 * JSON as CEL values by its structural schema, converted only where an expression looks. Unlike values by CEL's types alone, lists
 * that are sets or have keys compare and add as such, and what the schema does not name is invisible.
 * Source: apiserver `pkg/cel/common/valuesunstructured.go`.
 */
import { equalJson, getOwn, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { durationNanos, fitsFormat } from '../schema/formats.ts'
import { schemaAt } from '../schema/structural.ts'
import { CelError } from './errors.ts'
import { escapeIdentifier, unescapeIdentifier } from './escape.ts'
import { propertiesOf } from './schema-types.ts'
import {
  type CelValue,
  duration,
  itemsOf,
  type ListValue,
  listValue,
  type MapValue,
  type OpaqueValue,
  timestamp,
} from './values.ts'

/** A lazy view of JSON. `isResource`: the root, or an embedded resource. Throws `CelError` for JSON that the schema does not allow. */
export function schemaValue(json: Json, schema: JsonObject, isResource = isEmbedded(schema)): CelValue {
  if (json === null) {
    if (schema['nullable'] === true) return null
    throw new CelError('invalid data, got null for schema with nullable=false')
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof json === 'string') return json
    if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json)
    throw new CelError('invalid data, expected XIntOrString value to be either a string or integer')
  }
  switch (schema['type']) {
    case 'object':
      if (isJsonObject(json)) return new SchemaMap(json, schema, isResource)
      throw new CelError('invalid data, expected a map for the provided schema with type=object')
    case 'array':
      return listOf(json, schema)
    case 'string':
      if (typeof json === 'string') return textValue(json, schema)
      throw new CelError(`invalid data, expected string, got ${goType(json)}`)
    case 'number':
      if (typeof json === 'number') return json
      throw new CelError(`invalid data, expected float, got ${goType(json)}`)
    case 'integer':
      if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json)
      throw new CelError(`invalid data, expected int, got ${goType(json)}`)
    case 'boolean':
      if (typeof json === 'boolean') return json
      throw new CelError(`invalid data, expected bool, got ${goType(json)}`)
    default:
      return unknownValue(json)
  }
}

function isEmbedded(schema: JsonObject): boolean {
  return schema['x-kubernetes-embedded-resource'] === true
}

function goType(json: Json): string {
  if (isJsonList(json)) return '[]interface {}'
  if (typeof json === 'number') return Number.isInteger(json) ? 'int64' : 'float64'
  return typeof json === 'object' ? 'map[string]interface {}' : typeof json === 'boolean' ? 'bool' : 'string'
}

/** What is kept without a schema can only be compared. */
function unknownValue(json: Json): CelValue {
  return new UnknownValue(json)
}

class UnknownValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'unknown'
  readonly json: Json

  constructor(json: Json) {
    this.json = json
  }

  equals(other: CelValue): boolean {
    return other instanceof UnknownValue && equalJson(this.json, other.json)
  }
}

function textValue(text: string, { format }: JsonObject): CelValue {
  switch (format) {
    case 'duration': {
      const nanos = durationNanos(text)
      if (nanos === undefined) throw new CelError(`Invalid duration ${text}: unable to parse ${text} as duration`)
      return duration(nanos)
    }
    case 'date':
      if (!fitsFormat('date', text)) throw new CelError(`Invalid date formatted string ${text}`)
      return timestamp(Date.parse(`${text}T00:00:00Z`) / 1000, 0)
    case 'date-time':
      return dateTime(text)
    case 'byte':
      if (!/^[A-Za-z0-9_-]*={0,2}$/.test(text))
        throw new CelError(`Invalid byte formatted string ${text}: illegal base64 data`)
      return new Uint8Array(Buffer.from(text, 'base64url'))
    default:
      return text
  }
}

/** Source: strfmt `ParseDateTime`; a time without an offset is in UTC. */
function dateTime(text: string): CelValue {
  if (text === '') return timestamp(0, 0)
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})?$/.exec(text)
  const [, time = '', fraction = '', zone = 'Z'] = match ?? []
  const millis = match === null || !fitsFormat('date', text.slice(0, 10)) ? Number.NaN : Date.parse(`${time}${zone}`)
  if (Number.isNaN(millis)) {
    throw new CelError(`Invalid date-time formatted string ${text}: parsing time ${JSON.stringify(text)}`)
  }
  return timestamp(millis / 1000, Number(fraction.slice(0, 9).padEnd(9, '0')))
}

/** An object: its fields by their CEL names; or a map: its entries by their keys. */
class SchemaMap implements MapValue {
  readonly kind = 'map'
  readonly json: JsonObject
  readonly #schema: JsonObject
  readonly #properties: JsonObject | undefined
  readonly equals?: (other: MapValue) => boolean
  #known: Map<string, CelValue> | undefined

  constructor(json: JsonObject, schema: JsonObject, isResource: boolean) {
    this.json = json
    this.#schema = schema
    this.#properties = isResource || schema['properties'] !== undefined ? propertiesOf(schema, isResource) : undefined
    const hasUnknown = Object.keys(json).some((key) => json[key] !== undefined && this.#schemaOf(key) === undefined)
    // Fields without a schema count too, as the JSON that they are.
    if (hasUnknown) this.equals = (other) => equalJson(json, other.json)
  }

  get size(): number {
    return Object.values(this.json).filter((value) => value !== undefined).length
  }

  #schemaOf(key: string): JsonObject | undefined {
    return this.#properties === undefined
      ? schemaAt(this.#schema, 'additionalProperties')
      : schemaAt(this.#properties, key)
  }

  find(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') throw new CelError('no such overload')
    const known = this.#known?.get(key)
    if (known !== undefined) return known
    const name = this.#properties === undefined ? key : unescapeIdentifier(key)
    const value = name === undefined ? undefined : getOwn(this.json, name)
    const schema = name === undefined ? undefined : this.#schemaOf(name)
    // A field that is null is not there; an entry that is null is.
    if (value === undefined || schema === undefined || (value === null && this.#properties !== undefined))
      return undefined
    const found = schemaValue(value, schema)
    if (typeof found === 'object') {
      this.#known ??= new Map()
      this.#known.set(key, found)
    }
    return found
  }

  keys(): readonly CelValue[] {
    const names = Object.keys(this.json).filter(
      (key) => this.json[key] !== undefined && this.#schemaOf(key) !== undefined,
    )
    return this.#properties === undefined ? names : names.map((name) => escapeIdentifier(name) ?? name)
  }
}

function listOf(json: Json, schema: JsonObject): ListValue {
  if (!isJsonList(json)) throw new CelError('invalid data, expected an array for the provided schema with type=array')
  const items = schemaAt(schema, 'items')
  if (items === undefined) throw new CelError('invalid array type, expected Items with a non-empty Schema')
  const list = new SchemaList(json, items)
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return new SetList(list)
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys']
      return new KeyedList(
        list,
        (isJsonList(keys) ? keys : []).map((key) => escapeIdentifier(String(key)) ?? String(key)),
      )
    }
    default:
      return list
  }
}

class SchemaList implements ListValue {
  readonly kind = 'list'
  readonly json: readonly Json[]
  readonly #items: JsonObject
  readonly #known = new Map<number, CelValue>()

  constructor(json: readonly Json[], items: JsonObject) {
    this.json = json
    this.#items = items
  }

  get size(): number {
    return this.json.length
  }

  get(index: number): CelValue {
    const known = this.#known.get(index)
    if (known !== undefined) return known
    const value = schemaValue(this.json[index] ?? null, this.#items)
    if (typeof value === 'object' && value !== null) this.#known.set(index, value)
    return value
  }
}

function sortedJson(value: Json): Json {
  if (isJsonList(value)) return value.map(sortedJson)
  if (!isJsonObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sortedJson(value[key] ?? null)]))
}

/** Scalars that are equal have the same text; other values are told apart by what they are. */
function identity(value: CelValue): unknown {
  if (value === null || typeof value !== 'object') return `${typeof value}:${String(value)}`
  if ('kind' in value && value.kind === 'timestamp') return `timestamp:${value.seconds}.${value.nanos}`
  if ('kind' in value && value.kind === 'duration') return `duration:${value.nanos}`
  return 'json' in value ? `json:${JSON.stringify(sortedJson(value.json ?? null))}` : value
}

/** Order does not count; adding unites. */
class SetList implements ListValue {
  readonly kind = 'list'
  readonly #list: ListValue
  #members: Set<unknown> | undefined

  constructor(list: ListValue) {
    this.#list = list
  }

  get size(): number {
    return this.#list.size
  }

  get json(): Json {
    return this.#list.json ?? null
  }

  get(index: number): CelValue {
    return this.#list.get(index)
  }

  #set(): Set<unknown> {
    this.#members ??= new Set(itemsOf(this.#list).map(identity))
    return this.#members
  }

  equals(other: ListValue): boolean {
    const members = this.#set()
    return other.size === this.size && itemsOf(other).every((item) => members.has(identity(item)))
  }

  concat(other: ListValue): ListValue {
    const seen = new Set(this.#set())
    const added = itemsOf(other).filter((item) => {
      const isNew = !seen.has(identity(item))
      seen.add(identity(item))
      return isNew
    })
    return new SetList(listValue([...itemsOf(this.#list), ...added]))
  }
}

/** Items belong together by their keys, whatever their order; adding merges, the right side wins. */
class KeyedList implements ListValue {
  readonly kind = 'list'
  readonly #list: ListValue
  readonly #keys: readonly string[]
  #byKey: Map<string, CelValue> | undefined

  constructor(list: ListValue, keys: readonly string[]) {
    this.#list = list
    this.#keys = keys
  }

  get size(): number {
    return this.#list.size
  }

  get json(): Json {
    return this.#list.json ?? null
  }

  get(index: number): CelValue {
    return this.#list.get(index)
  }

  #keyOf(item: CelValue): string {
    const isMap = typeof item === 'object' && item !== null && 'kind' in item && item.kind === 'map'
    return JSON.stringify(this.#keys.map((key) => String(identity((isMap ? item.find(key) : undefined) ?? null))))
  }

  #items(): Map<string, CelValue> {
    this.#byKey ??= new Map(itemsOf(this.#list).map((item) => [this.#keyOf(item), item]))
    return this.#byKey
  }

  equals(other: ListValue): boolean {
    if (other.size !== this.size) return false
    const items = this.#items()
    return itemsOf(other).every((item) => {
      const own = items.get(this.#keyOf(item))
      return own !== undefined && identity(own) === identity(item)
    })
  }

  concat(other: ListValue): ListValue {
    const merged = new Map(this.#items())
    for (const item of itemsOf(other)) merged.set(this.#keyOf(item), item)
    return new KeyedList(listValue([...merged.values()]), this.#keys)
  }
}
