/** The side of SCTP that answers. A server keeps no state until its cookie comes back, as the RFC wants it. Pure. */
import type { SctpPacket } from '../../kubets/trace/sctp.ts'

/** Any but 0; servers here tell associations by their cookies. */
const serverTag = 0x6b_75_62_65

/** What a server answers, given who it is at the port asked for (`undefined`: it serves no such port) and whom it sees. */
export function serverAnswer(packet: SctpPacket, name: string | undefined, source: string): SctpPacket | undefined {
  const { chunk } = packet
  const back = { sourcePort: packet.destinationPort, destinationPort: packet.sourcePort }
  if (chunk.type === 'INIT') {
    if (name === undefined) return { ...back, tag: chunk.tag, chunk: { type: 'ABORT' } }
    const cookie = `${name} ${source} ${chunk.tag}`
    return { ...back, tag: chunk.tag, chunk: { type: 'INIT ACK', tag: serverTag, cookie } }
  }
  if (chunk.type !== 'COOKIE ECHO' || packet.tag !== serverTag || name === undefined) return undefined
  return { ...back, tag: Number(chunk.cookie.split(' ')[2] ?? 0), chunk: { type: 'COOKIE ACK' } }
}
