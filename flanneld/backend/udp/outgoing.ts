/**
 * From the kernel to the peers. One read brings a packet, or up to 64 KiB of a stream that the kernel has left uncut; that is cut
 * into datagrams here, and one sendmsg sends them all (UDP_SEGMENT). Packets of one size to one peer that wait in the device one
 * behind the other leave with one call as well. Payload is never copied here: system calls are given lists of places.
 */
import { lastErrno } from '../../../component-base/libc.ts'
import { errno, fastCalls } from './libc.ts'
import type { PeerTable } from './lookup.ts'
import { maxSegments, type TunnelMemory, waitingHeaders } from './memory.ts'
import { decrementTtl, destinationOf, icmp, ipv4Length } from './packet.ts'
import { completeChecksum, cutPacket, type LargePacket } from './segments.ts'
import { counterIndex } from './shared.ts'
import { count, refuse, type Target, type Tunnel, unusable, vnet } from './tunnel.ts'

/** Largest payload of a datagram, and datagrams of one send (UDP_MAX_SEGMENTS before Linux 6.9). */
const maxDatagram = 65_507
const maxDatagrams = 64

/** Vectors of a datagram: a packet as it was read, or the header and the payload of a segment. */
type Parts = 1 | 2

/** Errors of a segmented send that a plain one may not have: the path's or device's limits, or a kernel that knows no such thing. */
const segmentationErrors: ReadonlySet<number> = new Set([errno.EINVAL, errno.EIO, errno.EMSGSIZE])

/** The way out. */
export class Outgoing {
  readonly #tunnel: Tunnel
  readonly #memory: TunnelMemory
  /** Where the next packet is read to; packets before it wait to be sent together. */
  #place: number
  /** Headers that were written for what waits, or was sent before it from the same packets. */
  #headers = 0
  #waitingFor: Target | undefined
  #waiting = 0
  /** Each datagram's vectors and bytes, but for the last one's, and how many datagrams one send takes. */
  #parts: Parts = 1
  #size = 0
  #atOnce = 1
  #isClosed = false
  /** Whether there was more than one packet the last time. A lone one, as in a dialogue, leaves before anyone looks for a second. */
  #isBusy = false

  constructor(tunnel: Tunnel, memory: TunnelMemory) {
    this.#tunnel = tunnel
    this.#memory = memory
    this.#place = memory.outgoing
  }

  /** Carries packets until none is left or `limit` is reached; says how many. */
  pump(peers: PeerTable<Target>, limit: number): number {
    const { base, packetBytes } = this.#memory
    let packets = 0
    for (; packets < limit; packets += 1) {
      const size = fastCalls.read(this.#tunnel.tunFd, base + this.#place, packetBytes)
      if (size <= 0) break
      this.#forward(peers, this.#place, size)
    }
    this.#flush()
    this.#isBusy = packets > 1
    return packets
  }

  #forward(peers: PeerTable<Target>, at: number, size: number): void {
    const { u8, view } = this.#memory
    const { counters, headroom } = this.#tunnel
    const ip = at + headroom
    const length = ipv4Length(u8, ip, at + size)
    if (length === 0) return void count(counters, unusable(u8, ip, at + size))
    const target = peers.find(destinationOf(u8, ip))
    if (target === undefined) return void this.#refuse(counterIndex.dropped_no_route, icmp.netUnreachable, ip)
    if (!decrementTtl(u8, ip)) return void this.#refuse(counterIndex.dropped_ttl, icmp.timeExceeded, ip)
    const kind = headroom === 0 ? vnet.gsoNone : (u8[at + 1] ?? 0) & ~vnet.gsoEcn
    if (kind === vnet.gsoNone) return void this.#forwardWhole(target, at, ip, length)
    const protocol = kind === vnet.gsoTcp4 ? 6 : kind === vnet.gsoUdp ? 17 : undefined
    if (protocol === undefined) return void count(counters, counterIndex.dropped_malformed)
    this.#cut(target, { protocol, at: ip, length, segmentPayload: view.getUint16(at + 4, true) })
  }

  #refuse(counter: number, message: (typeof icmp)[keyof typeof icmp], ip: number): void {
    refuse(this.#tunnel, this.#memory, counter, message, ip)
  }

