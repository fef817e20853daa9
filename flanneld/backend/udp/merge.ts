/**
 * Finds TCP segments that may be handed to the kernel as one: the way back of
 * segments.ts. Merging must lose nothing, so everything but sequence and length has to be
 * equal, and every checksum right. Pure. Source: what Linux does in tcp_gro_receive.
 */
import { fold, pseudoSum, sumBytes, type Words } from './sums.ts'

const ack = 0x10
const push = 0x08

/** Length of IP and TCP header of a segment that may be merged with others; 0 for any other packet. */
export function mergeableHeader(words: Words, at: number, length: number): number {
  const { u8 } = words
  // No IP options; no fragment, and none allowed or all allowed alike (compared later).
  if (length < 40 || u8[at] !== 0x45 || u8[at + 9] !== 6 || ((u8[at + 6] ?? 0) & 0xbf) !== 0 || u8[at + 7] !== 0)
    return 0
  const tcpLength = ((u8[at + 32] ?? 0) >> 4) * 4
  const headerLength = 20 + tcpLength
  const flags = u8[at + 33] ?? 0
  const isData =
    tcpLength >= 20 && length > headerLength && (flags | push) === (ack | push) && ((u8[at + 32] ?? 0) & 15) === 0
  return isData && hasRightSums(words, at, length) ? headerLength : 0
}

function hasRightSums(words: Words, at: number, length: number): boolean {
  if (sumBytes(words, at, 20) !== 0xffff) return false
  return fold(sumBytes(words, at + 20, length - 20) + pseudoSum(words, at, 6, length - 20)) === 0xffff
}

/** Whether a segment at `b` continues what begins at `a`: the same flow, state and options. The sequence is the caller's to check. */
export function isSameFlow({ u8, u32 }: Words, a: number, b: number, headerLength: number): boolean {
  // Type of service; don't-fragment; time to live and protocol.
  if (u8[a + 1] !== u8[b + 1] || u8[a + 6] !== u8[b + 6] || u8[a + 8] !== u8[b + 8]) return false
  if (((a | b) & 3) === 0) {
    const wordA = a >> 2
    const wordB = b >> 2
    // Addresses, ports; then the acknowledgement.
    for (const word of flowWords) if (u32[wordA + word] !== u32[wordB + word]) return false
  } else {
    for (let i = 12; i < 24; i += 1) if (u8[a + i] !== u8[b + i]) return false
    for (let i = 28; i < 32; i += 1) if (u8[a + i] !== u8[b + i]) return false
  }
  // Length of the header and window, then the options.
  if (u8[a + 32] !== u8[b + 32] || u8[a + 34] !== u8[b + 34] || u8[a + 35] !== u8[b + 35]) return false
  for (let i = 40; i < headerLength; i += 1) if (u8[a + i] !== u8[b + i]) return false
  return true
}

const flowWords = [3, 4, 5, 7] as const

/** The sequence number of the segment at `at`. */
export function sequenceOf(u8: Uint8Array, at: number): number {
  return (
    (((u8[at + 24] ?? 0) << 24) | ((u8[at + 25] ?? 0) << 16) | ((u8[at + 26] ?? 0) << 8) | (u8[at + 27] ?? 0)) >>> 0
  )
}

/** Whether a segment asks to be delivered at once; nothing is merged behind it. */
export function isPushed(u8: Uint8Array, at: number): boolean {
  return ((u8[at + 33] ?? 0) & push) !== 0
}

/**
 * Writes the header of a merged packet to `to`, from its first segment's. The TCP checksum is
 * left to the kernel: the field holds the sum of the pseudo header. `to` is aligned to four.
 */
export function writeMergedHeader(
  words: Words,
  to: number,
  segment: { readonly at: number; readonly headerLength: number },
  merged: { readonly payloadLength: number; readonly isPushed: boolean },
): void {
  const { u8, u16 } = words
  const { headerLength } = segment
  const length = headerLength + merged.payloadLength
  u8.copyWithin(to, segment.at, segment.at + headerLength)
  u8[to + 2] = length >> 8
  u8[to + 3] = length & 0xff
  u16[(to + 10) >> 1] = 0
  u16[(to + 10) >> 1] = ~sumBytes(words, to, 20) & 0xffff
  if (merged.isPushed) u8[to + 33] = (u8[to + 33] ?? 0) | push
  u16[(to + 36) >> 1] = pseudoSum(words, to, 6, length - 20)
}
