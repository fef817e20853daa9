/**
 * Packets travel in UDP datagrams, each a bare IP packet, between flanneld and
 * flanneld: works wherever UDP does. Wire and device names are upstream's.
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { parseIpv4 } from '../../ipv4.ts'
import type { Lease } from '../../subnet/lease.ts'
import type { Backend, BackendOptions } from '../backend.ts'
import { libc, linux, must, socketAddress } from './libc.ts'
import { createCounterMemory, createPeerMemory, type Peer, readCounters, writePeers } from './shared.ts'
import { configureTun, openTun, type Tun, tunName } from './tun.ts'
import type { TunnelInput } from './tunnel.worker.ts'

/** Outer IPv4 and UDP headers. */
const overhead = 28

/** Room for bursts on both sides; the kernel's default of 212 KB loses packets at speed. */
const socketBufferBytes = 4 << 20

/** The udp backend. */
export function createUdpBackend(options: BackendOptions & { readonly port: number }): Backend {
  const mtu = options.external.mtu - overhead
  return {
    mtu,
    attributes: async () => ({ publicIp: options.publicIp, backendType: 'udp' }),
    start: async (own, signal) => {
      const tun = openTun(tunName, 'none')
      const { network } = options.config
      await configureTun(tunName, { network, subnet: own.subnet, mtu }, signal)
      const socketFd = openSocket(options.external.address, options.port)
      return { run: async (leases, runSignal) => await run(options, { tun, socketFd, own }, leases, runSignal) }
    },
  }
}

function openSocket(address: string, port: number): number {
  const { AF_INET, SOCK_DGRAM, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET } = linux
  const fd = must('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0))
  for (const name of [linux.SO_RCVBUFFORCE, linux.SO_SNDBUFFORCE]) {
    const value = Buffer.alloc(4)
    value.writeInt32LE(socketBufferBytes)
    libc.setsockopt(fd, SOL_SOCKET, name, value, 4)
  }
  must(`bind ${address}:${port}`, libc.bind(fd, socketAddress(parseIpv4(address) ?? 0, port), 16))
  return fd
}

type Ends = { readonly tun: Tun; readonly socketFd: number; readonly own: Lease }

async function run(
  { logger, port }: BackendOptions & { readonly port: number },
  { tun, socketFd, own }: Ends,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  const wakeFd = must('eventfd', libc.eventfd(0, linux.EFD_NONBLOCK | linux.EFD_CLOEXEC))
  const input: TunnelInput = {
    tunFd: tun.fd,
    socketFd,
    wakeFd,
    tunAddress: own.subnet.address,
    port,
    peers: createPeerMemory(),
    counters: createCounterMemory(),
    stop: new SharedArrayBuffer(4),
  }
  const worker = new Worker(workerFile(), { workerData: input })
  const ended = endOf(worker)
  const wake = (): void => void libc.write(wakeFd, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]), 8)
  const stopWorker = (): void => {
    Atomics.store(new Int32Array(input.stop), 0, 1)
    wake()
  }
  signal.addEventListener('abort', stopWorker, { once: true })
  if (signal.aborted) stopWorker()
  const follow = async (): Promise<void> => {
    for await (const current of leases) {
      const peers = peersOf(current)
      writePeers(input.peers, peers)
      wake()
      logger.info('Changed peers', { peers: peers.length })
    }
  }
  try {
    await Promise.race([ended, Promise.all([follow(), ended])])
  } finally {
    stopWorker()
    await ended.catch(() => undefined)
    logger.info('Stopped the tunnel', readCounters(input.counters))
    for (const fd of [tun.fd, socketFd, wakeFd]) libc.close(fd)
  }
}

/** Resolves when the worker has stopped, rejects when it failed. */
async function endOf(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
}

/** Hosts that use this backend and say where they are. */
export function peersOf(leases: readonly Lease[]): readonly Peer[] {
  return leases.flatMap(({ subnet, publicIp, backendType }) => {
    const address = parseIpv4(publicIp)
    return backendType === 'udp' && address !== undefined ? [{ subnet, address }] : []
  })
}

/** Beside the bundle when it is built; Node 20 cannot start a worker from TypeScript. */
function workerFile(): URL {
  const built = new URL('./tunnel.worker.mjs', import.meta.url)
  if (!existsSync(fileURLToPath(built))) throw new Error(`${fileURLToPath(built)} is missing: build the project first`)
  return built
}
