/**
 * Bodies in Kubernetes' protobuf form, which current clients send for built-in kinds, read into the same JSON values that a
 * JSON body gives. The compiled table of the API carries the field numbers.
 *
 *   "k8s\0" runtime.Unknown { 1: TypeMeta { 1: apiVersion, 2: kind }, 2: raw object }
 *
 * Source: `runtime/serializer/protobuf`; the messages of `meta/v1`, `resource`, `intstr`.
 */
import protobuf from 'protobufjs'
import type { Json, JsonObject } from '../../apimachinery/json.ts'
import type { Field, FieldType, ScalarName, Schemas, Struct } from '../../apimachinery/schema/schema.ts'
import { badRequest } from '../../apimachinery/status.ts'
import { formatMicroTime, formatTime } from '../../apimachinery/time.ts'

/** The media type of such bodies. */
export const protobufType = 'application/vnd.kubernetes.protobuf'

const magic = Buffer.from('k8s\0')
const lengthDelimited = 2

type WireValue = { readonly wireType: number; readonly bytes: Buffer; readonly varint: number; readonly double: number }

/** Reads a body; `definition` is used unless the body names another kind of the same table. Throws BadRequest. */
export function parseProtobufBody(schemas: Schemas, definition: string, body: Buffer): JsonObject {
  if (!body.subarray(0, magic.length).equals(magic)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  }
  try {
    const unknown = readFields(body.subarray(magic.length))
    const type = readFields(last(unknown, 1)?.bytes ?? Buffer.alloc(0))
    const apiVersion = text(last(type, 1))
    const kind = text(last(type, 2))
    const struct = schemas.structs.get(definition)
    if (struct === undefined) throw new TypeError(`No definition ${definition}`)
    const object = readStruct(struct, [last(unknown, 2)?.bytes ?? Buffer.alloc(0)])
    return { ...object, ...(kind === '' ? {} : { kind }), ...(apiVersion === '' ? {} : { apiVersion }) }
  } catch (error) {
    if (error instanceof RangeError || (error instanceof Error && error.message.includes('wire type'))) {
      throw badRequest(`unable to decode protobuf body: ${error.message}`)
    }
    throw error
  }
}

type Fields = ReadonlyMap<number, readonly WireValue[]>

function readFields(bytes: Buffer): Fields {
  const reader = protobuf.Reader.create(bytes)
  const fields = new Map<number, WireValue[]>()
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const wireType = tag & 7
    const values = fields.get(tag >>> 3) ?? []
    values.push(readValue(reader, wireType))
    fields.set(tag >>> 3, values)
  }
  return fields
}

function readValue(reader: protobuf.Reader, wireType: number): WireValue {
  const none = { wireType, bytes: Buffer.alloc(0), varint: 0, double: 0 }
  switch (wireType) {
    case 0: {
      const value = reader.int64()
      return { ...none, varint: typeof value === 'number' ? value : Number(value.toString()) }
    }
    case 1:
      return { ...none, double: reader.double() }
    case lengthDelimited:
      return { ...none, bytes: Buffer.from(reader.bytes()) }
    case 5:
      return { ...none, double: reader.float() }
    default:
      throw new RangeError(`illegal wire type ${wireType}`)
  }
}

function last(fields: Fields, number: number): WireValue | undefined {
  return fields.get(number)?.at(-1)
}

function text(value: WireValue | undefined): string {
  return value?.bytes.toString('utf8') ?? ''
}

/** Occurrences of one embedded message are merged, as protobuf has it. */
function readStruct(struct: Struct, chunks: readonly Buffer[]): JsonObject {
  const fields = readFields(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks))
  const object: Record<string, Json> = {}
  for (const field of struct.ordered) {
    const values = valuesOf(fields, field)
    if (values.length === 0) continue
    const value = readField(field.type, values)
    if (value !== undefined) object[field.name] = value
  }
  return object
}

