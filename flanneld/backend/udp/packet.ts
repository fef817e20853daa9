/** What the tunnel reads from, and changes in, an IPv4 packet. Pure; works on bytes in place. */
import { read16, read32, write16 } from './bytes.ts'

/** ICMP messages that the tunnel sends: type and code. */
export const icmp = {
  netUnreachable: { type: 3, code: 0 },
  timeExceeded: { type: 11, code: 0 },
} as const

/** An ICMP message's type and code. */
export type IcmpMessage = { readonly type: number; readonly code: number }

/**
 * Length of the IPv4 packet at `at`, by its own header; 0 when the bytes up to
 * `end` hold no sound one. Bytes behind the packet are allowed, as upstream does.
 */
export function ipv4Length(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 20) return 0
  const first = bytes[at] ?? 0
  if (first >> 4 !== 4) return 0
  const headerLength = (first & 15) * 4
  const total = read16(bytes, at + 2)
  return headerLength < 20 || total < headerLength || total > end - at ? 0 : total
}

/** Whether the bytes are an IPv6 packet as far as one can see; flannel's datagrams carry IPv4 only. */
export function isIpv6(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 40 && (bytes[at] ?? 0) >> 4 === 6
}

/** The destination address of the packet at `at`. */
export function destinationOf(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 16)
}

/** The source address of the packet at `at`. */
export function sourceOf(bytes: Uint8Array, at: number): number {
  return read32(bytes, at + 12)
}

/** Takes one from the time to live and mends the checksum (RFC 1624). False when the packet must not go on. */
export function decrementTtl(bytes: Uint8Array, at: number): boolean {
  const ttl = bytes[at + 8] ?? 0
  if (ttl <= 1) return false
  bytes[at + 8] = ttl - 1
  // The time to live is the high byte of its word: one less there is 0x0100 more in the checksum.
  const sum = (((bytes[at + 10] ?? 0) << 8) | (bytes[at + 11] ?? 0)) + 0x0100
  const folded = (sum & 0xffff) + (sum >> 16)
  bytes[at + 10] = folded >> 8
  bytes[at + 11] = folded & 0xff
  return true
}

/** The Internet checksum of some bytes (RFC 1071). */
export function checksum(bytes: Uint8Array, at: number, length: number, initial = 0): number {
  let sum = initial
  const end = at + length
  for (let i = at; i + 1 < end; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  if (length % 2 === 1) sum += (bytes[end - 1] ?? 0) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/**
 * Writes the ICMP error that answers the packet at `at` to `to`, with the sender's header and eight bytes more, and gives its length;
 * 0 where none may be sent (RFC 1122, 3.2.2): about an ICMP error, a later fragment, or to no single sender.
 */
export function writeIcmpError(
  message: IcmpMessage,
  bytes: Uint8Array,
  { at, from, to }: { readonly at: number; readonly from: number; readonly to: number },
): number {
  const headerLength = ((bytes[at] ?? 0) & 15) * 4
  const total = read16(bytes, at + 2)
  const quoted = Math.min(total, headerLength + 8)
  if (!mayAnswer(bytes, at, headerLength, quoted)) return 0
  const length = 28 + quoted
  bytes.fill(0, to, to + 28)
  bytes[to] = 0x45
  write16(bytes, to + 2, length)
  bytes[to + 8] = 64
  bytes[to + 9] = 1
  write16(bytes, to + 12, from >>> 16)
  write16(bytes, to + 14, from & 0xffff)
  bytes.copyWithin(to + 16, at + 12, at + 16)
  write16(bytes, to + 10, checksum(bytes, to, 20))
  bytes[to + 20] = message.type
  bytes[to + 21] = message.code
  bytes.copyWithin(to + 28, at, at + quoted)
  write16(bytes, to + 22, checksum(bytes, to + 20, 8 + quoted))
  return length
}

const icmpErrorTypes: ReadonlySet<number> = new Set([3, 4, 5, 11, 12])

function mayAnswer(bytes: Uint8Array, at: number, headerLength: number, quoted: number): boolean {
  const source = sourceOf(bytes, at)
  const isLaterFragment = (((bytes[at + 6] ?? 0) & 0x1f) | (bytes[at + 7] ?? 0)) !== 0
  // An ICMP packet too short to have a type could be anything.
  const isIcmpError =
    bytes[at + 9] === 1 && (quoted <= headerLength || icmpErrorTypes.has(bytes[at + headerLength] ?? 0))
  const isOneHost = source !== 0 && source >>> 28 < 14 && source >>> 24 !== 127
  return isOneHost && !isLaterFragment && !isIcmpError
}
