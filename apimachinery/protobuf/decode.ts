/**
 * From Kubernetes' protobuf form to JSON values, as a JSON body would have them; `schema/decode.ts` then makes an object of them.
 * Fields that the table does not know are dropped, as upstream does with protobuf.
 */
import { type Json, type JsonObject, setOwn } from '../json.ts'
import type { FieldType, ScalarName, Schemas, Struct } from '../schema/schema.ts'
import { formatTime } from '../time.ts'
import { protobufMagic } from './encode.ts'
import { type PlanNode, planOf } from './plan.ts'
import { ProtobufProblem, ProtobufReader } from './reader.ts'

export type DecodedEnvelope = { readonly apiVersion: string; readonly kind: string; readonly raw: Buffer }

/** Messages nest as deeply as the schema of a custom resource; deeper ones are attacks. */
const maxDepth = 200

/** Takes the envelope off. Throws `ProtobufProblem` when there is none. */
export function decodeEnvelope(body: Buffer): DecodedEnvelope {
  if (!body.subarray(0, protobufMagic.length).equals(protobufMagic)) {
    throw new ProtobufProblem('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  }
  const reader = new ProtobufReader(body.subarray(protobufMagic.length))
  let type = new ProtobufReader(Buffer.alloc(0))
  let raw: Buffer = Buffer.alloc(0)
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) type = new ProtobufReader(reader.bytes())
    else if (field === 2) raw = reader.bytes()
    else reader.skip()
  }
  let apiVersion = ''
  let kind = ''
  for (let field = type.next(); field !== 0; field = type.next()) {
    if (field === 1) apiVersion = type.text()
    else if (field === 2) kind = type.text()
    else type.skip()
  }
  return { apiVersion, kind, raw }
}

/** Decodes a body of a compiled definition. Throws `ProtobufProblem` when it is none. */
export function decodeProtobuf(schemas: Schemas, struct: Struct, body: Buffer): JsonObject {
  const { apiVersion, kind, raw } = decodeEnvelope(body)
  const object = decodeMessage(schemas, struct, raw)
  return { ...(kind === '' ? {} : { kind }), ...(apiVersion === '' ? {} : { apiVersion }), ...object }
}

/** Decodes an object without envelope. */
export function decodeMessage(schemas: Schemas, struct: Struct, raw: Buffer): JsonObject {
  return new Decoder(schemas).struct(struct, raw)
}

type Object = Record<string, Json>

class Decoder {
  readonly #schemas: Schemas
  #depth = 0

  constructor(schemas: Schemas) {
    this.#schemas = schemas
  }

  struct(struct: Struct, bytes: Buffer): Object {
    const object: Object = {}
    this.#into(planOf(struct), bytes, object)
    return object
  }

  /** Occurrences of one message are merged, as protobuf has it, because they fill the same object. */
  #into(nodes: readonly PlanNode[], bytes: Buffer, object: Object): void {
    if (++this.#depth > maxDepth) throw new ProtobufProblem('exceeded max depth')
    const reader = new ProtobufReader(bytes)
    for (let number = reader.next(); number !== 0; number = reader.next()) {
      const node = nodes.find((candidate) => candidate.number === number)
      if (node === undefined) reader.skip()
      else if (node.type === 'embedded') this.#into(node.nodes, reader.bytes(), object)
      else this.#field(node.field.name, node.field.type, reader, object)
    }
    this.#depth--
  }

