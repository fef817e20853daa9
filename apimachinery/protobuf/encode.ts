/**
 * Objects in Kubernetes' protobuf form, byte for byte as Go writes them: plain fields always, even when they are zero, pointers
 * only when they are set.
 *
 *   "k8s\0" runtime.Unknown { 1: TypeMeta { 1: apiVersion, 2: kind }, 2: raw object, 3: "", 4: "" }
 *
 * Source: `runtime/serializer/protobuf`; messages of `meta/v1`, `resource`, `intstr`, `apiextensions/v1`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Field, FieldType, ScalarName, Schemas, Struct } from '../schema/schema.ts'
import { parseTime } from '../time.ts'
import { type PlanNode, planOf } from './plan.ts'
import { ReverseWriter } from './writer.ts'

/** The media type of bodies in this form. */
export const protobufContentType = 'application/vnd.kubernetes.protobuf'
/** What every body begins with. */
export const protobufMagic: Buffer = Buffer.from('k8s\0')

/** Encodes an object of a compiled definition with its envelope. */
export function encodeProtobuf(schemas: Schemas, struct: Struct, object: JsonObject): Buffer {
  return encodeUnknown(
    encodeMessage(schemas, struct, object),
    String(object['apiVersion'] ?? ''),
    String(object['kind'] ?? ''),
  )
}

/** Encodes a list: its metadata and its items, as upstream's `PodList` and the like. */
export function encodeProtobufList(schemas: Schemas, item: Struct, list: JsonObject): Buffer {
  const encoder = new Encoder(schemas)
  const items = isJsonList(list['items']) ? list['items'] : []
  for (const object of items.toReversed()) encoder.message(2, item, isJsonObject(object) ? object : {})
  const metadata = schemas.structs.get('meta.v1.ListMeta')
  if (metadata !== undefined) encoder.message(1, metadata, isJsonObject(list['metadata']) ? list['metadata'] : {})
  return encodeUnknown(encoder.writer.finish(), String(list['apiVersion'] ?? ''), String(list['kind'] ?? ''))
}

/** Encodes an object without envelope. */
export function encodeMessage(schemas: Schemas, struct: Struct, object: JsonObject): Buffer {
  const encoder = new Encoder(schemas)
  encoder.struct(struct, object)
  return encoder.writer.finish()
}

function encodeUnknown(raw: Buffer, apiVersion: string, kind: string): Buffer {
  const writer = new ReverseWriter()
  writer.textField(4, '')
  writer.textField(3, '')
  const start = writer.length
  writer.bytes(raw)
  writer.close(2, start)
  const type = writer.length
  writer.textField(2, kind)
  writer.textField(1, apiVersion)
  writer.close(1, type)
  return Buffer.concat([protobufMagic, writer.finish()])
}

const jsonSchema = 'apiextensions.v1.JSONSchemaProps'

class Encoder {
  readonly writer = new ReverseWriter()
  readonly #schemas: Schemas

  constructor(schemas: Schemas) {
    this.#schemas = schemas
  }

  struct(struct: Struct, object: JsonObject): void {
    this.#nodes(planOf(struct), object)
  }

  message(number: number, struct: Struct, object: JsonObject): void {
    const mark = this.writer.length
    this.struct(struct, object)
    this.writer.close(number, mark)
  }

