import { expect, test } from 'vitest'
import { definitions } from '../../api/facts/table.ts'
import { compileSchema } from '../../apimachinery/schema/schema.ts'
import { parseProtobufBody } from './protobuf-body.ts'

const schemas = compileSchema(definitions)

/** Length-delimited field: tag, length, bytes. */
function field(number: number, content: string | readonly number[] | Buffer): Buffer {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content)
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
}
function body(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)])
  return Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, raw)])
}

test('parseProtobufBody() reads what kubectl create serviceaccount sends', () => {
  // Captured from kubectl 1.32.
  const captured = Buffer.from(
    '6b3873000a140a02763112' +
      '0e536572766963654163636f756e7412190a170a0764656661756c7412001a0022002a00320038004200' +
      '1a002200',
    'hex',
  )
  const object = parseProtobufBody(schemas, 'core.v1.ServiceAccount', captured)
  expect(object).toMatchObject({ kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'default' } })
  expect(object['metadata']).not.toHaveProperty('labels')
})

test('parseProtobufBody() reads maps, bytes, lists, quantities and ints-or-strings', () => {
  const secret = Buffer.concat([
    field(1, field(1, 's')),
    field(2, Buffer.concat([field(1, 'a'), field(2, [1, 2, 3])])),
    field(3, 'Opaque'),
  ])
  expect(parseProtobufBody(schemas, 'core.v1.Secret', body('v1', 'Secret', secret))).toEqual({
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { name: 's' },
    data: { a: 'AQID' },
    type: 'Opaque',
  })
  const targetPort = Buffer.concat([Buffer.from([8, 1]), field(3, 'web')])
  const port = Buffer.concat([Buffer.from([24, 80]), field(4, targetPort)])
  const service = field(2, field(1, port))
  expect(parseProtobufBody(schemas, 'core.v1.Service', body('v1', 'Service', service))).toMatchObject({
    spec: { ports: [{ port: 80, targetPort: 'web' }] },
  })
})

test('parseProtobufBody() refuses other bytes and broken messages', () => {
  expect(() => parseProtobufBody(schemas, 'core.v1.Pod', Buffer.from('{}'))).toThrow('expected prefix [107 56 115 0]')
  const cut = body('v1', 'Pod', field(1, 'x')).subarray(0, 14)
  expect(() => parseProtobufBody(schemas, 'core.v1.Pod', cut)).toThrow('unexpected EOF')
})