  #field(name: string, type: FieldType, reader: ProtobufReader, object: Object): void {
    const old = object[name]
    if (type.type === 'list') {
      const list = (old ?? []) as Json[]
      this.#item(type.items, reader, list)
      object[name] = list
    } else if (type.type === 'map') {
      const map = (old ?? {}) as Object
      this.#entry(type.values, reader.bytes(), map)
      object[name] = map
    } else if (type.type === 'struct') {
      const inner = (old ?? {}) as Object
      this.#into(planOf(type.struct), reader.bytes(), inner)
      object[name] = inner
    } else {
      const value = this.#scalar(type.scalar, reader)
      if (value !== undefined) object[name] = value
    }
  }

  #item(type: FieldType, reader: ProtobufReader, list: Json[]): void {
    if (type.type === 'scalar' && (type.scalar === 'int32' || type.scalar === 'int64') && reader.isLengthDelimited) {
      const packed = new ProtobufReader(reader.bytes())
      while (!packed.isAtEnd) list.push(packed.varint())
    } else list.push(this.#single(type, reader))
  }

  #single(type: FieldType, reader: ProtobufReader): Json {
    if (type.type === 'struct') return this.struct(type.struct, reader.bytes())
    if (type.type === 'list') return this.#wrappedList(type.items, reader.bytes())
    if (type.type === 'map') throw new TypeError('The API has no map in a list or map')
    return this.#scalar(type.scalar, reader) ?? null
  }

  #wrappedList(items: FieldType, bytes: Buffer): Json {
    const list: Json[] = []
    const reader = new ProtobufReader(bytes)
    for (let number = reader.next(); number !== 0; number = reader.next()) {
      if (number === 1) list.push(this.#single(items, reader))
      else reader.skip()
    }
    return list
  }

  #entry(values: FieldType, bytes: Buffer, map: Object): void {
    const reader = new ProtobufReader(bytes)
    let key = ''
    let value: Json | undefined
    for (let number = reader.next(); number !== 0; number = reader.next()) {
      if (number === 1) key = reader.text()
      else if (number === 2) value = this.#single(values, reader)
      else reader.skip()
    }
    setOwn(
      map,
      key,
      value ?? (values.type === 'struct' ? {} : values.type === 'scalar' && values.scalar === 'string' ? '' : null),
    )
  }

  #scalar(scalar: ScalarName, reader: ProtobufReader): Json | undefined {
    switch (scalar) {
      case 'string':
        return reader.text()
      case 'bool':
        return reader.varint() !== 0
      case 'int32':
      case 'int64':
        return reader.varint()
      case 'double':
        return reader.double()
      case 'bytes':
        return reader.bytes().toString('base64')
      case 'quantity':
        return textOf(reader.bytes(), 1) ?? '0'
      case 'intOrString':
        return intOrString(reader.bytes())
      case 'time':
      case 'microTime':
        return time(reader.bytes(), scalar)
      case 'json':
      case 'rawExtension':
      case 'fieldsV1':
        return raw(reader.bytes())
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStrings':
        return this.#schemaOr(scalar, reader.bytes())
    }
  }

  #schemaOr(scalar: 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStrings', bytes: Buffer): Json {
    const struct = this.#schemas.structs.get('apiextensions.v1.JSONSchemaProps')
    const reader = new ProtobufReader(bytes)
    const list: Json[] = []
    let schema: Json | undefined
    let allows = false
    const schemaNumber = scalar === 'schemaOrBool' ? 2 : 1
    for (let number = reader.next(); number !== 0; number = reader.next()) {
      if (number === schemaNumber && struct !== undefined) schema = this.struct(struct, reader.bytes())
      else if (scalar === 'schemaOrBool' && number === 1) allows = reader.varint() !== 0
      else if (number === 2 && scalar === 'schemaOrStrings') list.push(reader.text())
      else if (number === 2 && struct !== undefined) list.push(this.struct(struct, reader.bytes()))
      else reader.skip()
    }
    return schema ?? (scalar === 'schemaOrBool' ? allows : list)
  }
}

function textOf(bytes: Buffer, wanted: number): string | undefined {
  const reader = new ProtobufReader(bytes)
  let text: string | undefined
  for (let number = reader.next(); number !== 0; number = reader.next()) {
    if (number === wanted) text = reader.text()
    else reader.skip()
  }
  return text
}

function intOrString(bytes: Buffer): Json {
  const reader = new ProtobufReader(bytes)
  let isText = false
  let number = 0
  let text = ''
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) isText = reader.varint() === 1
    else if (field === 2) number = reader.varint()
    else if (field === 3) text = reader.text()
    else reader.skip()
  }
  return isText ? text : number
}

/** An empty message is the zero time, which JSON does not have. */
function time(bytes: Buffer, scalar: 'time' | 'microTime'): Json | undefined {
  if (bytes.length === 0) return undefined
  const reader = new ProtobufReader(bytes)
  let seconds = 0
  let nanos = 0
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) seconds = reader.varint()
    else if (field === 2) nanos = reader.varint()
    else reader.skip()
  }
  // The last second of the year 9999; beyond it RFC 3339 ends.
  if (Math.abs(seconds) > 253_402_300_799) throw new ProtobufProblem(`time ${seconds} out of range`)
  const text = formatTime(seconds * 1000)
  const micros = String(Math.floor(nanos / 1000)).padStart(6, '0')
  return scalar === 'time' ? text : `${text.slice(0, -1)}.${micros}Z`
}

function raw(bytes: Buffer): Json | undefined {
  const text = textOf(bytes, 1)
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new ProtobufProblem('raw JSON inside the protobuf body cannot be parsed')
  }
}
