/**
 * The plain way through the tunnel, one packet a call: what every kernel can do, and
 * what the fast way is measured and tested against.
 *
 *   kernel ──read──▶ flannel0 ─▶ peer of the destination ──sendto──▶ UDP 8285 of that host
 *   kernel ◀─write── flannel0 ◀─ known sender? ◀──recvfrom── UDP 8285
 */
import { errno, lastError, libc, linux, socketAddress } from './libc.ts'
import type { PeerTable } from './lookup.ts'
import { decrementTtl, destinationOf, icmp, icmpError, ipv4Length } from './packet.ts'
import { counterIndex } from './shared.ts'

/** What a way through the tunnel works on. */
export type Tunnel = {
  readonly tunFd: number
  readonly socketFd: number
  /** This host's own address in the network; ICMP errors come from it. */
  readonly tunAddress: number
  readonly counters: Float64Array
}

/** A peer as the sender needs it: its address as a structure and where that lies, and whether segmented sends to it are refused. */
export type Target = { readonly socketAddress: Uint8Array; readonly place: number; isPlain: boolean }

/** Moves packets of one direction until none is left or `limit` is reached. */
export type Pump = (peers: PeerTable<Target>, limit: number) => void

/** An IPv4 packet has no more bytes than this. */
const maxPacket = 65_535

/** Both directions, one packet a call. */
export function createSinglePumps(tunnel: Tunnel): { readonly toPeers: Pump; readonly fromPeers: Pump } {
  const { tunFd, socketFd, counters } = tunnel
  const outgoing = Buffer.alloc(maxPacket)
  const incoming = Buffer.alloc(maxPacket)
  const sender = Buffer.from(socketAddress(0, 0))
  const senderSize = Buffer.alloc(4)

  const toPeers: Pump = (peers, limit) => {
    for (let i = 0; i < limit; i += 1) {
      const size = libc.read(tunFd, outgoing, maxPacket)
      if (size <= 0) return
      count(counters, forward(peers, size))
    }
  }

  /** Sends on what was read and returns what to count it as. */
  const forward = (peers: PeerTable<Target>, size: number): number => {
    const length = ipv4Length(outgoing, 0, size)
    if (length === 0) return counterIndex.dropped_malformed
    const target = peers.find(destinationOf(outgoing, 0))
    if (target === undefined) return refuse(tunnel, counterIndex.dropped_no_route, icmp.netUnreachable, outgoing)
    if (!decrementTtl(outgoing, 0)) return refuse(tunnel, counterIndex.dropped_ttl, icmp.timeExceeded, outgoing)
    const sent = libc.sendto(socketFd, outgoing, length, linux.MSG_DONTWAIT, target.socketAddress, 16)
    if (sent < 0) return counterIndex.dropped_send_error
    count(counters, counterIndex.sent_bytes, length)
    return counterIndex.sent_packets
  }

  const fromPeers: Pump = (peers, limit) => {
    for (let i = 0; i < limit; i += 1) {
      senderSize.writeUInt32LE(16)
      const size = libc.recvfrom(socketFd, incoming, maxPacket, linux.MSG_DONTWAIT, sender, senderSize)
      if (size < 0) {
        // A peer that answered "port unreachable" to an earlier packet is no reason to stop.
        if (lastError() === errno.ECONNREFUSED) continue
        return
      }
      count(counters, deliver(peers, size))
    }
  }

  /** Hands the kernel what has come and returns what to count it as. */
  const deliver = (peers: PeerTable<Target>, size: number): number => {
    if (!peers.knows(sender.readUInt32BE(4))) return counterIndex.dropped_unknown_sender
    const length = ipv4Length(incoming, 0, size)
    if (length === 0) return counterIndex.dropped_malformed
    if (!decrementTtl(incoming, 0)) return refuse(tunnel, counterIndex.dropped_ttl, icmp.timeExceeded, incoming)
    if (libc.write(tunFd, incoming, length) < 0) return counterIndex.dropped_write_error
    count(counters, counterIndex.received_bytes, length)
    return counterIndex.received_packets
  }

  return { toPeers, fromPeers }
}

/** Adds to a counter. */
export function count(counters: Float64Array, index: number, by = 1): void {
  counters[index] = (counters[index] ?? 0) + by
}

/** Tells the sender of a dropped packet why, where that is allowed; the answer goes the kernel's way. Returns `counter`. */
export function refuse(
  { tunFd, tunAddress, counters }: Tunnel,
  counter: number,
  message: { readonly type: number; readonly code: number },
  packet: Uint8Array,
): number {
  const answer = icmpError(message, packet, 0, tunAddress)
  if (answer !== undefined && libc.write(tunFd, answer, answer.length) > 0) count(counters, counterIndex.icmp_sent)
  return counter
}
