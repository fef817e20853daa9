import { expect, test } from 'vitest'
import { crc32c, decodeError, decodePacket, encodePacket, hasChecksum, type SctpPacket } from './sctp.ts'

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

test('hasChecksum() is false for a packet that was changed on the way, decodePacket() takes none that ends early', () => {
  const bytes = encodePacket({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } })
  expect(decodePacket(bytes.subarray(0, 20))).toBeUndefined()
  expect(hasChecksum(bytes)).toBe(true)
  bytes.writeUInt16BE(81, 2)
  expect(hasChecksum(bytes)).toBe(false)
  expect(hasChecksum(bytes.subarray(0, 4))).toBe(false)
})

const quoted = encodePacket({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } })
/** An ICMP message about a packet: type, code, and the header of IP with the protocol at its place. */
function icmp(isV4: boolean, type: number, code: number, protocol = 132): Buffer {
  const header = Buffer.alloc(isV4 ? 20 : 40)
  header[0] = isV4 ? 0x45 : 0x60
  header[isV4 ? 9 : 6] = protocol
  return Buffer.concat([Buffer.from([type, code, 0, 0, 0, 0, 0, 0]), header, quoted])
}

test.each([
  ['port unreachable', true, icmp(true, 3, 3), 3],
  ['ICMPv6 port unreachable', false, icmp(false, 1, 4), 4],
  ['time exceeded', true, icmp(true, 11, 0), undefined],
  ['another protocol', true, icmp(true, 3, 3, 17), undefined],
  ['a packet that is cut off', true, icmp(true, 3, 3).subarray(0, 29), undefined],
  ['nothing', false, Buffer.alloc(0), undefined],
] as const)('decodeError() reads whom a message is about: %s', (_name, isV4, message, code) => {
  expect(decodeError(message, isV4)).toEqual(code === undefined ? undefined : { ...ends, code })
})
