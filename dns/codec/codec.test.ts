import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMessage, encodeMessage, encodeWithin, headerBits, type Message } from './message.ts'
import { decodeName, FormatError } from './name.ts'
import { capTtls, mapTtls } from './patch.ts'
import { type RecordData, record } from './record.ts'

const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9-]{0,20}[a-z0-9])?$/)
const name = fc
  .array(label, { minLength: 0, maxLength: 6 })
  .map((labels) => (labels.length === 0 ? '.' : `${labels.join('.')}.`))
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const data: fc.Arbitrary<RecordData> = fc.oneof(
  fc.record({ type: fc.constant('A' as const), address: fc.ipV4() }),
  fc.record({ type: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const), target: name }),
  fc.record({ type: fc.constant('SRV' as const), priority: u16, weight: u16, port: u16, target: name }),
  fc.record({
    type: fc.constant('TXT' as const),
    texts: fc.array(fc.stringMatching(/^[ -~]{0,40}$/), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    type: fc.constant('raw' as const),
    number: fc.integer({ min: 256, max: 65_000 }),
    bytes: fc.uint8Array({ maxLength: 30 }),
  }),
)
const records = fc.array(
  fc.tuple(name, u32, data).map(([owner, ttl, value]) => record(owner, ttl, value)),
  { maxLength: 5 },
)
const message: fc.Arbitrary<Message> = fc.record({
  id: u16,
  flags: u16,
  questions: fc.array(fc.record({ name, type: u16, class: u16 }), { maxLength: 2 }),
  answers: records,
  authorities: records,
  additionals: records,
})

test('decodeMessage() reads what encodeMessage() wrote', () => {
  fc.assert(
    fc.property(message, (value) => {
      expect(decodeMessage(encodeMessage(value))).toEqual(value)
    }),
  )
})

test('decodeMessage() throws FormatError, and nothing else, for any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      try {
        decodeMessage(Buffer.from(bytes))
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('decodeMessage() throws FormatError, and nothing else, for a message with one byte changed', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), (value, position, byte) => {
      const bytes = encodeMessage(value)
      bytes[position % bytes.length] = byte
      try {
        decodeMessage(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('encodeMessage() writes a repeated name as a pointer', () => {
  const owner = 'web.default.svc.cluster.local.'
  const answers = [1, 2, 3].map((last) => record(owner, 30, { type: 'A', address: `10.244.0.${last}` }))
  const bytes = encodeMessage({
    id: 1,
    flags: 0,
    questions: [{ name: owner, type: 1, class: 1 }],
    answers,
    authorities: [],
    additionals: [],
  })
  expect(bytes.length).toBe(12 + 31 + 4 + 3 * 16)
})

test('decodeName() refuses a pointer that does not lead backwards', () => {
  expect(() => decodeName(Buffer.from([0xc0, 0x00]), 0)).toThrow(FormatError)
  expect(() => decodeName(Buffer.from([0, 0xc0, 0x03, 0xc0, 0x01]), 1)).toThrow(FormatError)
})

test('decodeName() writes dots and control bytes within a label as escapes, and back', () => {
  const bytes = Buffer.from([3, 0x61, 0x2e, 0x07, 0])
  expect(decodeName(bytes, 0)).toEqual({ name: 'a\\.\\007.', end: 5 })
  const encoded = encodeMessage({
    id: 0,
    flags: 0,
    questions: [{ name: 'a\\.\\007.', type: 1, class: 1 }],
    answers: [],
    authorities: [],
    additionals: [],
  })
  expect(encoded.subarray(12, 17)).toEqual(bytes)
})

test('encodeWithin() cuts answers and sets the truncation bit', () => {
  const owner = 'web.default.svc.cluster.local.'
  const answers = Array.from({ length: 60 }, (_, i) => record(owner, 30, { type: 'A', address: `10.244.0.${i}` }))
  const whole: Message = {
    id: 1,
    flags: headerBits.response,
    questions: [{ name: owner, type: 1, class: 1 }],
    answers,
    authorities: [],
    additionals: [],
  }
  const cut = encodeWithin(whole, 512)
  expect(cut.length).toBeLessThanOrEqual(512)
  const read = decodeMessage(cut)
  expect(read.flags & headerBits.truncated).toBe(headerBits.truncated)
  expect(read.answers.length).toBeGreaterThan(0)
  expect(decodeMessage(encodeWithin(whole, 4096)).answers).toHaveLength(60)
})

test('capTtls() lowers every time to live of a message, and changes nothing else', () => {
  fc.assert(
    fc.property(message, (value) => {
      const bytes = encodeMessage(value)
      const ttls = mapTtls(bytes)
      capTtls(bytes, ttls, 30)
      const lower = (list: Message['answers']): Message['answers'] =>
        list.map((item) => ({ ...item, ttlSeconds: Math.min(30, item.ttlSeconds) }))
      const { answers, authorities, additionals } = value
      expect(decodeMessage(bytes)).toEqual({
        ...value,
        answers: lower(answers),
        authorities: lower(authorities),
        additionals: lower(additionals),
      })
    }),
  )
})
