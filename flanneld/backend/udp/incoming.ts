/**
 * From the peers to the kernel. One recvmsg brings many datagrams (UDP_GRO); runs of them that belong together go to the device as
 * one packet again, uncut and with its checksum left open, as a network card that joins segments would hand it up.
 */
import { lastErrno } from '../../../component-base/libc.ts'
import { errno, fastCalls, linux } from './libc.ts'
import type { PeerTable } from './lookup.ts'
import type { TunnelMemory } from './memory.ts'
import { endsRun, follows, isSameFlow, mergeableHeader, tcpProtocol, writeMergedHeader } from './merge.ts'
import { decrementTtl, icmp, ipv4Length } from './packet.ts'
import { counterIndex } from './shared.ts'
import { count, refuse, type Target, type Tunnel, unusable, vnet, vnetHeaderBytes } from './tunnel.ts'

/** The way in. */
export class Incoming {
  readonly #tunnel: Tunnel
  readonly #memory: TunnelMemory
  /** Where what was received ends, and the size of its datagrams. */
  #end = 0
  #datagram = 0

  constructor(tunnel: Tunnel, memory: TunnelMemory) {
    this.#tunnel = tunnel
    this.#memory = memory
  }

  /** Carries what comes in one receive after the other until none is left or `limit` is reached; says how many. */
  pump(peers: PeerTable<Target>, limit: number): number {
    const memory = this.#memory
    const { base, incoming, packetBytes, message, senderAddress, view } = memory
    let received = 0
    for (; received < limit; received += 1) {
      memory.setVector(0, incoming, packetBytes)
      memory.setMessage(base + senderAddress, 0, 1, 64)
      const size = fastCalls.recvmsg(this.#tunnel.socketFd, base + message, linux.MSG_DONTWAIT)
      // A peer that answered "port unreachable" to an earlier packet is no reason to stop.
      if (size < 0 && lastErrno() === errno.ECONNREFUSED) continue
      if (size < 0) break
      const datagram = memory.receivedSegmentSize()
      this.#datagram = datagram > 0 && datagram < size ? datagram : size
      this.#end = incoming + size
      if (peers.knows(view.getUint32(senderAddress + 4))) this.#deliver()
      else count(this.#tunnel.counters, counterIndex.dropped_unknown_sender, this.#datagrams(size))
    }
    return received
  }

  #datagrams(size: number): number {
    return size === 0 ? 1 : Math.ceil(size / this.#datagram)
  }

  #deliver(): void {
    const memory = this.#memory
    const { u8, incoming } = memory
    const end = this.#end
    if (end === incoming) return void count(this.#tunnel.counters, counterIndex.dropped_malformed)
    // The usual case of little traffic: nothing to join, and the kernel sees to the checksum itself.
    if (incoming + this.#datagram === end) return void this.#deliverOne(incoming, ipv4Length(u8, incoming, end), false)
    for (let at = incoming; at < end; ) {
      const length = ipv4Length(u8, at, Math.min(at + this.#datagram, end))
      const headerLength = length === 0 || !this.#mayMerge(at) ? 0 : mergeableHeader(memory, at, length)
      const run = headerLength === 0 ? 1 : this.#runLength(at, length, headerLength)
      if (run > 1) this.#deliverRun(at, run, length, headerLength)
      else this.#deliverOne(at, length, headerLength > 0)
      at += run * this.#datagram
    }
  }

  #mayMerge(at: number): boolean {
    const { headroom, mergesUdp } = this.#tunnel
    return headroom > 0 && (mergesUdp || this.#memory.u8[at + 9] === tcpProtocol)
  }

  /** How many datagrams from `first` on make one packet. */
  #runLength(first: number, length: number, headerLength: number): number {
    const memory = this.#memory
    const { u8 } = memory
    const datagram = this.#datagram
    const end = this.#end
    let run = 1
    let previousLength = length
    for (let at = first + datagram; at < end; at += datagram) {
      // Only full segments may be followed by others, and none that asks to be delivered at once.
      if (previousLength !== length || length !== datagram || endsRun(u8, at - datagram)) break
      const next = ipv4Length(u8, at, Math.min(at + datagram, end))
      const isNext =
        next > headerLength &&
        next <= length &&
        isSameFlow(memory, first, at, headerLength) &&
        follows(u8, at - datagram, at, length - headerLength) &&
        mergeableHeader(memory, at, next) === headerLength
      if (!isNext) break
      run += 1
      previousLength = next
    }
    return run
  }

  #deliverRun(first: number, run: number, length: number, headerLength: number): void {
    const memory = this.#memory
    const { u8, view, headers } = memory
    const datagram = this.#datagram
    if (!decrementTtl(u8, first))
      return void refuse(this.#tunnel, memory, counterIndex.dropped_ttl, icmp.timeExceeded, first)
    const isTcp = u8[first + 9] === tcpProtocol
    const payload = length - headerLength
    const last = first + (run - 1) * datagram
    const lastPayload = ipv4Length(u8, last, Math.min(last + datagram, this.#end)) - headerLength
    const header = headers + 12
    writeMergedHeader(memory, header, first, headerLength, (run - 1) * payload + lastPayload, endsRun(u8, last))
    u8[headers] = vnet.needsChecksum
    u8[headers + 1] = isTcp ? vnet.gsoTcp4 : vnet.gsoUdp
    view.setUint16(headers + 2, headerLength, true)
    view.setUint16(headers + 4, payload, true)
    view.setUint16(headers + 6, 20, true)
    view.setUint16(headers + 8, isTcp ? 16 : 6, true)
    memory.setVector(0, headers, vnetHeaderBytes)
    memory.setVector(1, header, headerLength)
    for (let i = 0; i < run; i += 1) {
      memory.setVector(2 + i, first + i * datagram + headerLength, i === run - 1 ? lastPayload : payload)
    }
    this.#write(0, 2 + run, run)
  }

  #deliverOne(at: number, length: number, isVerified: boolean): void {
    const memory = this.#memory
    const { u8, u16, headers } = memory
    const { counters, headroom } = this.#tunnel
    if (length === 0) return void count(counters, unusable(u8, at, this.#end))
    if (!decrementTtl(u8, at)) return void refuse(this.#tunnel, memory, counterIndex.dropped_ttl, icmp.timeExceeded, at)
    memory.setVector(1, at, length)
    if (headroom === 0) return void this.#write(1, 1, 1)
    for (let i = headers >> 1; i < (headers + vnetHeaderBytes) >> 1; i += 1) u16[i] = 0
    u8[headers] = isVerified ? vnet.dataValid : 0
    memory.setVector(0, headers, vnetHeaderBytes)
    this.#write(0, 2, 1)
  }

  #write(firstVector: number, vectors: number, packets: number): void {
    const { base, vectors: offset } = this.#memory
    const { tunFd, counters, headroom } = this.#tunnel
    const written = fastCalls.writev(tunFd, base + offset + 16 * firstVector, vectors)
    if (written < 0) return void count(counters, counterIndex.dropped_write_error, packets)
    count(counters, counterIndex.received_packets, packets)
    count(counters, counterIndex.received_bytes, written - headroom)
  }
}
