/** What the tunnel reads from, and changes in, an IPv4 packet. Pure; works on bytes in place. */

/** ICMP messages that the tunnel sends: type and code. */
export const icmp = {
  netUnreachable: { type: 3, code: 0 },
  timeExceeded: { type: 11, code: 0 },
} as const

/**
 * Length of the IPv4 packet at `at`, by its own header; 0 when the bytes up to
 * `end` hold no sound one. Bytes behind the packet are allowed, as upstream does.
 */
export function ipv4Length(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 20) return 0
  const first = bytes[at] ?? 0
  if (first >> 4 !== 4) return 0
  const headerLength = (first & 15) * 4
  const total = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  return headerLength < 20 || total < headerLength || total > end - at ? 0 : total
}

/** The destination address of the packet at `at`. */
export function destinationOf(bytes: Uint8Array, at: number): number {
  return readAddress(bytes, at + 16)
}

/** The source address of the packet at `at`. */
export function sourceOf(bytes: Uint8Array, at: number): number {
  return readAddress(bytes, at + 12)
}

function readAddress(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return ((high << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
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
 * The ICMP error that answers the packet at `at`; `undefined` where none may be sent
 * (RFC 1122, 3.2.2): about an ICMP error, a later fragment, or no single sender.
 */
export function icmpError(
  message: { readonly type: number; readonly code: number },
  bytes: Uint8Array,
  at: number,
  from: number,
): Uint8Array | undefined {
  const headerLength = ((bytes[at] ?? 0) & 15) * 4
  if (!mayAnswer(bytes, at, headerLength)) return undefined
  const total = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  const quoted = Math.min(total, headerLength + 8)
  const answer = new Uint8Array(28 + quoted)
  const view = new DataView(answer.buffer)
  view.setUint8(0, 0x45)
  view.setUint16(2, answer.length)
  view.setUint8(8, 64)
  view.setUint8(9, 1)
  view.setUint32(12, from)
  view.setUint32(16, sourceOf(bytes, at))
  view.setUint16(10, checksum(answer, 0, 20))
  view.setUint8(20, message.type)
  view.setUint8(21, message.code)
  answer.set(bytes.subarray(at, at + quoted), 28)
  view.setUint16(22, checksum(answer, 20, 8 + quoted))
  return answer
}

const icmpErrorTypes: ReadonlySet<number> = new Set([3, 4, 5, 11, 12])

function mayAnswer(bytes: Uint8Array, at: number, headerLength: number): boolean {
  const source = sourceOf(bytes, at)
  const isLaterFragment = (((bytes[at + 6] ?? 0) & 0x1f) | (bytes[at + 7] ?? 0)) !== 0
  const isIcmpError = bytes[at + 9] === 1 && icmpErrorTypes.has(bytes[at + headerLength] ?? 0)
  const isOneHost = source !== 0 && source >>> 28 !== 14 && source !== 0xffffffff && source >>> 24 !== 127
  return isOneHost && !isLaterFragment && !isIcmpError
}
