import { describe, expect, test } from 'vitest'
import { definitions } from '../../api/facts/table.ts'
import { decodeProtobuf } from '../../apimachinery/protobuf/decode.ts'
import { compileSchema, structOf } from '../../apimachinery/schema/schema.ts'
import { createProtobufEncoder, protobufEvent, withLength } from './protobuf-answer.ts'

const schemas = compileSchema(definitions)
const encode = createProtobufEncoder(schemas)
const bytesOf = (object: object): Buffer | undefined => encode(Buffer.from(JSON.stringify(object)))
const settings = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name: 'a', namespace: 'b', resourceVersion: '7' },
  data: { key: 'value' },
}

describe('createProtobufEncoder()', () => {
  test('encodes objects that decode to the same', () => {
    const bytes = bytesOf(settings) ?? Buffer.alloc(0)
    expect(decodeProtobuf(schemas, structOf(schemas, 'core.v1.ConfigMap'), bytes)).toMatchObject(settings)
  })
  test('encodes a Status', () => {
    const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'NotFound', code: 404 }
    const bytes = bytesOf(status) ?? Buffer.alloc(0)
    expect(decodeProtobuf(schemas, structOf(schemas, 'meta.v1.Status'), bytes)).toMatchObject(status)
  })
  test('encodes lists as Go does', () => {
    const list = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: '9' }, items: [] }
    // runtime.Unknown { typeMeta, raw: ListMeta { selfLink, resourceVersion, continue } }
    const raw = Buffer.from([0x0a, 0x07, 0x0a, 0x00, 0x12, 0x01, 0x39, 0x1a, 0x00])
    const type = Buffer.concat([
      Buffer.from([0x0a, 2]),
      Buffer.from('v1'),
      Buffer.from([0x12, 13]),
      Buffer.from('ConfigMapList'),
    ])
    expect(bytesOf(list)).toEqual(
      Buffer.concat([
        Buffer.from('k8s\0'),
        Buffer.from([0x0a, type.length]),
        type,
        Buffer.from([0x12, raw.length]),
        raw,
        Buffer.from([0x1a, 0, 0x22, 0]),
      ]),
    )
  })
  test('encodes metadata alone, and lists of it', () => {
    const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'only-me' } }
    expect(bytesOf(partial)?.includes('only-me')).toBe(true)
    const list = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: {}, items: [partial] }
    expect(bytesOf(list)?.includes('only-me')).toBe(true)
  })
  test('leaves custom resources to JSON', () => {
    expect(bytesOf({ kind: 'Shirt', apiVersion: 'shop.example.com/v1', metadata: {} })).toBeUndefined()
  })
})

test('withLength() puts its length before the event', () => {
  expect(withLength(protobufEvent('ADDED', Buffer.from('xyz')))).toEqual(
    Buffer.from([0, 0, 0, 14, 0x0a, 5, ...Buffer.from('ADDED'), 0x12, 5, 0x0a, 3, ...Buffer.from('xyz')]),
  )
})
