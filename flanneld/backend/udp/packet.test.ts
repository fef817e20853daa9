import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checksum, decrementTtl, destinationOf, icmp, ipv4Length, sourceOf, writeIcmpError } from './packet.ts'

/** An IPv4 packet with a sound header. */
function packet(
  fields: { ttl?: number; protocol?: number; payload?: readonly number[]; source?: number; fragment?: number } = {},
): Uint8Array {
  const { ttl = 64, protocol = 17, payload = [0, 1, 2, 3, 4, 5, 6, 7, 8], source = 0x0af40102, fragment = 0 } = fields
  const bytes = new Uint8Array(20 + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x45)
  view.setUint16(2, bytes.length)
  view.setUint16(6, fragment)
  view.setUint8(8, ttl)
  view.setUint8(9, protocol)
  view.setUint32(12, source)
  view.setUint32(16, 0x0af40203)
  view.setUint16(10, checksum(bytes, 0, 20))
  bytes.set(payload, 20)
  return bytes
}

test('ipv4Length() gives the length of the header’s own account, and allows bytes behind', () => {
  expect(ipv4Length(packet(), 0, 29)).toBe(29)
  const padded = new Uint8Array(40)
  padded.set(packet())
  expect(ipv4Length(padded, 0, 40)).toBe(29)
})

test('ipv4Length() refuses what is no IPv4 packet', () => {
  const bad = (change: (bytes: Uint8Array) => void): number => {
    const bytes = packet()
    change(bytes)
    return ipv4Length(bytes, 0, bytes.length)
  }
  expect(ipv4Length(packet(), 0, 19)).toBe(0)
  expect(ipv4Length(packet(), 0, 28)).toBe(0)
  expect(bad((bytes) => bytes.set([0x65], 0))).toBe(0)
  expect(bad((bytes) => bytes.set([0x44], 0))).toBe(0)
  expect(bad((bytes) => bytes.set([0, 19], 2))).toBe(0)
})

test('sourceOf() and destinationOf() read unsigned addresses', () => {
  const bytes = packet({ source: 0xfffffffe })
  expect([sourceOf(bytes, 0), destinationOf(bytes, 0)]).toEqual([0xfffffffe, 0x0af40203])
})

test('decrementTtl() keeps the checksum right', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 255 }), fc.nat(0xffffffff), fc.nat(255), (ttl, source, protocol) => {
      const bytes = packet({ ttl, source, protocol })
      expect(decrementTtl(bytes, 0)).toBe(true)
      expect(bytes[8]).toBe(ttl - 1)
      expect(checksum(bytes, 0, 20)).toBe(0)
    }),
  )
})

test('decrementTtl() stops a packet whose time is over', () => {
  for (const ttl of [0, 1]) expect(decrementTtl(packet({ ttl }), 0)).toBe(false)
})

/** The answer to a packet, if there is one. */
function answerTo(message: typeof icmp.netUnreachable | typeof icmp.timeExceeded, bytes: Uint8Array): Uint8Array {
  const memory = new Uint8Array(400)
  memory.set(bytes, 3)
  const length = writeIcmpError(message, memory, { at: 3, from: 0x0af40100, to: 200 })
  return memory.slice(200, 200 + length)
}

test('writeIcmpError() answers the sender with the head of its packet and right checksums', () => {
  const answer = answerTo(icmp.netUnreachable, packet())
  expect([sourceOf(answer, 0), destinationOf(answer, 0)]).toEqual([0x0af40100, 0x0af40102])
  expect(ipv4Length(answer, 0, answer.length)).toBe(20 + 8 + 28)
  expect([answer[9], answer[20], answer[21]]).toEqual([1, 3, 0])
  expect(checksum(answer, 0, 20)).toBe(0)
  expect(checksum(answer, 20, answer.length - 20)).toBe(0)
  expect(answer.slice(28)).toEqual(packet().slice(0, 28))
})

const table = [
  { what: 'a ping', fields: { protocol: 1, payload: [8, 0] }, isAnswered: true },
  { what: 'an ICMP error', fields: { protocol: 1, payload: [3, 0] }, isAnswered: false },
  { what: 'a later fragment', fields: { fragment: 0x0010 }, isAnswered: false },
  { what: 'the first fragment', fields: { fragment: 0x2000 }, isAnswered: true },
  { what: 'a multicast sender', fields: { source: 0xe0000001 }, isAnswered: false },
  { what: 'nobody', fields: { source: 0 }, isAnswered: false },
  { what: 'the loopback', fields: { source: 0x7f000001 }, isAnswered: false },
  { what: 'all of the network', fields: { source: 0xffffffff }, isAnswered: false },
  { what: 'ICMP without a type', fields: { protocol: 1, payload: [] }, isAnswered: false },
]
for (const { what, fields, isAnswered } of table) {
  test(`writeIcmpError() ${isAnswered ? 'answers' : 'does not answer'} ${what}`, () => {
    expect(answerTo(icmp.timeExceeded, packet(fields)).length > 0).toBe(isAnswered)
  })
}
