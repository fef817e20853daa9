import { expect, test } from 'vitest'
import { crc32c, decodePacket, encodePacket, type SctpPacket, serverAnswer } from './sctp.ts'

const ends = { sourcePort: 40_000, destinationPort: 80 }

test('crc32c() is what RFC 3720 gives for its examples', () => {
  const incrementing = Uint8Array.from({ length: 32 }, (_, index) => index)
  expect(crc32c(new Uint8Array(32)).toString(16)).toBe('8a9136aa')
  expect(crc32c(new Uint8Array(32).fill(255)).toString(16)).toBe('62a8ab43')
  expect(crc32c(incrementing).toString(16)).toBe('46dd794e')
})

const packets: readonly (readonly [name: string, packet: SctpPacket, bytes: number])[] = [
  ['INIT', { ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } }, 32],
  ['INIT ACK', { ...ends, tag: 7, chunk: { type: 'INIT ACK', tag: 9, cookie: 'a1 10.0.0.1 7' } }, 52],
  ['COOKIE ECHO', { ...ends, tag: 9, chunk: { type: 'COOKIE ECHO', cookie: 'a1 10.0.0.1 7' } }, 32],
  ['COOKIE ACK', { ...ends, tag: 7, chunk: { type: 'COOKIE ACK' } }, 16],
  ['ABORT', { ...ends, tag: 7, chunk: { type: 'ABORT' } }, 16],
]

test.each(packets)('decodePacket() reads what encodePacket() writes: %s', (_name, packet, size) => {
  const bytes = encodePacket(packet)
  expect(bytes.length).toBe(size)
  expect(decodePacket(bytes)).toEqual(packet)
})

test('decodePacket() takes no packet that was changed on the way, and none that ends early', () => {
  const bytes = encodePacket({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } })
  expect(decodePacket(bytes.subarray(0, 20))).toBeUndefined()
  bytes.writeUInt16BE(81, 2)
  expect(decodePacket(bytes)).toBeUndefined()
})

test('serverAnswer() keeps in the cookie what it needs for the second answer', () => {
  const first = serverAnswer({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } }, 'a1', '10.0.0.1')
  if (first?.chunk.type !== 'INIT ACK') throw new Error('no INIT ACK')
  expect(first).toMatchObject({ sourcePort: 80, destinationPort: 40_000, tag: 7, chunk: { cookie: 'a1 10.0.0.1 7' } })
  const echo = { ...ends, tag: first.chunk.tag, chunk: { type: 'COOKIE ECHO', cookie: first.chunk.cookie } } as const
  expect(serverAnswer(echo, 'a1', '10.0.0.1')).toMatchObject({ tag: 7, chunk: { type: 'COOKIE ACK' } })
  expect(serverAnswer({ ...echo, tag: 1 }, 'a1', '10.0.0.1')).toBeUndefined()
})

test('serverAnswer() aborts at ports that are not served', () => {
  const answer = serverAnswer({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } }, undefined, '10.0.0.1')
  expect(answer).toMatchObject({ tag: 7, chunk: { type: 'ABORT' } })
})
