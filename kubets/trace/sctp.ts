/**
 * The handshake of SCTP (RFC 9260) as bytes, for machines whose kernel has no such sockets but filters and translates such packets. Pure.
 *
 *   asker ── INIT ──▶ server      The cookie says who has answered and whom it saw; a server keeps no state until it comes back,
 *         ◀── INIT ACK, cookie    as the RFC wants it.
 *         ── COOKIE ECHO ──▶
 *         ◀── COOKIE ACK
 *         ── ABORT ──▶            The asker has seen enough.
 */

export type SctpPacket = {
  readonly sourcePort: number
  readonly destinationPort: number
  /** What the receiver has chosen; 0 in the first packet. */
  readonly tag: number
  readonly chunk: Chunk
}
export type Chunk =
  | { readonly type: 'INIT'; readonly tag: number }
  | { readonly type: 'INIT ACK'; readonly tag: number; readonly cookie: string }
  | { readonly type: 'COOKIE ECHO'; readonly cookie: string }
  | { readonly type: 'COOKIE ACK' | 'ABORT' }

/** Its number in IP. */
export const sctpProtocol = 132
const codes = { INIT: 1, 'INIT ACK': 2, ABORT: 6, 'COOKIE ECHO': 10, 'COOKIE ACK': 11 } as const
const headerBytes = 12
const initBytes = 16
const cookieParameter = 7

/** Castagnoli's polynomial, bits reversed. */
const table = Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0x82_f6_3b_78 : value >>> 1
  return value >>> 0
})

/** The checksum of SCTP. */
export function crc32c(bytes: Uint8Array): number {
  let value = 0xff_ff_ff_ff
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 255] ?? 0)
  return (value ^ 0xff_ff_ff_ff) >>> 0
}

/** A packet of one chunk. */
export function encodePacket({ sourcePort, destinationPort, tag, chunk }: SctpPacket): Buffer {
  const body = bodyOf(chunk)
  const bytes = Buffer.alloc(headerBytes + 4 + padded(body.length))
  bytes.writeUInt16BE(sourcePort, 0)
  bytes.writeUInt16BE(destinationPort, 2)
  bytes.writeUInt32BE(tag, 4)
  bytes.writeUInt8(codes[chunk.type], headerBytes)
  bytes.writeUInt16BE(4 + body.length, headerBytes + 2)
  body.copy(bytes, headerBytes + 4)
  bytes.writeUInt32LE(crc32c(bytes), 8)
  return bytes
}

function padded(length: number): number {
  return Math.ceil(length / 4) * 4
}

function bodyOf(chunk: Chunk): Buffer {
  switch (chunk.type) {
    case 'INIT':
      return initOf(chunk.tag)
    case 'INIT ACK': {
      const cookie = Buffer.from(chunk.cookie)
      const parameter = Buffer.alloc(4)
      parameter.writeUInt16BE(cookieParameter, 0)
      parameter.writeUInt16BE(4 + cookie.length, 2)
      return Buffer.concat([initOf(chunk.tag), parameter, cookie])
    }
    case 'COOKIE ECHO':
      return Buffer.from(chunk.cookie)
    case 'COOKIE ACK':
    case 'ABORT':
      return Buffer.alloc(0)
  }
}

/** What an ICMP message says of the packet that it quotes; `undefined` where it is about none of SCTP, or says something else. */
export function decodeError(
  message: Buffer,
  isV4: boolean,
): { readonly sourcePort: number; readonly destinationPort: number; readonly code: number } | undefined {
  const [type, code = 0] = message
  const quoted = message.subarray(8)
  const at = isV4 ? ((quoted[0] ?? 0) & 15) * 4 : 40
  if (type !== (isV4 ? 3 : 1) || quoted[isV4 ? 9 : 6] !== sctpProtocol || quoted.length < at + 4) return undefined
  return { sourcePort: quoted.readUInt16BE(at), destinationPort: quoted.readUInt16BE(at + 2), code }
}

/** Tag, receiver's window, one stream each way, first number. */
function initOf(tag: number): Buffer {
  const bytes = Buffer.alloc(initBytes)
  bytes.writeUInt32BE(tag, 0)
  bytes.writeUInt32BE(65_536, 4)
  bytes.writeUInt16BE(1, 8)
  bytes.writeUInt16BE(1, 10)
  bytes.writeUInt32BE(tag, 12)
  return bytes
}

/** Whether the checksum is right. A kernel's own packets have none yet where a device would add it. */
export function hasChecksum(bytes: Buffer): boolean {
  if (bytes.length < headerBytes) return false
  const unsigned = Buffer.from(bytes)
  unsigned.writeUInt32LE(0, 8)
  return crc32c(unsigned) === bytes.readUInt32LE(8)
}

/** Reads the first chunk; `undefined` for what none of these packets is. */
export function decodePacket(bytes: Buffer): SctpPacket | undefined {
  if (bytes.length < headerBytes + 4) return undefined
  const body = bytes.subarray(headerBytes + 4, headerBytes + bytes.readUInt16BE(headerBytes + 2))
  const chunk = chunkOf(bytes.readUInt8(headerBytes), body)
  if (chunk === undefined) return undefined
  return {
    ...{ sourcePort: bytes.readUInt16BE(0), destinationPort: bytes.readUInt16BE(2), tag: bytes.readUInt32BE(4) },
    chunk,
  }
}

function chunkOf(code: number, body: Buffer): Chunk | undefined {
  switch (code) {
    case codes.INIT:
      return body.length < initBytes ? undefined : { type: 'INIT', tag: body.readUInt32BE(0) }
    case codes['INIT ACK']:
      if (body.length < initBytes) return undefined
      return { type: 'INIT ACK', tag: body.readUInt32BE(0), cookie: body.subarray(initBytes + 4).toString() }
    case codes['COOKIE ECHO']:
      return { type: 'COOKIE ECHO', cookie: body.toString() }
    case codes['COOKIE ACK']:
      return { type: 'COOKIE ACK' }
    case codes.ABORT:
      return { type: 'ABORT' }
    default:
      return undefined
  }
}