  #forwardWhole(target: Target, at: number, ip: number, length: number): void {
    const memory = this.#memory
    const { counters, headroom } = this.#tunnel
    if (headroom > 0 && ((memory.u8[at] ?? 0) & vnet.needsChecksum) !== 0) {
      const start = memory.view.getUint16(at + 6, true)
      const offset = memory.view.getUint16(at + 8, true)
      if (!completeChecksum(memory, ip, length, start, offset))
        return void count(counters, counterIndex.dropped_malformed)
    }
    memory.setVector(this.#join(target, 1, length), ip, length)
    this.#settle(target, ip + length)
  }

  #cut(target: Target, packet: LargePacket): void {
    const memory = this.#memory
    const { headers, headerBytes } = memory
    const firstHeader = headers + this.#headers * headerBytes
    const cut = cutPacket(memory, packet, { at: firstHeader, stride: headerBytes, count: maxSegments })
    if (cut === undefined) return void count(this.#tunnel.counters, counterIndex.dropped_malformed)
    const { headerLength, payloadAt, payloadLength } = cut
    for (let i = 0; i < cut.count; i += 1) {
      const from = i * packet.segmentPayload
      const payload = Math.min(packet.segmentPayload, payloadLength - from)
      const vector = this.#join(target, 2, headerLength + payload)
      memory.setVector(vector, firstHeader + i * headerBytes, headerLength)
      memory.setVector(vector + 1, payloadAt + from, payload)
    }
    this.#headers += cut.count
    this.#settle(target, packet.at + packet.length)
  }

  /** Adds a datagram to those that wait, or sends them first if it is not like them; gives its first vector. */
  #join(target: Target, parts: Parts, length: number): number {
    const isLikeOthers = target === this.#waitingFor && parts === this.#parts && length <= this.#size
    if (this.#waiting > 0 && (this.#isClosed || !isLikeOthers)) this.#send()
    if (this.#waiting === 0) {
      this.#waitingFor = target
      this.#parts = parts
      this.#size = length
      const isMany = this.#tunnel.sendsMany && !target.isPlain
      this.#atOnce = isMany ? Math.max(1, Math.min(maxDatagrams, Math.floor(maxDatagram / length))) : 1
    }
    this.#waiting += 1
    // All have one size; a shorter one may be the last.
    this.#isClosed = length < this.#size || this.#waiting === this.#atOnce
    return parts * (this.#waiting - 1)
  }

  /** Decides whether what is left of the packets up to `end` waits for the next one. */
  #settle(target: Target, end: number): void {
    const { outgoing, waitingBytes } = this.#memory
    // Two behind a multiple of four again, so that the next packet's header is aligned.
    const next = ((end + 5) & ~3) + 2
    const isRoom = next - outgoing < waitingBytes && this.#headers < waitingHeaders
    if (this.#isClosed || !this.#isBusy || target.isPlain || !isRoom) this.#flush()
    else this.#place = next
  }

  /** Sends all that waits. */
  #flush(): void {
    if (this.#waiting > 0) this.#send()
    this.#place = this.#memory.outgoing
    this.#headers = 0
  }

  /** Sends the datagrams that wait with one call; one by one when that is refused, and from then on. */
  #send(): void {
    const target = this.#waitingFor
    const datagrams = this.#waiting
    this.#waiting = 0
    if (target === undefined) return
    if (this.#sendSome(target, 0, datagrams)) return
    if (!target.isPlain) count(this.#tunnel.counters, counterIndex.plain_peers)
    target.isPlain = true
    for (let i = 0; i < datagrams; i += 1) this.#sendSome(target, i, 1)
  }

  /** Sends some of the prepared datagrams with one call. False when only the segmentation is at fault. */
  #sendSome(target: Target, first: number, datagrams: number): boolean {
    const memory = this.#memory
    const { counters } = this.#tunnel
    if (datagrams > 1) memory.setSegmentSize(this.#size)
    memory.setMessage(target.place, this.#parts * first, this.#parts * datagrams, datagrams > 1 ? 24 : 0)
    const sent = this.#sendMessage()
    if (sent < 0 && datagrams > 1 && segmentationErrors.has(lastErrno())) return false
    if (sent < 0) count(counters, counterIndex.dropped_send_error, datagrams)
    else {
      count(counters, counterIndex.sent_packets, datagrams)
      count(counters, counterIndex.sent_bytes, sent)
    }
    return true
  }

  #sendMessage(): number {
    const { base, message } = this.#memory
    const { socketFd } = this.#tunnel
    const sent = fastCalls.sendmsg(socketFd, base + message, 0)
    // A pending "port unreachable" of an earlier datagram is reported once and says nothing of this one.
    return sent < 0 && lastErrno() === errno.ECONNREFUSED ? fastCalls.sendmsg(socketFd, base + message, 0) : sent
  }
}
