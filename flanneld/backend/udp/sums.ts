/**
 * Internet checksums at memory speed. Sums are kept in the byte order of the machine
 * (little endian): a ones' complement sum is the same in either order but for the order
 * of its own two bytes (RFC 1071, 2), so no word has to be swapped on the way. Pure.
 */

import type { Sum } from './simd-sum.ts'

/** The same memory as bytes, half words and words, and what sums it up faster, where there is such a thing (simd-sum.ts). */
export type Words = {
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly sum?: Sum | undefined
}

/** The folded sum of some bytes, 0 to 0xffff, not complemented. */
export function sumBytes(words: Words, at: number, length: number): number {
  return words.sum === undefined ? sumWords(words, at, length) : words.sum(at, length)
}

function sumWords({ u8, u16, u32 }: Words, at: number, length: number): number {
  const end = at + length
  if ((at & 1) !== 0) return sumOddly(u8, at, end)
  let rest = 0
  let from = at
  if ((from & 2) !== 0 && length >= 2) {
    rest = u16[from >> 1] ?? 0
    from += 2
  }
  const lastWord = end >> 2
  let i = from >> 2
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  for (; i + 3 < lastWord; i += 4) {
    a += u32[i] as number
    b += u32[i + 1] as number
    c += u32[i + 2] as number
    d += u32[i + 3] as number
  }
  for (; i < lastWord; i += 1) a += u32[i] as number
  let tail = Math.max(i << 2, from)
  if (end - tail >= 2) {
    rest += u16[tail >> 1] ?? 0
    tail += 2
  }
  if (tail < end) rest += u8[tail] ?? 0
  return fold(a + b + c + d + rest)
}

function sumOddly(u8: Uint8Array, at: number, end: number): number {
  let sum = 0
  for (let i = at; i + 1 < end; i += 2) sum += (u8[i] as number) | ((u8[i + 1] as number) << 8)
  if (((end - at) & 1) !== 0) sum += u8[end - 1] as number
  return fold(sum)
}

/** Brings a sum below 2^53 into 16 bits, carrying around. */
export function fold(sum: number): number {
  let small = sum > 0xffffffff ? (sum >>> 0) + Math.floor(sum / 0x1_0000_0000) : sum
  while (small > 0xffff) small = (small % 0x10000) + Math.floor(small / 0x10000)
  return small
}

/** A number of 16 bits as it lies in memory in network order. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >> 8) & 0xff)
}

/** The sum of the addresses, protocol and length that TCP and UDP checksums cover besides their own bytes. */
export function pseudoSum(words: Words, ip: number, protocol: number, length: number): number {
  return fold(sumBytes(words, ip + 12, 8) + swap16(protocol) + swap16(length))
}
