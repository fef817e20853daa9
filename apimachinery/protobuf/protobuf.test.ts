import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeObject } from '../schema/decode.ts'
import { compileSchema, structOf } from '../schema/schema.ts'
import { decodeProtobuf } from './decode.ts'
import { encodeProtobuf, encodeProtobufList } from './encode.ts'
import { ProtobufProblem, ProtobufReader } from './reader.ts'
import { ReverseWriter } from './writer.ts'

const schemas = compileSchema({
  'v1.Thing': {
    gvk: { group: '', version: 'v1', kind: 'Thing' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      name: '1 string',
      count: '2 int32 ptr',
      size: '3 int64',
      ratio: '4 double ptr',
      on: '5 bool',
      data: '6 map<bytes>',
      limits: '7 map<quantity>',
      port: '8 intOrString',
      at: '9 time',
      micro: '10 microTime ptr',
      inner: '11 v1.Inner ={}',
      list: '12 []v1.Inner',
      embedded: '13.1 string',
      other: '13.2 v1.Inner',
      extra: '14 map<[]string>',
      raw: '15 rawExtension ptr',
      numbers: '16 []int32',
    },
  },
  'v1.Inner': { fields: { text: '1 string', deep: '2 v1.Inner' } },
  'meta.v1.ListMeta': { fields: { resourceVersion: '2 string', continue: '3 string' } },
})
const struct = structOf(schemas, 'v1.Thing')
const text = fc.string({ unit: 'grapheme', minLength: 1 })
const inner = fc.record({ text }, { requiredKeys: [] })
const thing = fc.record(
  {
    name: text,
    count: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    size: fc.maxSafeInteger().filter((size) => size !== 0),
    ratio: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((ratio) => !Object.is(ratio, -0)),
    on: fc.constant(true),
    data: fc.dictionary(text, fc.base64String(), { minKeys: 1 }),
    limits: fc.dictionary(text, fc.constantFrom('1', '500m', '1Gi'), { minKeys: 1 }),
    port: fc.oneof(fc.integer({ min: 1, max: 65535 }), text),
    at: fc.constantFrom('2026-01-02T03:04:05Z', '1969-12-31T23:59:59Z'),
    micro: fc.constantFrom('2026-01-02T03:04:05.000001Z', '2026-01-02T03:04:05.999999Z'),
    list: fc.array(inner, { minLength: 1 }),
    embedded: text,
    other: inner,
    extra: fc.dictionary(text, fc.array(text, { minLength: 1 }), { minKeys: 1 }),
    raw: fc.record({ a: fc.integer() }),
    numbers: fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1 }),
  },
  { requiredKeys: [] },
)

describe('protobuf', () => {
  test('brings back what was encoded', () => {
    fc.assert(
      fc.property(thing, (value) => {
        const { object } = decodeObject(schemas, 'v1.Thing', { ...value, inner: {} }, { fieldValidation: 'Strict' })
        const decoded = decodeProtobuf(schemas, struct, encodeProtobuf(schemas, struct, object))
        const normal = decodeObject(schemas, 'v1.Thing', decoded, { fieldValidation: 'Strict' })
        // An IntOrString that is no pointer is always on the wire.
        const { port = 0 } = object
        expect(normal).toEqual({ object: { ...object, port }, warnings: [], errors: [] })
      }),
      { numRuns: 50 },
    )
  })
  test('spells raw JSON as Go does, because clients compare its bytes', () => {
    const object = { kind: 'Thing', apiVersion: 'v1', raw: { args: ['a && b', '<c>\u2028'] } }
    const bytes = encodeProtobuf(schemas, struct, object)
    expect(bytes.toString()).toContain('{"args":["a \\u0026\\u0026 b","\\u003cc\\u003e\\u2028"]}')
    expect(decodeProtobuf(schemas, struct, bytes)).toMatchObject({ raw: object.raw })
  })
  test('refuses noise without harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        try {
          decodeProtobuf(schemas, struct, Buffer.concat([Buffer.from('k8s\0\x12'), Buffer.from([noise.length]), noise]))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufProblem)
        }
      }),
    )
    expect(() => decodeProtobuf(schemas, struct, Buffer.from('{}'))).toThrow('does not appear to be a protobuf message')
  })
  test('stops at messages nested without end', () => {
    let bytes: Buffer = Buffer.alloc(0)
    for (let i = 0; i < 1000; i++) {
      const writer = new ReverseWriter()
      writer.bytes(bytes)
      writer.close(2, 0)
      bytes = writer.finish()
    }
    const writer = new ReverseWriter()
    writer.bytes(bytes)
    writer.close(11, 0)
    const outer = new ReverseWriter()
    outer.bytes(writer.finish())
    outer.close(2, 0)
    expect(() => decodeProtobuf(schemas, struct, Buffer.concat([Buffer.from('k8s\0'), outer.finish()]))).toThrow(
      'exceeded max depth',
    )
  })
  test('writes lists with their metadata first', () => {
    const list = {
      kind: 'ThingList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '7' },
      items: [{ name: 'a' }, { name: 'b' }],
    }
    const bytes = encodeProtobufList(schemas, struct, list)
    expect(bytes.subarray(0, 4).toString()).toBe('k8s\0')
    expect(bytes.indexOf('7')).toBeLessThan(bytes.indexOf('a', 30))
  })
  test('ReverseWriter and ProtobufReader agree on numbers', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (number) => {
        const writer = new ReverseWriter()
        writer.varint(number)
        writer.tag(1, 0)
        const reader = new ProtobufReader(writer.finish())
        expect(reader.next()).toBe(1)
        expect(reader.varint()).toBe(number)
      }),
    )
  })
})
