/**
 * The thread that carries packets. It waits in poll() for three files: the TUN
 * device, the UDP socket, and an eventfd by which the main thread says "look up":
 * peers have changed, or it is time to stop.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { FastPumps } from './fast.ts'
import { addressOf, errno, lastError, libc, linux, SystemError, socketAddress } from './libc.ts'
import { PeerTable } from './lookup.ts'
import { type Peer, peerVersion, readPeers } from './shared.ts'
import { createSinglePumps, type Target } from './single.ts'

/** What the main thread passes. */
export type TunnelInput = {
  readonly tunFd: number
  readonly socketFd: number
  readonly wakeFd: number
  readonly tunAddress: number
  readonly port: number
  /** The TUN device speaks in packets with a `virtio_net_hdr`, up to 64 KiB each. */
  readonly hasOffloads: boolean
  readonly peers: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  /** One cell; 1 asks the worker to stop. */
  readonly stop: SharedArrayBuffer
}

/** Packets of one direction before the other has its turn. */
const burst = 64

function runTunnel(input: TunnelInput): void {
  const { tunFd, socketFd, wakeFd } = input
  const stop = new Int32Array(input.stop)
  const counters = new Float64Array(input.counters)
  const tunnel = { tunFd, socketFd, tunAddress: input.tunAddress, counters }
  const pumps = input.hasOffloads ? new FastPumps(tunnel) : createSinglePumps(tunnel)
  const polled = pollTable([tunFd, socketFd, wakeFd])
  const wakeCount = Buffer.alloc(8)
  let version = -1
  let peers = new PeerTable<Target>([], (peer) => targetOf(peer, input.port))
  while (Atomics.load(stop, 0) === 0) {
    if (libc.poll(polled, 3, -1) < 0 && lastError() !== errno.EINTR) throw new SystemError('poll', lastError())
    if (isReady(polled, 2)) libc.read(wakeFd, wakeCount, 8)
    if (peerVersion(input.peers) !== version) {
      const current = readPeers(input.peers)
      if (current !== undefined) {
        version = peerVersion(input.peers)
        peers = new PeerTable(current, (peer) => targetOf(peer, input.port))
      }
    }
    if (isReady(polled, 1)) pumps.fromPeers(peers, burst)
    if (isReady(polled, 0)) pumps.toPeers(peers, burst)
  }
}

function targetOf({ address }: Peer, port: number): Target {
  const bytes = socketAddress(address, port)
  return { socketAddress: bytes, place: Number(addressOf(bytes)), isPlain: false }
}

/** An array of `struct pollfd` that asks for input. */
function pollTable(fds: readonly number[]): Buffer {
  const table = Buffer.alloc(8 * fds.length)
  fds.forEach((fd, index) => {
    table.writeInt32LE(fd, index * 8)
    table.writeInt16LE(linux.POLLIN, index * 8 + 4)
  })
  return table
}

function isReady(table: Buffer, index: number): boolean {
  return table.readInt16LE(index * 8 + 6) !== 0
}

// The main thread made this object from the same type.
runTunnel(workerData as TunnelInput)
parentPort?.close()
