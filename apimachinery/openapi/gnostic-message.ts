/** What the protobuf forms of OpenAPI v2 and v3 have in common: messages as tables of fields by JSON name. Source: gnostic. */
import { stringify } from 'yaml'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { ReverseWriter } from '../protobuf/writer.ts'

/** Writes a value as the field with this number. */
export type Write = (writer: ReverseWriter, number: number, value: Json) => void
/** Fields of a message by JSON name; whatever else an object has is a vendor extension, where the message has room for them. */
export type Message = {
  readonly fields: ReadonlyMap<string, readonly [number, Write]>
  readonly vendorExtension?: number
}

/** A message of these fields. */
export function message(fields: Readonly<Record<string, readonly [number, Write]>>, vendorExtension?: number): Message {
  return { fields: new Map(Object.entries(fields)), ...(vendorExtension === undefined ? {} : { vendorExtension }) }
}

/** A whole document as the message of these fields. */
export function encodeDocument(fields: Message, document: JsonObject): Buffer {
  const writer = new ReverseWriter()
  writeMessage(writer, fields, document)
  return writer.finish()
}

/** Writes the fields of a message in the order of their numbers, last ones first. */
export function writeMessage(writer: ReverseWriter, { fields, vendorExtension }: Message, value: JsonObject): void {
  const writes = Object.entries(value).flatMap(([name, part]): readonly Numbered[] => {
    if (part === undefined) return []
    const field = fields.get(name)
    if (field !== undefined) return [{ number: field[0], write: () => field[1](writer, field[0], part) }]
    if (vendorExtension === undefined || !name.startsWith('x-')) return []
    return [{ number: vendorExtension, write: () => writeNamed(writer, vendorExtension, name, part, any) }]
  })
  const ordered = writes.toSorted((a, b) => a.number - b.number)
  for (const { write } of ordered.toReversed()) write()
}

type Numbered = { readonly number: number; readonly write: () => void }

/** A string; anything else is left out. */
export const text: Write = (writer, number, value) => {
  if (typeof value === 'string') writer.textField(number, value)
}
/** `true`; anything else is left out. */
export const bool: Write = (writer, number, value) => {
  if (value !== true) return
  writer.varint(1)
  writer.tag(number, 0)
}
/** A list of strings. */
export const texts: Write = (writer, number, value) => {
  if (isJsonList(value)) for (const item of value.toReversed()) text(writer, number, item)
}
/** `Any`: the value as YAML. */
export const any: Write = (writer, number, value) => {
  const mark = writer.length
  writer.textField(2, stringify(value, { lineWidth: 0, blockQuote: 'literal' }))
  writer.close(number, mark)
}

/** A message inside another; `make` lets messages contain themselves. */
export function nested(make: () => Message): Write {
  return (writer, number, value) => {
    if (!isJsonObject(value)) return
    const mark = writer.length
    writeMessage(writer, make(), value)
    writer.close(number, mark)
  }
}

/** A message around another one, as gnostic has them for unions: `1` of `ParametersItem` is a `Parameter`. */
export function wrapped(inner: number, write: Write): Write {
  return (writer, number, value) => {
    const mark = writer.length
    write(writer, inner, value)
    writer.close(number, mark)
  }
}

/** `XOrReference`: `1` is the value itself, `2` where it stands. */
export function orReference(write: Write, reference: Write): Write {
  return (writer, number, value) => {
    const mark = writer.length
    if (isJsonObject(value) && value['$ref'] !== undefined) reference(writer, 2, value)
    else write(writer, 1, value)
    writer.close(number, mark)
  }
}

/** `AdditionalPropertiesItem`: `1` is a schema, `2` whether there may be others at all. */
export function schemaOrBool(schema: Write): Write {
  return (writer, number, value) => {
    const mark = writer.length
    if (isJsonObject(value)) schema(writer, 1, value)
    else bool(writer, 2, value)
    writer.close(number, mark)
  }
}

/** A repeated field. */
export function each(write: Write): Write {
  return (writer, number, value) => {
    if (isJsonList(value)) for (const item of value.toReversed()) write(writer, number, item)
  }
}

/** One entry of an object with free keys. */
export function writeNamed(writer: ReverseWriter, number: number, name: string, value: Json, write: Write): void {
  const mark = writer.length
  write(writer, 2, value)
  writer.textField(1, name)
  writer.close(number, mark)
}

/** Objects with free keys are lists of name and value. */
export function named(inner: number, write: Write): Write {
  return (writer, number, value) => {
    if (!isJsonObject(value)) return
    const mark = writer.length
    for (const [name, part] of Object.entries(value).toReversed()) {
      if (part !== undefined) writeNamed(writer, inner, name, part, write)
    }
    writer.close(number, mark)
  }
}
