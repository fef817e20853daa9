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

/** Packets that are joined into one, at most (UDP_MAX_SEGMENTS before Linux 6.9), and the length of what they make. */
const maxRun = 64
const maxPacket = 65_535

/** The way in. */
export class Incoming {
  readonly #tunnel: Tunnel
  readonly #memory: TunnelMemory
  /** Where the next datagrams are received; those before it wait to be joined with them. */
  #place: number
  /** What was received last: where it lies and the size of its datagrams. */
  #start = 0
  #end = 0
  #datagram = 0
  /** Packets that make one: how many there are, where the first and the last lie, and the lengths of these two and of their headers. */
  #run = 0
  #first = 0
  #last = 0
  #length = 0
  #lastLength = 0
  #headerLength = 0
  /** Whether there was more than one receive the last time. What comes alone, as in a dialogue, waits for nothing. */
  #isBusy = false

  constructor(tunnel: Tunnel, memory: TunnelMemory) {
    this.#tunnel = tunnel
    this.#memory = memory
    this.#place = memory.incoming
  }

  /** Carries what comes in one receive after the other until none is left or `limit` is reached; says how many. */
  pump(peers: PeerTable<Target>, limit: number): number {
    const memory = this.#memory
    const { base, packetBytes, message, senderAddress, view } = memory
    let received = 0
    for (; received < limit; received += 1) {
      memory.setVector(0, this.#place, packetBytes)
      memory.setMessage(base + senderAddress, 0, 1, 64)
      const size = fastCalls.recvmsg(this.#tunnel.socketFd, base + message, linux.MSG_DONTWAIT)
      // A peer that answered "port unreachable" to an earlier packet is no reason to stop.
      if (size < 0 && lastErrno() === errno.ECONNREFUSED) continue
      if (size < 0) break
      const datagram = memory.receivedSegmentSize()
      this.#datagram = datagram > 0 && datagram < size ? datagram : size
      this.#start = this.#place
      this.#end = this.#start + size
      if (peers.knows(view.getUint32(senderAddress + 4))) this.#deliver()
      else count(this.#tunnel.counters, counterIndex.dropped_unknown_sender, this.#datagrams(size))
    }
    this.#finishRun()
    this.#isBusy = received > 1
    return received
  }

  #datagrams(size: number): number {
    return size === 0 ? 1 : Math.ceil(size / this.#datagram)
  }

  #deliver(): void {
    const { u8 } = this.#memory
    const start = this.#start
    const end = this.#end
    if (end === start) return void count(this.#tunnel.counters, counterIndex.dropped_malformed)
    // The usual case of little traffic: nothing to join, and the kernel sees to the checksum itself.
    if (!this.#isBusy && start + this.#datagram === end) {
      return void this.#deliverOne(start, ipv4Length(u8, start, end), false)
    }
    for (let at = start; at < end; at += this.#datagram) {
      this.#take(at, ipv4Length(u8, at, Math.min(at + this.#datagram, end)))
    }
    if (this.#run === 0) return
    const place = this.#placeBehind(end)
    if (!this.#isBusy || this.#isComplete() || place === undefined) this.#finishRun()
    else this.#place = place
  }

  /** Where the next receive spares the run: behind this one or, at the end of the memory, at its begin; `undefined` if nowhere. */
  #placeBehind(end: number): number | undefined {
    const { incoming, waitingBytes, packetBytes } = this.#memory
    const next = (end + 3) & ~3
    const place = next - incoming > waitingBytes ? incoming : next
    return place <= this.#first && place + packetBytes > this.#first ? undefined : place
  }

  /** Joins a packet to those before it, begins anew with it, or passes it on as it is. */
  #take(at: number, length: number): void {
    const memory = this.#memory
    if (this.#run > 0) {
      if (this.#isNext(at, length)) return void this.#join(at, length)
      this.#finishRun()
    }
    const headerLength = length === 0 || !this.#mayMerge(at) ? 0 : mergeableHeader(memory, at, length)
    if (headerLength === 0) return void this.#deliverOne(at, length, false)
    this.#first = at
    this.#length = length
    this.#headerLength = headerLength
    this.#join(at, length)
  }

  #join(at: number, length: number): void {
    this.#memory.setVector(2 + this.#run, at + this.#headerLength, length - this.#headerLength)
    this.#run += 1
    this.#last = at
    this.#lastLength = length
  }

  #mayMerge(at: number): boolean {
    const { headroom, mergesUdp } = this.#tunnel
    return headroom > 0 && (mergesUdp || this.#memory.u8[at + 9] === tcpProtocol)
  }

  /** Whether the run takes no more: only full packets may be followed by others, and none that asks to be delivered at once. */
  #isComplete(): boolean {
    const isFull = this.#run === maxRun || this.#joinedLength(this.#run + 1, this.#length) > maxPacket
    return isFull || this.#lastLength !== this.#length || endsRun(this.#memory.u8, this.#last)
  }

  /** The length of so many packets, joined, of which the last has `lastLength` bytes. */
  #joinedLength(packets: number, lastLength: number): number {
    return (packets - 1) * (this.#length - this.#headerLength) + lastLength
  }

  #isNext(at: number, length: number): boolean {
    const memory = this.#memory
    const headerLength = this.#headerLength
    return (
      length > headerLength &&
      length <= this.#length &&
      !this.#isComplete() &&
      isSameFlow(memory, this.#first, at, headerLength) &&
      follows(memory.u8, this.#last, at, this.#length - headerLength) &&
      mergeableHeader(memory, at, length) === headerLength
    )
  }

  /** Passes on what was joined. */
  #finishRun(): void {
    const run = this.#run
    this.#run = 0
    this.#place = this.#memory.incoming
    if (run === 1) this.#deliverOne(this.#first, this.#length, true)
    else if (run > 1) this.#deliverRun(run)
  }

  #deliverRun(run: number): void {
    const memory = this.#memory
    const { u8, view, headers } = memory
    const first = this.#first
    const headerLength = this.#headerLength
    if (!decrementTtl(u8, first))
      return void refuse(this.#tunnel, memory, counterIndex.dropped_ttl, icmp.timeExceeded, first)
    const isTcp = u8[first + 9] === tcpProtocol
    const header = headers + 12
    const payload = this.#joinedLength(run, this.#lastLength) - headerLength
    writeMergedHeader(memory, header, first, headerLength, payload, endsRun(u8, this.#last))
    u8[headers] = vnet.needsChecksum
    u8[headers + 1] = isTcp ? vnet.gsoTcp4 : vnet.gsoUdp
    view.setUint16(headers + 2, headerLength, true)
    view.setUint16(headers + 4, this.#length - headerLength, true)
    view.setUint16(headers + 6, 20, true)
    view.setUint16(headers + 8, isTcp ? 16 : 6, true)
    memory.setVector(0, headers, vnetHeaderBytes)
    memory.setVector(1, header, headerLength)
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
