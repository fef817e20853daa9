/**
 * Cuts a large packet, as the kernel hands it over with segmentation offload, into the
 * packets that travel. Only headers are written; payload stays where it is. Pure.
 *
 *   [ header | payload 64 KiB ]  ─▶  [h0] p0  [h1] p1  [h2] p2 …
 *
 * Source: what Linux does in tcp_gso_segment and __udp_gso_segment.
 */
import { read16, read32, write16, write32 } from './bytes.ts'
import { fold, pseudoSum, sumBytes, swap16, type Words } from './sums.ts'

const tcpFin = 0x01
const tcpPush = 0x08
const tcpCwr = 0x80

/** A large packet: where it is and how it is to be cut. */
export type LargePacket = {
  readonly protocol: 6 | 17
  /** Offset of the IP header. */
  readonly at: number
  readonly length: number
  readonly segmentPayload: number
}

/** Where the headers are written: one every `stride` bytes, the first aligned to four. */
export type HeaderSpace = { readonly at: number; readonly stride: number; readonly count: number }

/** How a packet was cut: `count` headers of `headerLength` bytes, each followed by `segmentPayload` bytes of payload but for the last. */
export type Cut = {
  readonly count: number
  readonly headerLength: number
  readonly payloadAt: number
  readonly payloadLength: number
}

/** Writes the headers; `undefined` for a packet that is not what it claims to be. The time to live is already what it shall be. */
export function cutPacket(words: Words, packet: LargePacket, space: HeaderSpace): Cut | undefined {
  const { u8 } = words
  const { at: ip, length, segmentPayload, protocol } = packet
  const ipLength = ((u8[ip] ?? 0) & 15) * 4
  const transport = ip + ipLength
  const transportLength = protocol === 6 ? ((u8[transport + 12] ?? 0) >> 4) * 4 : 8
  const headerLength = ipLength + transportLength
  const payloadLength = length - headerLength
  const count = Math.ceil(payloadLength / segmentPayload)
  const isSound = transportLength >= 8 && payloadLength > 0 && segmentPayload > 0 && headerLength <= space.stride
  if (!isSound || count > space.count || u8[ip + 9] !== protocol) return undefined
  const cut = { count, headerLength, payloadAt: ip + headerLength, payloadLength }
  if (protocol === 6) writeTcpHeaders(words, packet, space, cut, transport)
  else writeUdpHeaders(words, packet, space, cut, transport)
  return cut
}

function writeTcpHeaders(words: Words, packet: LargePacket, space: HeaderSpace, cut: Cut, tcp: number): void {
  const { u8, u16 } = words
  const { at: ip, segmentPayload } = packet
  const { count, headerLength, payloadAt, payloadLength } = cut
  const sequence = read32(u8, tcp + 4)
  const flags = u8[tcp + 13] ?? 0
  const identification = read16(u8, ip + 4)
  clear(u8, tcp + 4, 4)
  clear(u8, tcp + 13, 1)
  clear(u8, tcp + 16, 2)
  const ipSum = templateSum(words, ip, tcp - ip)
  const tcpLength = ip + headerLength - tcp
  const tcpSum = sumBytes(words, tcp, tcpLength) + pseudoSum(words, ip, 6, 0)
  for (let i = 0; i < count; i += 1) {
    const from = i * segmentPayload
    const size = Math.min(segmentPayload, payloadLength - from)
    const h = space.at + i * space.stride
    u8.copyWithin(h, ip, ip + headerLength)
    finishIp(words, h, ipSum, headerLength + size, identification + i)
    const own = (sequence + from) >>> 0
    const ownFlags = flags & (i === count - 1 ? 0xff : ~(tcpFin | tcpPush)) & (i === 0 ? 0xff : ~tcpCwr)
    const t = h + tcp - ip
    write32(u8, t + 4, own)
    u8[t + 13] = ownFlags
    const sum =
      tcpSum +
      swap16(own >>> 16) +
      swap16(own & 0xffff) +
      (ownFlags << 8) +
      swap16(tcpLength + size) +
      sumBytes(words, payloadAt + from, size)
    u16[(t + 16) >> 1] = ~fold(sum) & 0xffff
  }
}

function writeUdpHeaders(words: Words, packet: LargePacket, space: HeaderSpace, cut: Cut, udp: number): void {
  const { u8, u16 } = words
  const { at: ip, segmentPayload } = packet
  const { count, headerLength, payloadAt, payloadLength } = cut
  const identification = read16(u8, ip + 4)
  clear(u8, udp + 4, 4)
  const ipSum = templateSum(words, ip, udp - ip)
  const udpSum = sumBytes(words, udp, 8) + pseudoSum(words, ip, 17, 0)
  for (let i = 0; i < count; i += 1) {
    const from = i * segmentPayload
    const size = Math.min(segmentPayload, payloadLength - from)
    const h = space.at + i * space.stride
    u8.copyWithin(h, ip, ip + headerLength)
    finishIp(words, h, ipSum, headerLength + size, identification + i)
    const t = h + udp - ip
    write16(u8, t + 4, 8 + size)
    const sum = ~fold(udpSum + 2 * swap16(8 + size) + sumBytes(words, payloadAt + from, size)) & 0xffff
    // Zero would say that there is no checksum (RFC 768).
    u16[(t + 6) >> 1] = sum === 0 ? 0xffff : sum
  }
}

/** Clears what differs from segment to segment in an IP header, and sums up the rest. */
function templateSum(words: Words, ip: number, length: number): number {
  clear(words.u8, ip + 2, 4)
  clear(words.u8, ip + 10, 2)
  return sumBytes(words, ip, length)
}

function finishIp({ u8, u16 }: Words, h: number, sum: number, length: number, identification: number): void {
  write16(u8, h + 2, length)
  write16(u8, h + 4, identification)
  u16[(h + 10) >> 1] = ~fold(sum + swap16(length) + swap16(identification)) & 0xffff
}

/** Fills in the checksum that the kernel has left to its device: the field holds the sum of the pseudo header. */
export function completeChecksum(words: Words, at: number, length: number, start: number, offset: number): boolean {
  if (start + offset + 2 > length) return false
  const sum = ~sumBytes(words, at + start, length - start) & 0xffff
  const value = sum === 0 ? 0xffff : sum
  words.u8[at + start + offset] = value & 0xff
  words.u8[at + start + offset + 1] = value >> 8
  return true
}

function clear(u8: Uint8Array, at: number, length: number): void {
  for (let i = at; i < at + length; i += 1) u8[i] = 0
}
