/**
 * Packets travel in UDP datagrams, each a bare IP packet, between flanneld and
 * flanneld: works wherever UDP does. Wire and device names are upstream's.
 */
import { existsSync } from 'node:fs'
import { endianness } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { ipv4Subnet, parseIpv4 } from '../../ipv4.ts'
import { ConfigError } from '../../json-fields.ts'
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

/** What the udp backend needs besides. */
export type UdpOptions = BackendOptions & {
  readonly port: number
  /** Whether to let the kernel cut and join packets; without, every packet takes a call of its own. */
  readonly wantsOffloads: boolean
}

/** The udp backend. */
export function createUdpBackend(options: UdpOptions): Backend {
  const mtu = options.external.mtu - overhead
  return {
    mtu,
    attributes: async () => ({ backendType: 'udp', ipv4: { publicIp: options.external.publicIps.ipv4 ?? '' } }),
    start: async (own, signal) => {
      const network = options.config.networks.ipv4
      const address = options.external.addresses.ipv4
      if (network === undefined || address === undefined || own.ipv4 === undefined) {
        throw new ConfigError('the udp backend carries IPv4 only')
      }
      const tun = openBestTun(options)
      const subnet = ipv4Subnet(own.ipv4.subnet)
      await configureTun(tunName, { network: ipv4Subnet(network), subnet, mtu }, signal)
      const socketFd = openSocket(address, options.port, tun.offloads !== 'none')
      options.logger.info('Opened the tunnel', { device: tunName, offloads: tun.offloads, mtu })
      const ends = { tun, socketFd, tunAddress: subnet.address }
      return { run: async (leases, runSignal) => await run(options, ends, leases, runSignal) }
    },
  }
}

/** The device with the offloads that this kernel has. Headers are read as little-endian numbers, so other machines go without. */
function openBestTun({ wantsOffloads, logger }: UdpOptions): Tun {
  if (wantsOffloads && endianness() === 'LE') {
    try {
      const tun = openTun(tunName, 'tcp+udp')
      if (tun.offloads !== 'none') return tun
      libc.close(tun.fd)
    } catch (error) {
      logger.info('The kernel has no offloads for TUN devices', { error })
    }
  }
  return openTun(tunName, 'none')
}

/** Sends block, so that bursts wait instead of being lost; receives say themselves that they do not. */
function openSocket(address: string, port: number, hasOffloads: boolean): number {
  const { AF_INET, SOCK_DGRAM, SOCK_CLOEXEC, SOL_SOCKET } = linux
  const fd = must('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  const set = (level: number, name: number, number: number): number => {
    const value = Buffer.alloc(4)
    value.writeInt32LE(number)
    return libc.setsockopt(fd, level, name, value, 4)
  }
  for (const name of [linux.SO_RCVBUFFORCE, linux.SO_SNDBUFFORCE]) set(SOL_SOCKET, name, socketBufferBytes)
  // A path that takes less than our link gets fragments instead of nothing.
  set(linux.IPPROTO_IP, linux.IP_MTU_DISCOVER, linux.IP_PMTUDISC_DONT)
  // A kernel that does not know this gives datagrams one by one, which is understood as well.
  if (hasOffloads) set(linux.SOL_UDP, linux.UDP_GRO, 1)
  must(`bind ${address}:${port}`, libc.bind(fd, socketAddress(parseIpv4(address) ?? 0, port), 16))
  return fd
}

type Ends = { readonly tun: Tun; readonly socketFd: number; readonly tunAddress: number }

async function run(
  { logger, port }: UdpOptions,
  { tun, socketFd, tunAddress }: Ends,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  const wakeFd = must('eventfd', libc.eventfd(0, linux.EFD_NONBLOCK | linux.EFD_CLOEXEC))
  const input: TunnelInput = {
    tunFd: tun.fd,
    socketFd,
    wakeFd,
    tunAddress,
    port,
    hasOffloads: tun.offloads !== 'none',
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
  return leases.flatMap(({ backendType, ipv4 }) => {
    const address = parseIpv4(ipv4?.publicIp ?? '')
    if (backendType !== 'udp' || ipv4 === undefined || address === undefined) return []
    return [{ subnet: ipv4Subnet(ipv4.subnet), address }]
  })
}

/** Beside the bundle when it is built; Node 20 cannot start a worker from TypeScript. */
function workerFile(): URL {
  const built = new URL('./tunnel.worker.mjs', import.meta.url)
  if (!existsSync(fileURLToPath(built))) throw new Error(`${fileURLToPath(built)} is missing: build the project first`)
  return built
}