  #nodes(nodes: readonly PlanNode[], object: JsonObject): void {
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]
      if (node === undefined) continue
      if (node.type === 'field') this.#field(node.number, node.field, object[node.field.name] ?? undefined)
      else {
        const mark = this.writer.length
        this.#nodes(node.nodes, object)
        this.writer.close(node.number, mark)
      }
    }
  }

  #field(number: number, field: Field, value: Json | undefined): void {
    const { type } = field
    if (value === undefined) {
      if (!field.pointer) this.#zero(number, field)
    } else if (type.type === 'list') {
      const items = isJsonList(value) ? value : []
      for (let i = items.length - 1; i >= 0; i--) this.#value(number, type.items, items[i] ?? null)
    } else if (type.type === 'map') this.#map(number, type.values, isJsonObject(value) ? value : {})
    else this.#value(number, type, value)
  }

  /** What Go writes for a plain field that is not set. */
  #zero(number: number, { type, declaredDefault }: Field): void {
    if (type.type === 'struct') {
      // The table gives a default to every struct that is no pointer.
      if (declaredDefault !== undefined) this.message(number, type.struct, {})
    } else if (type.type === 'scalar') {
      const zero = zeros[type.scalar]
      if (zero !== undefined) this.#scalar(number, type.scalar, zero)
    }
  }

  #value(number: number, type: FieldType, value: Json): void {
    switch (type.type) {
      case 'scalar':
        this.#scalar(number, type.scalar, value)
        return
      case 'struct':
        this.message(number, type.struct, isJsonObject(value) ? value : {})
        return
      case 'list':
        this.#wrappedList(number, type.items, isJsonList(value) ? value : [])
        return
      case 'map':
        throw new TypeError('The API has no map in a list or map')
    }
  }

  /** A list in a map is a message of its own, such as `ExtraValue`. */
  #wrappedList(number: number, items: FieldType, list: readonly Json[]): void {
    const mark = this.writer.length
    for (let i = list.length - 1; i >= 0; i--) this.#value(1, items, list[i] ?? null)
    this.writer.close(number, mark)
  }

  /** Go sorts the keys, so that equal maps have equal bytes. */
  #map(number: number, values: FieldType, map: JsonObject): void {
    for (const key of Object.keys(map).toSorted(compareBytes).toReversed()) {
      const mark = this.writer.length
      this.#value(2, values, map[key] ?? null)
      this.writer.textField(1, key)
      this.writer.close(number, mark)
    }
  }

  #scalar(number: number, scalar: ScalarName, value: Json): void {
    switch (scalar) {
      case 'string':
        this.writer.textField(number, String(value ?? ''))
        return
      case 'bool':
        this.#varint(number, value === true ? 1 : 0)
        return
      case 'int32':
      case 'int64':
        this.#varint(number, Number(value))
        return
      case 'double':
        this.writer.double(Number(value))
        this.writer.tag(number, 1)
        return
      case 'bytes':
        this.#bytes(number, Buffer.from(String(value ?? ''), 'base64'))
        return
      case 'quantity':
        this.#inside(number, () => this.writer.textField(1, String(value)))
        return
      case 'intOrString':
        this.#inside(number, () => this.#intOrString(value))
        return
      case 'time':
      case 'microTime':
        this.#inside(number, () => this.#time(value, scalar))
        return
      case 'rawExtension':
        this.#inside(number, () => {
          if (value !== null) this.#bytes(1, Buffer.from(goText(value)))
        })
        return
      case 'json':
      case 'fieldsV1':
        this.#inside(number, () => {
          if (value !== null) this.#bytes(1, Buffer.from(JSON.stringify(value)))
        })
        return
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStrings':
        this.#inside(number, () => this.#schemaOr(scalar, value))
        return
    }
  }

  #varint(number: number, value: number): void {
    this.writer.varint(value)
    this.writer.tag(number, 0)
  }

  #bytes(number: number, bytes: Uint8Array): void {
    const mark = this.writer.length
    this.writer.bytes(bytes)
    this.writer.close(number, mark)
  }

  #inside(number: number, write: () => void): void {
    const mark = this.writer.length
    write()
    this.writer.close(number, mark)
  }

  #intOrString(value: Json): void {
    const isText = typeof value === 'string'
    this.writer.textField(3, isText ? value : '')
    this.#varint(2, isText ? 0 : Number(value))
    this.#varint(1, isText ? 1 : 0)
  }

  /** The zero time is an empty message. */
  #time(value: Json, scalar: 'time' | 'microTime'): void {
    if (typeof value !== 'string') return
    const seconds = Math.floor(parseTime(value) / 1000)
    if (Number.isNaN(seconds)) return
    const fraction = scalar === 'microTime' ? (/\.(\d{1,6})/.exec(value)?.[1] ?? '') : ''
    this.#varint(2, Number(fraction.padEnd(6, '0')) * 1000)
    this.#varint(1, seconds)
  }

  #schemaOr(scalar: 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStrings', value: Json): void {
    const struct = this.#schemas.structs.get(jsonSchema)
    if (struct === undefined) throw new TypeError(`No definition ${jsonSchema}`)
    const schema = isJsonObject(value) ? value : undefined
    if (scalar === 'schemaOrBool') {
      if (schema !== undefined) this.message(2, struct, schema)
      this.#varint(1, schema !== undefined || value === true ? 1 : 0)
      return
    }
    const items = isJsonList(value) ? value : []
    for (const item of items.toReversed()) {
      if (scalar === 'schemaOrStrings') this.writer.textField(2, String(item))
      else this.message(2, struct, isJsonObject(item) ? item : {})
    }
    if (schema !== undefined) this.message(1, struct, schema)
  }
}

/** Scalars that Go writes when they are not set; the others are nil. */
const zeros: Partial<Record<ScalarName, Json>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  quantity: '0',
  intOrString: 0,
  time: null,
  microTime: null,
  rawExtension: null,
}

const escapedByGo = /[<>&\u2028\u2029]/g

/** JSON as Go spells it: its clients compare the bytes of a ControllerRevision with what they would have written. */
function goText(value: Json): string {
  return JSON.stringify(value).replace(escapedByGo, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