/** `2.19`: field 19 of the message embedded as field 2. */
function valuesOf(fields: Fields, { numbers }: Field): readonly WireValue[] {
  let found: readonly WireValue[] = []
  let at = fields
  for (const [index, number] of numbers.entries()) {
    found = at.get(number) ?? []
    if (index === numbers.length - 1 || found.length === 0) break
    at = readFields(Buffer.concat(found.map(({ bytes }) => bytes)))
  }
  return found
}

function readField(type: FieldType, values: readonly WireValue[]): Json | undefined {
  const value = values.at(-1)
  if (value === undefined) return undefined
  switch (type.type) {
    case 'scalar':
      return readScalar(type.scalar, value)
    case 'struct':
      return readStruct(
        type.struct,
        values.map(({ bytes }) => bytes),
      )
    case 'list':
      return values.flatMap((item) => readItem(type.items, item))
    case 'map':
      return Object.fromEntries(values.map(({ bytes }) => readEntry(type.values, bytes)))
  }
}

/** A list inside a list or map is wrapped in a message whose field 1 repeats. */
function readItem(type: FieldType, value: WireValue): Json[] {
  if (type.type === 'scalar' && isPacked(type.scalar, value)) return unpack(value.bytes)
  const source = type.type === 'list' ? (readFields(value.bytes).get(1) ?? []) : [value]
  return [readField(type, source) ?? (type.type === 'list' ? [] : null)]
}

function isPacked(scalar: ScalarName, { wireType }: WireValue): boolean {
  return wireType === lengthDelimited && (scalar === 'int32' || scalar === 'int64' || scalar === 'bool')
}

function unpack(bytes: Buffer): Json[] {
  const reader = protobuf.Reader.create(bytes)
  const numbers: Json[] = []
  while (reader.pos < reader.len) numbers.push(Number(reader.int64().toString()))
  return numbers
}

function readEntry(type: FieldType, bytes: Buffer): [string, Json] {
  const entry = readFields(bytes)
  const values = entry.get(2) ?? []
  const source = type.type === 'list' ? (readFields(values.at(-1)?.bytes ?? Buffer.alloc(0)).get(1) ?? []) : values
  const empty = type.type === 'list' ? [] : type.type === 'scalar' && type.scalar === 'string' ? '' : null
  return [text(last(entry, 1)), readField(type, source) ?? empty]
}

function readScalar(scalar: ScalarName, value: WireValue): Json | undefined {
  switch (scalar) {
    case 'string':
      return text(value)
    case 'bool':
      return value.varint !== 0
    case 'int32':
    case 'int64':
      return value.varint
    case 'double':
      return value.double
    case 'bytes':
      return value.bytes.toString('base64')
    case 'quantity':
      return text(last(readFields(value.bytes), 1))
    case 'intOrString':
      return readIntOrString(readFields(value.bytes))
    case 'time':
    case 'microTime':
      return readTime(readFields(value.bytes), scalar)
    case 'json':
    case 'rawExtension':
    case 'fieldsV1':
      return readRaw(value.bytes)
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStrings':
      throw badRequest('JSON schemas are only accepted as JSON')
  }
}

function readIntOrString(fields: Fields): Json {
  return last(fields, 1)?.varint === 1 ? text(last(fields, 3)) : (last(fields, 2)?.varint ?? 0)
}

/** The zero time of Go is null in JSON. */
function readTime(fields: Fields, scalar: 'time' | 'microTime'): Json {
  const seconds = last(fields, 1)?.varint ?? 0
  const nanos = last(fields, 2)?.varint ?? 0
  if (seconds === 0 && nanos === 0) return null
  const ms = seconds * 1000 + nanos / 1e6
  return scalar === 'time' ? formatTime(ms) : formatMicroTime(ms)
}

function readRaw(bytes: Buffer): Json | undefined {
  const raw = text(last(readFields(bytes), 1))
  if (raw === '') return undefined
  try {
    return JSON.parse(raw) as Json
  } catch {
    throw badRequest('raw JSON inside the protobuf body cannot be parsed')
  }
}
