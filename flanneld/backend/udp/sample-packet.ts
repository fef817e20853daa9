/** Whole IPv4 packets with right checksums, for warming up and for tests. Pure. */
import { checksum } from './packet.ts'

/** What may differ from packet to packet. */
export type SampleFields = {
  readonly flags?: number
  readonly sequence?: number
  readonly identification?: number
  readonly ttl?: number
  readonly source?: number
  readonly destination?: number
  readonly ports?: readonly [number, number]
  /** Bytes of TCP options; a multiple of four. */
  readonly options?: number
  readonly mayBeFragmented?: boolean
}

/** A packet of TCP (6) or UDP (17) with this payload, or with so many bytes of it. */
export function samplePacket(protocol: 6 | 17, payload: number | Uint8Array, fields: SampleFields = {}): Uint8Array {
  const { ttl = 64, source = 0x0a010203, destination = 0x0a020304, identification = 1 } = fields
  const content = typeof payload === 'number' ? new Uint8Array(payload).fill(0x5a) : payload
  const { options = 12, ports = [40_000, 5_201] } = fields
  const transportLength = protocol === 6 ? 20 + options : 8
  const bytes = new Uint8Array(20 + transportLength + content.length)
  const view = new DataView(bytes.buffer)
  bytes[0] = 0x45
  view.setUint16(2, bytes.length)
  view.setUint16(4, identification)
  bytes[6] = fields.mayBeFragmented === true ? 0 : 0x40
  bytes[8] = ttl
  bytes[9] = protocol
  view.setUint32(12, source)
  view.setUint32(16, destination)
  view.setUint16(10, checksum(bytes, 0, 20))
  view.setUint16(20, ports[0])
  view.setUint16(22, ports[1])
  bytes.set(content, 20 + transportLength)
  if (protocol === 6) {
    view.setUint32(24, fields.sequence ?? 1)
    view.setUint32(28, 7)
    bytes[32] = (transportLength / 4) << 4
    bytes[33] = fields.flags ?? 0x10
    view.setUint16(34, 512)
    bytes.fill(1, 40, 20 + transportLength)
  } else view.setUint16(24, 8 + content.length)
  const sum = checksum(bytes, 20, bytes.length - 20, pseudo(view, protocol, bytes.length - 20))
  // Zero would say that there is no checksum of UDP (RFC 768); for TCP both spellings are right.
  view.setUint16(protocol === 6 ? 36 : 26, sum === 0 ? 0xffff : sum)
  return bytes
}

function pseudo(view: DataView, protocol: number, length: number): number {
  const words = [12, 14, 16, 18].map((at) => view.getUint16(at))
  return words.reduce((sum, word) => sum + word, protocol + length)
}
