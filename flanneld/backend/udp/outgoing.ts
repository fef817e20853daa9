/**
 * From the kernel to the peers. One read brings a packet, or up to 64 KiB of a stream that the kernel has left uncut; that is cut
 * into datagrams here, and one sendmsg sends them all (UDP_SEGMENT). Packets of one size to one peer that wait in the device one
 * behind the other leave with one call as well. Payload is never copied here: system calls are given lists of places.
 */
import { lastErrno } from '../../../component-base/libc.ts'
import { errno, fastCalls } from './libc.ts'
import type { PeerTable } from './lookup.ts'
import { maxSegments, type TunnelMemory } from './memory.ts'
import { decrementTtl, destinationOf, icmp, ipv4Length } from './packet.ts'
import { completeChecksum, cutPacket, type LargePacket } from './segments.ts'
import { counterIndex } from './shared.ts'
import { count, refuse, type Target, type Tunnel, unusable, vnet } from './tunnel.ts'

/** Largest payload of a datagram, and datagrams of one send (UDP_MAX_SEGMENTS before Linux 6.9). */
const maxDatagram = 65_507
const maxDatagrams = 64

/** Errors of a segmented send that a plain one may not have: the path's or device's limits, or a kernel that knows no such thing. */
const segmentationErrors: ReadonlySet<number> = new Set([errno.EINVAL, errno.EIO, errno.EMSGSIZE])

/** The way out. */
export class Outgoing {
  readonly #tunnel: Tunnel
  readonly #memory: TunnelMemory
  /** Where the next packet is read to; packets before it wait to be sent together. */
  #place: number
  #waitingFor: Target | undefined
  #waiting = 0
  #waitingSize = 0
  #waitingBytes = 0
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
    this.#flush()
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
    this.#wait(target, ip, length)
  }

  /** Lets a packet wait for others like it. All have one size; a shorter one may be the last. */
  #wait(target: Target, ip: number, length: number): void {
    const isLikeOthers =
      target === this.#waitingFor && length <= this.#waitingSize && this.#waitingBytes + length <= maxDatagram
    if (this.#waiting > 0 && !isLikeOthers) this.#flush()
    if (this.#waiting === 0) {
      this.#waitingFor = target
      this.#waitingSize = length
      this.#waitingBytes = 0
    }
    this.#memory.setVector(this.#waiting, ip, length)
    this.#waiting += 1
    this.#waitingBytes += length
    // Two behind a multiple of four again, so that the next packet's header is aligned.
    this.#place = ((ip + length + 5) & ~3) + 2
    const isLast = length < this.#waitingSize || this.#waiting === maxDatagrams
    const isAlone = !this.#isBusy || target.isPlain || !this.#tunnel.sendsMany
    if (isLast || isAlone || this.#place - this.#memory.outgoing > this.#memory.waitingBytes - 64) this.#flush()
  }

  #flush(): void {
    const packets = this.#waiting
    const target = this.#waitingFor
    if (packets > 0 && target !== undefined) {
      this.#waiting = 0
      this.#send(target, 0, packets, 1, this.#waitingSize)
    }
    this.#place = this.#memory.outgoing
  }

  #cut(target: Target, packet: LargePacket): void {
    const memory = this.#memory
    const cut = cutPacket(memory, packet, { at: memory.headers, stride: memory.headerBytes, count: maxSegments })
    if (cut === undefined) return void count(this.#tunnel.counters, counterIndex.dropped_malformed)
    const { headerLength, payloadAt, payloadLength } = cut
    for (let i = 0; i < cut.count; i += 1) {
      const from = i * packet.segmentPayload
      memory.setVector(2 * i, memory.headers + i * memory.headerBytes, headerLength)
      memory.setVector(2 * i + 1, payloadAt + from, Math.min(packet.segmentPayload, payloadLength - from))
    }
    const datagram = headerLength + packet.segmentPayload
    const isMany = this.#tunnel.sendsMany && !target.isPlain
    const atOnce = isMany ? Math.max(1, Math.min(maxDatagrams, Math.floor(maxDatagram / datagram))) : 1
    for (let first = 0; first < cut.count; first += atOnce) {
      this.#send(target, first, Math.min(atOnce, cut.count - first), 2, datagram)
    }
  }

  /**
   * Sends some of the prepared datagrams, each of `parts` vectors, with one call; one by one when that is refused, and from then on.
   */
  #send(target: Target, first: number, datagrams: number, parts: 1 | 2, size: number): void {
    const memory = this.#memory
    if (datagrams > 1) memory.setSegmentSize(size)
    memory.setMessage(target.place, parts * first, parts * datagrams, datagrams > 1 ? 24 : 0)
    const sent = this.#sendMessage()
    if (sent < 0 && datagrams > 1 && segmentationErrors.has(lastErrno())) {
      if (!target.isPlain) count(this.#tunnel.counters, counterIndex.plain_peers)
      target.isPlain = true
      for (let i = first; i < first + datagrams; i += 1) this.#send(target, i, 1, parts, size)
      return
    }
    const { counters } = this.#tunnel
    if (sent < 0) return void count(counters, counterIndex.dropped_send_error, datagrams)
    count(counters, counterIndex.sent_packets, datagrams)
    count(counters, counterIndex.sent_bytes, sent)
  }

  #sendMessage(): number {
    const { base, message } = this.#memory
    const { socketFd } = this.#tunnel
    const sent = fastCalls.sendmsg(socketFd, base + message, 0)
    // A pending "port unreachable" of an earlier datagram is reported once and says nothing of this one.
    return sent < 0 && lastErrno() === errno.ECONNREFUSED ? fastCalls.sendmsg(socketFd, base + message, 0) : sent
  }
}
