/** Lets the tunnel's code run before there are packets, so that the first of them meet compiled code. */
import { tuneOptimizer } from '../../../component-base/optimizer.ts'
import { Incoming } from './incoming.ts'
import { libc } from './libc.ts'
import { openLoop } from './loop.ts'
import type { TunnelMemory } from './memory.ts'
import { Outgoing } from './outgoing.ts'
import { samplePacket } from './sample-packet.ts'
import { vnet, vnetHeaderBytes } from './tunnel.ts'

/** Enough for the optimizing compiler, and not more than a start may take. */
const rounds = 300
const maxMs = 250
/**
 * With V8's default, code that sees a packet now and then stays in the interpreter for minutes, which doubles a round trip (measured).
 * It stays set: a function that has to be compiled again is then soon compiled again.
 */
const interruptBudget = 2_000

/** Sends sample packets through `memory` until the code is compiled for it. A machine without a loopback goes without. */
export function warmUp(like: Parameters<typeof openLoop>[0], memory: TunnelMemory): void {
  tuneOptimizer({ interruptBudget })
  const loop = openLoop(like)
  try {
    const outgoing = new Outgoing(loop.tunnel, memory)
    const incoming = new Incoming(loop.tunnel, memory)
    const samples = samplesFor(like.headroom, like.mergesUdp)
    const thrownAway = Buffer.alloc(66_000)
    const endMs = like.now() + maxMs
    for (let round = 0; round < rounds && like.now() < endMs; round += 1) {
      for (const sample of samples) {
        for (let i = 0; i < 4; i += 1) libc.write(loop.deviceFd, sample, sample.length)
        outgoing.pump(loop.peers, 64)
        incoming.pump(loop.peers, 64)
        while (libc.read(loop.deviceFd, thrownAway, thrownAway.length) > 0);
      }
    }
  } finally {
    loop.close()
  }
}

/** What the device would bring: small packets, and where it has offloads, streams of TCP and bursts of UDP. */
function samplesFor(headroom: number, mergesUdp: boolean): readonly Uint8Array[] {
  const small = (protocol: 6 | 17): Uint8Array => withHeader(headroom, samplePacket(protocol, 64), {})
  const large = (protocol: 6 | 17): Uint8Array => {
    const gso = protocol === 6 ? vnet.gsoTcp4 : vnet.gsoUdp
    return withHeader(headroom, samplePacket(protocol, 16 * 1_400), { gso, segmentPayload: 1_400 })
  }
  const whole = [small(6), small(17)]
  return headroom === 0 ? whole : [...whole, large(6), ...(mergesUdp ? [large(17)] : [])]
}

/** Puts a `virtio_net_hdr` before a packet where the device has them. */
export function withHeader(
  headroom: number,
  packet: Uint8Array,
  { gso = vnet.gsoNone, segmentPayload = 0, flags = 0 }: { gso?: number; segmentPayload?: number; flags?: number },
): Uint8Array {
  const bytes = new Uint8Array(headroom + packet.length)
  bytes.set(packet, headroom)
  if (headroom < vnetHeaderBytes) return bytes
  bytes[0] = flags
  bytes[1] = gso
  bytes[4] = segmentPayload & 0xff
  bytes[5] = segmentPayload >> 8
  return bytes
}
