import fc from 'fast-check'
import { expect, test } from 'vitest'
import { endsRun, follows, isSameFlow, mergeableHeader, writeMergedHeader } from './merge.ts'
import { checksum } from './packet.ts'
import { completeChecksum, cutPacket, type HeaderSpace } from './segments.ts'
import { fold, pseudoSum, sumBytes, swap16, type Words } from './sums.ts'

function memory(size = 200_000): Words {
  const buffer = new ArrayBuffer(size)
  return { u8: new Uint8Array(buffer), u16: new Uint16Array(buffer), u32: new Uint32Array(buffer) }
}

const space: HeaderSpace = { at: 70_000, stride: 128, count: 200 }
const tcp = 6
const udp = 17

type Fields = {
  protocol: 6 | 17
  payload: Uint8Array
  options?: number
  flags?: number
  sequence?: number
  identification?: number
}

/** Writes a packet at `at` as the kernel hands it over: checksum of the transport not done. Returns its length. */
function writePacket(
  { u8 }: Words,
  at: number,
  { protocol, payload, options = 12, flags = 0x18, sequence = 0xfffffff0, identification = 7 }: Fields,
): number {
  const headerLength = 20 + (protocol === tcp ? 20 + options : 8)
  const length = headerLength + payload.length
  const view = new DataView(u8.buffer)
  u8.fill(0, at, at + headerLength)
  view.setUint8(at, 0x45)
  view.setUint16(at + 2, length)
  view.setUint16(at + 4, identification)
  view.setUint8(at + 6, 0x40)
  view.setUint8(at + 8, 63)
  view.setUint8(at + 9, protocol)
  view.setUint32(at + 12, 0x0af40102)
  view.setUint32(at + 16, 0x0af40203)
  view.setUint16(at + 20, 40_000)
  view.setUint16(at + 22, 80)
  if (protocol === tcp) {
    view.setUint32(at + 24, sequence)
    view.setUint32(at + 28, 12_345)
    view.setUint8(at + 32, (5 + options / 4) << 4)
    view.setUint8(at + 33, flags)
    view.setUint16(at + 34, 500)
    for (let i = 0; i < options; i += 1) view.setUint8(at + 40 + i, i + 1)
  } else {
    view.setUint16(at + 24, 8 + payload.length)
  }
  u8.set(payload, at + headerLength)
  return length
}

/** The segments as they travel: each header with its payload. */
function segmentsOf(
  words: Words,
  at: number,
  length: number,
  protocol: 6 | 17,
  segmentPayload: number,
): readonly Uint8Array[] {
  const cut = cutPacket(words, { protocol, at, length, segmentPayload }, space)
  if (cut === undefined) throw new Error('not cut')
  return Array.from({ length: cut.count }, (_, i) => {
    const header = words.u8.slice(space.at + i * space.stride, space.at + i * space.stride + cut.headerLength)
    const from = cut.payloadAt + i * segmentPayload
    const end = Math.min(from + segmentPayload, cut.payloadAt + cut.payloadLength)
    return Uint8Array.from([...header, ...words.u8.subarray(from, end)])
  })
}

/** Whether both checksums of a packet are right, by the plain sum. */
function isSound(packet: Uint8Array): boolean {
  const transport = packet.slice(20)
  const pseudo = Uint8Array.from([
    ...packet.subarray(12, 20),
    0,
    packet[9] ?? 0,
    transport.length >> 8,
    transport.length & 255,
  ])
  return (
    checksum(packet, 0, 20) === 0 &&
    checksum(Uint8Array.from([...pseudo, ...transport]), 0, 12 + transport.length) === 0
  )
}

const payloads = fc.uint8Array({ minLength: 1, maxLength: 6_000 })
const pieces = fc.integer({ min: 40, max: 1_500 })

test('sumBytes() equals the plain checksum at every alignment and length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(7), (bytes, shift) => {
      const words = memory(400)
      words.u8.set(bytes, shift)
      expect(swap16(~sumBytes(words, shift, bytes.length) & 0xffff)).toBe(checksum(words.u8, shift, bytes.length))
    }),
  )
})

test('sumBytes() carries when all bits are set', () => {
  const words = memory(80_000)
  words.u8.fill(0xff)
  expect(sumBytes(words, 0, 65_535)).toBe(fold(0xffff * 32_767 + 0xff))
})

for (const protocol of [tcp, udp] as const) {
  test(`cutPacket() makes sound packets of protocol ${protocol} that hold all of the payload in order`, () => {
    fc.assert(
      fc.property(payloads, pieces, fc.nat(0xffff), (payload, segmentPayload, identification) => {
        const words = memory()
        const length = writePacket(words, 12, { protocol, payload, identification })
        const segments = segmentsOf(words, 12, length, protocol, segmentPayload)
        const headerLength = length - payload.length
        expect(segments.every(isSound)).toBe(true)
        expect(segments.flatMap((segment) => [...segment.subarray(headerLength)])).toEqual([...payload])
        const ids = segments.map((segment) => ((segment[4] ?? 0) << 8) | (segment[5] ?? 0))
        expect(ids).toEqual(segments.map((_, i) => (identification + i) & 0xffff))
      }),
      { numRuns: 60 },
    )
  })
}

test('cutPacket() keeps FIN and PSH for the last segment and CWR for the first', () => {
  const words = memory()
  const length = writePacket(words, 12, {
    protocol: tcp,
    payload: new Uint8Array(300),
    flags: 0x80 | 0x40 | 0x18 | 0x01,
  })
  const flags = segmentsOf(words, 12, length, tcp, 100).map((segment) => segment[33])
  expect(flags).toEqual([0x80 | 0x40 | 0x10, 0x40 | 0x10, 0x40 | 0x18 | 0x01])
})

