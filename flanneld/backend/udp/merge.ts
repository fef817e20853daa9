/**
 * Finds segments of TCP, and datagrams of UDP, that may be handed to the kernel as one: the way back of segments.ts. Merging must
 * lose nothing, so everything but sequence and length has to be equal, and every checksum right. Pure.
 * Source: what Linux does in inet_gro_receive, tcp_gro_receive and udp_gro_receive.
 */
import { read16, read32, write16 } from './bytes.ts'
import { fold, pseudoSum, sumBytes, swap16, type Words } from './sums.ts'

const ack = 0x10
const push = 0x08
const dontFragment = 0x40

/** Number of TCP in an IP header. */
export const tcpProtocol = 6
const udpProtocol = 17

/** Length of the headers of a packet that may be merged with others like it; 0 for any other packet. */
export function mergeableHeader(words: Words, at: number, length: number): number {
  const { u8 } = words
  // No IP options; no fragment, and none allowed or all allowed alike (compared later).
  if (u8[at] !== 0x45 || ((u8[at + 6] ?? 0) & ~dontFragment) !== 0 || u8[at + 7] !== 0) return 0
  const protocol = u8[at + 9]
  const headerLength =
    protocol === tcpProtocol ? tcpHeaders(u8, at, length) : protocol === udpProtocol ? udpHeaders(u8, at, length) : 0
  return headerLength > 0 && hasRightSums(words, at, length, protocol ?? 0) ? headerLength : 0
}

function tcpHeaders(u8: Uint8Array, at: number, length: number): number {
  if (length < 40) return 0
  const tcpLength = ((u8[at + 32] ?? 0) >> 4) * 4
  const flags = u8[at + 33] ?? 0
  const isData = (flags | push) === (ack | push) && ((u8[at + 32] ?? 0) & 15) === 0
  return isData && tcpLength >= 20 && length > 20 + tcpLength ? 20 + tcpLength : 0
}

function udpHeaders(u8: Uint8Array, at: number, length: number): number {
  if (length <= 28) return 0
  const isWhole = (((u8[at + 24] ?? 0) << 8) | (u8[at + 25] ?? 0)) === length - 20
  // Without a checksum there is nothing that says the payload is right.
  const hasSum = ((u8[at + 26] ?? 0) | (u8[at + 27] ?? 0)) !== 0
  return isWhole && hasSum ? 28 : 0
}

function hasRightSums(words: Words, at: number, length: number, protocol: number): boolean {
  if (sumBytes(words, at, 20) !== 0xffff) return false
  // The addresses, which the transport's checksum covers as well, lie right before it.
  return fold(sumBytes(words, at + 12, length - 12) + swap16(protocol) + swap16(length - 20)) === 0xffff
}

/** Whether a packet at `b` is of the flow of the one at `a`, with the same state and options. Both may be merged; their order is `follows`' to judge. */
export function isSameFlow(words: Words, a: number, b: number, headerLength: number): boolean {
  const { u8 } = words
  // Type of service; don't-fragment; time to live; protocol.
  if (u8[a + 1] !== u8[b + 1] || u8[a + 6] !== u8[b + 6] || u8[a + 8] !== u8[b + 8] || u8[a + 9] !== u8[b + 9])
    return false
  // Addresses and ports.
  if (!isEqual(words, a + 12, b + 12, 12)) return false
  if (u8[a + 9] === udpProtocol) return true
  // Acknowledgement, length of the header and window (flags are the first one's and the last one's), then the options.
  if (!isEqual(words, a + 28, b + 28, 4)) return false
  if (u8[a + 32] !== u8[b + 32] || u8[a + 34] !== u8[b + 34] || u8[a + 35] !== u8[b + 35]) return false
  return isEqual(words, a + 40, b + 40, headerLength - 40)
}

function isEqual({ u8, u32 }: Words, a: number, b: number, length: number): boolean {
  if (((a | b) & 3) === 0) {
    for (let i = 0; i < length >> 2; i += 1) if (u32[(a >> 2) + i] !== u32[(b >> 2) + i]) return false
  } else {
    for (let i = 0; i < length; i += 1) if (u8[a + i] !== u8[b + i]) return false
  }
  return true
}

/**
 * Whether the packet at `b` comes right behind the one at `a` of the same flow, which has `payload` bytes: by TCP's sequence, and by
 * IP's identification where the packet may be fragmented, as it is counted up when the kernel cuts again.
 */
export function follows(u8: Uint8Array, a: number, b: number, payload: number): boolean {
  if (u8[a + 9] === tcpProtocol && read32(u8, b + 24) !== (read32(u8, a + 24) + payload) >>> 0) return false
  const mayBeFragmented = ((u8[a + 6] ?? 0) & dontFragment) === 0
  return !mayBeFragmented || read16(u8, b + 4) === ((read16(u8, a + 4) + 1) & 0xffff)
}

/** Whether a packet asks to be delivered at once; nothing is merged behind it. */
export function endsRun(u8: Uint8Array, at: number): boolean {
  return u8[at + 9] === tcpProtocol && ((u8[at + 33] ?? 0) & push) !== 0
}

/**
 * Writes the headers of a merged packet to `to`, from those at `first`. The checksum of TCP or UDP is
 * left to the kernel: the field holds the sum of the pseudo header. `to` is aligned to four.
 */
export function writeMergedHeader(
  words: Words,
  to: number,
  first: number,
  headerLength: number,
  payloadLength: number,
  isPushed: boolean,
): void {
  const { u8, u16 } = words
  const length = headerLength + payloadLength
  u8.copyWithin(to, first, first + headerLength)
  write16(u8, to + 2, length)
  u16[(to + 10) >> 1] = 0
  u16[(to + 10) >> 1] = ~sumBytes(words, to, 20) & 0xffff
  const protocol = u8[to + 9] ?? 0
  const isTcp = protocol === tcpProtocol
  if (!isTcp) write16(u8, to + 24, length - 20)
  else if (isPushed) u8[to + 33] = (u8[to + 33] ?? 0) | push
  u16[(to + (isTcp ? 36 : 26)) >> 1] = pseudoSum(words, to, protocol, length - 20)
}
