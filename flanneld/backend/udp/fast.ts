/**
 * The fast way through the tunnel: one read brings up to 64 KiB of a TCP stream, which one
 * sendmsg cuts into datagrams (UDP_SEGMENT); one recvmsg brings many datagrams (UDP_GRO),
 * which go to the kernel as one packet again where they belong together. Payload is never
 * copied here: system calls are given lists of places.
 */
import { errno, fastCalls, lastError, libc, linux } from './libc.ts'
import type { PeerTable } from './lookup.ts'
import { maxSegments, TunnelMemory } from './memory.ts'
import { isPushed, isSameFlow, mergeableHeader, sequenceOf, writeMergedHeader } from './merge.ts'
import { decrementTtl, destinationOf, icmp, icmpError, ipv4Length } from './packet.ts'
import { completeChecksum, cutPacket } from './segments.ts'
import { counterIndex } from './shared.ts'
import { count, type Target, type Tunnel } from './single.ts'

/** `struct virtio_net_hdr`: flags, kind of segmentation, header length, segment size, checksum start and offset. */
const vnetBytes = 10
const needsChecksum = 1
const dataValid = 2
const gsoNone = 0
const gsoTcp4 = 1
const gsoUdp = 5
const gsoEcn = 0x80

/** Largest payload of a datagram, and datagrams of one send (UDP_MAX_SEGMENTS before Linux 6.9). */
const maxDatagram = 65_507
const maxDatagrams = 64

/** Errors of a segmented send that a plain one may not have: the path's or device's limits. */
const segmentationErrors: ReadonlySet<number> = new Set([errno.EINVAL, errno.EIO, errno.EMSGSIZE])

