/** What both directions of the tunnel share: its two ends, what it counts, and how it tells senders of dropped packets. */
import { fastCalls } from './libc.ts'
import type { TunnelMemory } from './memory.ts'
import { type IcmpMessage, isIpv6, writeIcmpError } from './packet.ts'
import { counterIndex } from './shared.ts'

/** Bytes of `struct virtio_net_hdr`: flags, kind of segmentation, header length, segment size, checksum start and offset. */
export const vnetHeaderBytes = 10

/** Values in it. Source: linux/virtio_net.h. */
export const vnet = { needsChecksum: 1, dataValid: 2, gsoNone: 0, gsoTcp4: 1, gsoUdp: 5, gsoEcn: 0x80 } as const

/** The ends of a tunnel and what this kernel lets it do with them. */
export type Tunnel = {
  readonly tunFd: number
  readonly socketFd: number
  /** This host's own address in the network; ICMP errors come from it. */
  readonly tunAddress: number
  readonly counters: Float64Array
  /** Bytes before each packet of the device: `vnetHeaderBytes`, or 0 where it knows no offloads. */
  readonly headroom: number
  /** Whether datagrams of UDP may be handed to the device as one packet. */
  readonly mergesUdp: boolean
  /** Whether one send may carry many datagrams (UDP_SEGMENT). */
  readonly sendsMany: boolean
  readonly answers: AnswerBudget
  readonly now: () => number
}

/** A peer as the sender needs it: its address as a structure and where that lies, and whether segmented sends to it are refused. */
export type Target = { readonly socketAddress: Uint8Array; readonly place: number; isPlain: boolean }

/** Adds to a counter. */
export function count(counters: Float64Array, index: number, by = 1): void {
  counters[index] = (counters[index] ?? 0) + by
}

/** ICMP errors in a second, and at once after a while without any: the kernel's own limits (icmp_msgs_per_sec, icmp_msgs_burst). */
const answersPerSecond = 1_000
const answersAtOnce = 50

/** How many ICMP errors may still be sent; a flood to nowhere is not answered by a flood. */
export class AnswerBudget {
  #left = answersAtOnce
  #atMs = 0

  /** Takes one; false when there is none left. */
  take(nowMs: number): boolean {
    this.#left = Math.min(answersAtOnce, this.#left + ((nowMs - this.#atMs) * answersPerSecond) / 1_000)
    this.#atMs = nowMs
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}

/** Counts a dropped packet and tells its sender why, where that is allowed; the answer goes the kernel's way. */
export function refuse(
  { tunFd, tunAddress, counters, headroom, answers, now }: Tunnel,
  memory: TunnelMemory,
  counter: number,
  message: IcmpMessage,
  at: number,
): void {
  count(counters, counter)
  const { u8, base, answer } = memory
  const length = writeIcmpError(message, u8, { at, from: tunAddress, to: answer + headroom })
  if (length === 0) return
  if (!answers.take(now())) return void count(counters, counterIndex.icmp_suppressed)
  u8.fill(0, answer, answer + headroom)
  if (fastCalls.write(tunFd, base + answer, headroom + length) > 0) count(counters, counterIndex.icmp_sent)
}

/** As what bytes that are no IPv4 packet are counted. */
export function unusable(bytes: Uint8Array, at: number, end: number): number {
  return isIpv6(bytes, at, end) ? counterIndex.dropped_ipv6 : counterIndex.dropped_malformed
}
