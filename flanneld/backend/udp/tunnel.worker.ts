/**
 * The thread that carries packets. It waits in poll() for three files: the TUN
 * device, the UDP socket, and an eventfd by which the main thread says "look up":
 * peers have changed, or it is time to stop.
 */

import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../../component-base/clock.ts'
import { addressOf, lastErrno, SystemError } from '../../../component-base/libc.ts'
import { Incoming } from './incoming.ts'
import { errno, fastCalls, libc, socketAddress } from './libc.ts'
import { PeerTable } from './lookup.ts'
import { TunnelMemory } from './memory.ts'
import { Outgoing } from './outgoing.ts'
import { type Peer, peerVersion, readPeers } from './shared.ts'
import type { Offloads } from './tun.ts'
import { AnswerBudget, type Target, vnetHeaderBytes } from './tunnel.ts'
import { warmUp } from './warm-up.ts'

/** What the main thread passes. */
export type TunnelInput = {
  readonly tunFd: number
  readonly socketFd: number
  readonly wakeFd: number
  readonly tunAddress: number
  readonly port: number
  readonly offloads: Offloads
  /** Whether one send may carry many datagrams. */
  readonly sendsMany: boolean
  readonly peers: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  /** One cell; 1 asks the worker to stop. */
  readonly stop: SharedArrayBuffer
}

/** Reads of one direction before the other has its turn; each may bring 64 KiB. */
const burst = 64

function runTunnel(input: TunnelInput): void {
  const { tunFd, socketFd, wakeFd, offloads } = input
  const stop = new Int32Array(input.stop)
  const peerCells = new Int32Array(input.peers)
  const tunnel = {
    tunFd,
    socketFd,
    tunAddress: input.tunAddress,
    counters: new Float64Array(input.counters),
    headroom: offloads === 'none' ? 0 : vnetHeaderBytes,
    mergesUdp: offloads === 'tcp+udp',
    sendsMany: input.sendsMany,
    answers: new AnswerBudget(),
    now: systemClock.now,
  }
  const memory = new TunnelMemory()
  warmUp(tunnel, memory)
  preferThisThread()
  const outgoing = new Outgoing(tunnel, memory)
  const incoming = new Incoming(tunnel, memory)
  const wakeCount = Buffer.alloc(8)
  for (const [index, fd] of [tunFd, socketFd, wakeFd].entries()) memory.setPolled(index, fd)
  const polled = memory.base + memory.polled
  let version = -1
  let peers = new PeerTable<Target>([], (peer) => targetOf(peer, input.port))
  while (Atomics.load(stop, 0) === 0) {
    if (fastCalls.poll(polled, 3, -1) < 0 && lastErrno() !== errno.EINTR) throw new SystemError('poll')
    if (memory.isReady(2)) libc.read(wakeFd, wakeCount, 8)
    if (peerVersion(peerCells) !== version) {
      const current = readPeers(peerCells)
      if (current !== undefined) {
        version = peerVersion(peerCells)
        peers = new PeerTable(current, (peer) => targetOf(peer, input.port))
      }
    }
    if (memory.isReady(1)) incoming.pump(peers, burst)
    if (memory.isReady(0)) outgoing.pump(peers, burst)
  }
}

/**
 * Where the kernel forwards packets it does so before any process runs. This thread stands in for it, so among busy processes it gets
 * a little more than its share (`renice -n -5`); with much more it would interrupt a sender at each packet, and meet one packet a
 * turn. Without the right to that (CAP_SYS_NICE) it goes on as it is.
 */
function preferThisThread(): void {
  try {
    // 0 is the calling thread, not the process.
    setPriority(0, preferredPriority)
  } catch {
    // Said above.
  }
}

const preferredPriority = -5

function targetOf({ address }: Peer, port: number): Target {
  const bytes = socketAddress(address, port)
  return { socketAddress: bytes, place: Number(addressOf(bytes)), isPlain: false }
}

// The main thread made this object from the same type.
runTunnel(workerData as TunnelInput)
parentPort?.close()