test('cutPacket() refuses what is not what it claims to be', () => {
  const words = memory()
  const length = writePacket(words, 12, { protocol: udp, payload: new Uint8Array(300) })
  const packet = { protocol: tcp, at: 12, length, segmentPayload: 100 } as const
  expect(cutPacket(words, packet, space)).toBeUndefined()
  expect(cutPacket(words, { ...packet, protocol: udp, segmentPayload: 0 }, space)).toBeUndefined()
  expect(cutPacket(words, { ...packet, protocol: udp, length: 28 }, space)).toBeUndefined()
  expect(cutPacket(words, { ...packet, protocol: udp, segmentPayload: 1 }, space)).toBeUndefined()
})

test('completeChecksum() finishes what the kernel began', () => {
  fc.assert(
    fc.property(payloads, fc.constantFrom(tcp, udp), (payload, protocol) => {
      const words = memory()
      const length = writePacket(words, 12, { protocol, payload })
      words.u16[(12 + 10) >> 1] = ~sumBytes(words, 12, 20) & 0xffff
      const offset = protocol === tcp ? 16 : 6
      words.u16[(32 + offset) >> 1] = pseudoSum(words, 12, protocol, length - 20)
      expect(completeChecksum(words, 12, length, 20, offset)).toBe(true)
      expect(isSound(words.u8.slice(12, 12 + length))).toBe(true)
    }),
    { numRuns: 60 },
  )
  expect(completeChecksum(memory(), 12, 30, 20, 16)).toBe(false)
})

/** Cuts a packet and lays the segments behind one another, as they are received. */
function received(
  payload: Uint8Array,
  segmentPayload: number,
  flags = 0x18,
): { words: Words; segments: readonly Uint8Array[]; place: (index: number) => number } {
  const words = memory()
  const length = writePacket(words, 12, { protocol: tcp, payload, flags })
  const segments = segmentsOf(words, 12, length, tcp, segmentPayload)
  const size = segments[0]?.length ?? 0
  const place = (index: number): number => 100_000 + index * size
  segments.forEach((segment, index) => {
    words.u8.set(segment, place(index))
  })
  return { words, segments, place }
}

test('segments that were cut from one packet may be merged, and give that packet again', () => {
  fc.assert(
    fc.property(payloads, pieces, (payload, segmentPayload) => {
      const { words, segments, place } = received(payload, segmentPayload)
      segments.forEach((segment, index) => {
        expect(mergeableHeader(words, place(index), segment.length)).toBe(52)
        expect(isSameFlow(words, place(0), place(index), 52)).toBe(true)
        if (index > 0) expect(follows(words.u8, place(index - 1), place(index), segmentPayload)).toBe(true)
        expect(endsRun(words.u8, place(index))).toBe(index === segments.length - 1)
      })
      writeMergedHeader(words, 4_000, place(0), 52, payload.length, true)
      const header = words.u8.slice(4_000, 4_052)
      const wanted = memory()
      writePacket(wanted, 0, { protocol: tcp, payload })
      expect(checksum(header, 0, 20)).toBe(0)
      expect((((header[36] ?? 0) << 8) | (header[37] ?? 0)) >>> 0).toBe(
        swap16(pseudoSum(words, 4_000, 6, 32 + payload.length)),
      )
      const withoutSums = (bytes: Uint8Array): readonly number[] =>
        [...bytes].map((byte, i) => ([10, 11, 36, 37].includes(i) ? 0 : byte))
      expect(withoutSums(header)).toEqual(withoutSums(wanted.u8.slice(0, 52)))
    }),
    { numRuns: 60 },
  )
})

test('mergeableHeader() refuses a segment with any bit wrong', () => {
  fc.assert(
    fc.property(fc.nat(8 * 151 - 1), (bit) => {
      const { words, place } = received(new Uint8Array(99).fill(5), 99)
      const at = place(0) + (bit >> 3)
      words.u8[at] = (words.u8[at] ?? 0) ^ (1 << (bit & 7))
      expect(mergeableHeader(words, place(0), 151)).toBe(0)
    }),
  )
})

for (const [what, flags] of [
  ['SYN', 0x12],
  ['FIN', 0x11],
  ['RST', 0x14],
  ['URG', 0x30],
  ['CWR', 0x90],
  ['no ACK', 0x08],
] as const) {
  test(`mergeableHeader() refuses a segment with ${what}`, () => {
    const { words, place } = received(new Uint8Array(50), 50, flags)
    expect(mergeableHeader(words, place(0), 102)).toBe(0)
  })
}

test('isSameFlow() sees every difference that merging would lose', () => {
  const kept = new Set([2, 3, 4, 5, 10, 11, 24, 25, 26, 27, 33, 36, 37])
  for (let i = 1; i < 52; i += 1) {
    const { words, place } = received(new Uint8Array(200), 100)
    const at = place(1) + i
    words.u8[at] = (words.u8[at] ?? 0) ^ 1
    const isSeen = !isSameFlow(words, place(0), place(1), 52)
    // Version, flags' low bits, fragment offset, protocol and urgent pointer are mergeableHeader's to refuse.
    if (!kept.has(i) && ![7, 9, 38, 39].includes(i)) expect(`${i} ${isSeen}`).toBe(`${i} true`)
  }
})