/** Both directions with offloads. */
export class FastPumps {
  readonly #tunnel: Tunnel
  readonly #memory = new TunnelMemory()

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel
  }

  /** Carries packets from the kernel to peers until none is left or `limit` is reached. */
  toPeers(peers: PeerTable<Target>, limit: number): void {
    const { base, outgoing, packetBytes } = this.#memory
    for (let i = 0; i < limit; i += 1) {
      const size = fastCalls.read(this.#tunnel.tunFd, base + outgoing, packetBytes)
      if (size <= 0) return
      this.#forward(peers, size - vnetBytes)
    }
  }

  #forward(peers: PeerTable<Target>, size: number): void {
    const { u8, view, outgoing } = this.#memory
    const { counters } = this.#tunnel
    const ip = outgoing + vnetBytes
    const length = size < 20 ? 0 : ipv4Length(u8, ip, ip + size)
    if (length === 0) return void count(counters, counterIndex.dropped_malformed)
    const target = peers.find(destinationOf(u8, ip))
    if (target === undefined) return void this.#refuse(counterIndex.dropped_no_route, icmp.netUnreachable, ip)
    if (!decrementTtl(u8, ip)) return void this.#refuse(counterIndex.dropped_ttl, icmp.timeExceeded, ip)
    const kind = (u8[outgoing + 1] ?? 0) & ~gsoEcn
    if (kind === gsoNone) return void this.#sendOne(target, ip, length)
    const protocol = kind === gsoTcp4 ? 6 : kind === gsoUdp ? 17 : undefined
    if (protocol === undefined) return void count(counters, counterIndex.dropped_malformed)
    this.#sendMany(target, { protocol, at: ip, length, segmentPayload: view.getUint16(outgoing + 4, true) })
  }

  #sendOne(target: Target, ip: number, length: number): void {
    const memory = this.#memory
    const { view, u8, outgoing } = memory
    const { counters } = this.#tunnel
    if (((u8[outgoing] ?? 0) & needsChecksum) !== 0) {
      const start = view.getUint16(outgoing + 6, true)
      const offset = view.getUint16(outgoing + 8, true)
      if (!completeChecksum(memory, ip, length, start, offset))
        return void count(counters, counterIndex.dropped_malformed)
    }
    memory.setVector(0, ip, length)
    memory.setMessage({ name: target.place, firstVector: 0, vectorCount: 1, controlBytes: 0 })
    this.#noteSent(this.#send(), 1)
  }

  #sendMany(target: Target, packet: Parameters<typeof cutPacket>[1]): void {
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
    const atOnce = target.isPlain ? 1 : Math.max(1, Math.min(maxDatagrams, Math.floor(maxDatagram / datagram)))
    for (let first = 0; first < cut.count; first += atOnce) {
      this.#sendSegments(target, first, Math.min(atOnce, cut.count - first), datagram)
    }
  }

  /** Sends some of the prepared segments with one call; one by one when that is refused, and from then on. */
  #sendSegments(target: Target, first: number, segments: number, datagram: number): void {
    const memory = this.#memory
    if (segments > 1) this.#setSegmentSize(datagram)
    const controlBytes = segments > 1 ? 24 : 0
    memory.setMessage({ name: target.place, firstVector: 2 * first, vectorCount: 2 * segments, controlBytes })
    const sent = this.#send()
    if (sent < 0 && segments > 1 && segmentationErrors.has(lastError())) {
      target.isPlain = true
      for (let i = first; i < first + segments; i += 1) this.#sendSegments(target, i, 1, datagram)
      return
    }
    this.#noteSent(sent, segments)
  }

  /** One `struct cmsghdr` with the size of the datagrams. */
  #setSegmentSize(bytes: number): void {
    const { view, control } = this.#memory
    view.setUint32(control, 18, true)
    view.setUint32(control + 4, 0, true)
    view.setUint32(control + 8, linux.SOL_UDP, true)
    view.setUint32(control + 12, linux.UDP_SEGMENT, true)
    view.setUint16(control + 16, bytes, true)
  }

  #send(): number {
    const { base, message } = this.#memory
    const { socketFd } = this.#tunnel
    const sent = fastCalls.sendmsg(socketFd, base + message, 0)
    // A pending "port unreachable" of an earlier datagram is reported once and says nothing of this one.
    return sent < 0 && lastError() === errno.ECONNREFUSED ? fastCalls.sendmsg(socketFd, base + message, 0) : sent
  }

  #noteSent(sent: number, packets: number): void {
    const { counters } = this.#tunnel
    if (sent < 0) return void count(counters, counterIndex.dropped_send_error, packets)
    count(counters, counterIndex.sent_packets, packets)
    count(counters, counterIndex.sent_bytes, sent)
  }

  /** Carries packets from peers to the kernel until none is left or `limit` is reached. */
  fromPeers(peers: PeerTable<Target>, limit: number): void {
    const memory = this.#memory
    const { base, incoming, packetBytes, message, senderAddress, view } = memory
    for (let i = 0; i < limit; i += 1) {
      memory.setVector(0, incoming, packetBytes)
      memory.setMessage({ name: base + senderAddress, firstVector: 0, vectorCount: 1, controlBytes: 64 })
      const size = fastCalls.recvmsg(this.#tunnel.socketFd, base + message, linux.MSG_DONTWAIT)
      if (size < 0 && lastError() === errno.ECONNREFUSED) continue
      if (size < 0) return
      if (peers.knows(view.getUint32(senderAddress + 4))) this.#deliver(size, this.#datagramSize(size))
      else count(this.#tunnel.counters, counterIndex.dropped_unknown_sender)
    }
  }

  /** The size of the datagrams that were received as one; all of it when it is one. */
  #datagramSize(size: number): number {
    const { view, control } = this.#memory
    const has = this.#memory.receivedControlBytes() >= 20
    const isGro =
      has && view.getUint32(control + 8, true) === linux.SOL_UDP && view.getUint32(control + 12, true) === linux.UDP_GRO
    const bytes = isGro ? view.getUint32(control + 16, true) : 0
    return bytes > 0 && bytes < size ? bytes : size
  }

  /** Walks over what was received, and hands runs of segments that belong together to the kernel as one packet. */
  #deliver(size: number, datagram: number): void {
    const memory = this.#memory
    const { u8, incoming } = memory
    const end = incoming + size
    for (let at = incoming; at < end; ) {
      const length = ipv4Length(u8, at, Math.min(at + datagram, end))
      const headerLength = length === 0 ? 0 : mergeableHeader(memory, at, length)
      const run = headerLength === 0 ? 1 : this.#runLength(at, { headerLength, length, datagram, end })
      if (run > 1) this.#deliverRun(at, run, { headerLength, length, datagram, end })
      else this.#deliverOne(at, length, headerLength > 0)
      at += run * datagram
    }
  }

  /** How many segments from `at` on make one packet. */
  #runLength(first: number, { headerLength, length, datagram, end }: Run): number {
    const memory = this.#memory
    const { u8 } = memory
    const payload = length - headerLength
    let expected = (sequenceOf(u8, first) + payload) >>> 0
    let run = 1
    let isOpen = length === datagram && !isPushed(u8, first)
    for (let at = first + datagram; isOpen && at < end; at += datagram) {
      const next = ipv4Length(u8, at, Math.min(at + datagram, end))
      const isNext =
        next > headerLength &&
        next <= length &&
        isSameFlow(memory, first, at, headerLength) &&
        sequenceOf(u8, at) === expected &&
        mergeableHeader(memory, at, next) === headerLength
      if (!isNext) break
      run += 1
      expected = (expected + next - headerLength) >>> 0
      isOpen = next === length && !isPushed(u8, at)
    }
    return run
  }

  #deliverRun(first: number, run: number, { headerLength, length, datagram, end }: Run): void {
    const memory = this.#memory
    const { u8, view, headers } = memory
    if (!decrementTtl(u8, first)) return void this.#refuse(counterIndex.dropped_ttl, icmp.timeExceeded, first)
    const payload = length - headerLength
    const last = first + (run - 1) * datagram
    const lastPayload = ipv4Length(u8, last, Math.min(last + datagram, end)) - headerLength
    const payloadLength = (run - 1) * payload + lastPayload
    const vnet = headers
    const header = headers + 12
    writeMergedHeader(memory, header, { at: first, headerLength }, { payloadLength, isPushed: isPushed(u8, last) })
    u8[vnet] = needsChecksum
    u8[vnet + 1] = gsoTcp4
    view.setUint16(vnet + 2, headerLength, true)
    view.setUint16(vnet + 4, payload, true)
    view.setUint16(vnet + 6, 20, true)
    view.setUint16(vnet + 8, 16, true)
    memory.setVector(0, vnet, vnetBytes)
    memory.setVector(1, header, headerLength)
    for (let i = 0; i < run; i += 1) {
      memory.setVector(2 + i, first + i * datagram + headerLength, i === run - 1 ? lastPayload : payload)
    }
    this.#write(2 + run, run)
  }

  #deliverOne(at: number, length: number, isVerified: boolean): void {
    const memory = this.#memory
    const { u8, headers } = memory
    if (length === 0) return void count(this.#tunnel.counters, counterIndex.dropped_malformed)
    if (!decrementTtl(u8, at)) return void this.#refuse(counterIndex.dropped_ttl, icmp.timeExceeded, at)
    u8.fill(0, headers, headers + vnetBytes)
    u8[headers] = isVerified ? dataValid : 0
    memory.setVector(0, headers, vnetBytes)
    memory.setVector(1, at, length)
    this.#write(2, 1)
  }

  #write(vectors: number, packets: number): void {
    const { base, vectors: offset } = this.#memory
    const { tunFd, counters } = this.#tunnel
    const written = fastCalls.writev(tunFd, base + offset, vectors)
    if (written < 0) return void count(counters, counterIndex.dropped_write_error, packets)
    count(counters, counterIndex.received_packets, packets)
    count(counters, counterIndex.received_bytes, written - vnetBytes)
  }

  /** Counts a dropped packet and tells its sender why, where that is allowed. */
  #refuse(counter: number, message: { readonly type: number; readonly code: number }, at: number): void {
    const { tunFd, tunAddress, counters } = this.#tunnel
    count(counters, counter)
    const answer = icmpError(message, this.#memory.u8, at, tunAddress)
    if (answer === undefined) return
    const bytes = Buffer.concat([new Uint8Array(vnetBytes), answer])
    if (libc.write(tunFd, bytes, bytes.length) > 0) count(counters, counterIndex.icmp_sent)
  }
}

type Run = { readonly headerLength: number; readonly length: number; readonly datagram: number; readonly end: number }
