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
import {
  type Counters,
  counterNames,
  createCounterMemory,
  createPeerMemory,
  type Peer,
  readCounters,
  renderCounters,
  writePeers,
} from './shared.ts'
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
    // As upstream, whose hosts of this backend name no type.
    attributes: async () => ({ backendType: '', ipv4: { publicIp: options.external.publicIps.ipv4 ?? '' } }),
    start: async (own, signal) => {
      const network = options.config.networks.ipv4
      const address = options.external.addresses.ipv4
      if (network === undefined || address === undefined || own.ipv4 === undefined) {
        throw new ConfigError('the udp backend carries IPv4 only')
      }
      const tun = openBestTun(options)
      const subnet = ipv4Subnet(own.ipv4.subnet)
      await configureTun(tunName, { network: ipv4Subnet(network), subnet, mtu }, signal)
      const socket = openSocket(address, options.port, options.wantsOffloads)
      options.logger.info('Opened the tunnel', { device: tunName, mtu, ...describe(tun, socket) })
      const ends = { tun, socket, tunAddress: subnet.address, counters: createCounterMemory() }
      return {
        run: async (leases, runSignal) => await run(options, ends, leases, runSignal),
        metrics: () => renderCounters(readCounters(ends.counters)),
      }
    },
  }
}

/** The device with the offloads that this kernel has. */
function openBestTun({ wantsOffloads, logger }: UdpOptions): Tun {
  // Headers and structures are read and written as little-endian numbers; upstream's udp backend knows amd64 only.
  if (endianness() !== 'LE') throw new ConfigError('the udp backend needs a little-endian machine')
  if (wantsOffloads) {
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

/** The socket and what it was found able to do: cut a send into datagrams, join datagrams in a receive. */
type Socket = { readonly fd: number; readonly sendsMany: boolean; readonly receivesMany: boolean }

/** Sends block, so that bursts wait instead of being lost; receives say themselves that they do not. */
function openSocket(address: string, port: number, wantsOffloads: boolean): Socket {
  const { AF_INET, SOCK_DGRAM, SOCK_CLOEXEC, SOL_SOCKET, SOL_UDP } = linux
  const fd = must('socket', libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  const set = (level: number, name: number, number: number): number => {
    const value = Buffer.alloc(4)
    value.writeInt32LE(number)
    return libc.setsockopt(fd, level, name, value, 4)
  }
  for (const name of [linux.SO_RCVBUFFORCE, linux.SO_SNDBUFFORCE]) set(SOL_SOCKET, name, socketBufferBytes)
  // A path that takes less than our link gets fragments instead of nothing.
  set(linux.IPPROTO_IP, linux.IP_MTU_DISCOVER, linux.IP_PMTUDISC_DONT)
  // Tried, not looked up: segmentation came with Linux 4.18, joining with 5.0. Size 0 cuts nothing.
  const sendsMany = wantsOffloads && set(SOL_UDP, linux.UDP_SEGMENT, 0) === 0
  const receivesMany = wantsOffloads && set(SOL_UDP, linux.UDP_GRO, 1) === 0
  must(`bind ${address}:${port}`, libc.bind(fd, socketAddress(parseIpv4(address) ?? 0, port), 16))
  return { fd, sendsMany, receivesMany }
}

/** What each step of the way was found able to do, for the log. */
function describe({ offloads }: Tun, { sendsMany, receivesMany }: Socket): Readonly<Record<string, string>> {
  return {
    offloads,
    sends: sendsMany ? 'many datagrams a call' : 'one datagram a call',
    receives: receivesMany ? 'many datagrams a call' : 'one datagram a call',
  }
}

type Ends = {
  readonly tun: Tun
  readonly socket: Socket
  readonly tunAddress: number
  readonly counters: SharedArrayBuffer
}

async function run(
  { logger, port, clock }: UdpOptions,
  { tun, socket, tunAddress, counters }: Ends,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  const wakeFd = must('eventfd', libc.eventfd(0, linux.EFD_NONBLOCK | linux.EFD_CLOEXEC))
  const input: TunnelInput = {
    tunFd: tun.fd,
    socketFd: socket.fd,
    wakeFd,
    tunAddress,
    port,
    offloads: tun.offloads,
    sendsMany: socket.sendsMany,
    peers: createPeerMemory(),
    counters,
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
  const watchDrops = async (): Promise<void> => {
    for (let before = readCounters(input.counters); !signal.aborted; ) {
      await clock.sleep(reportPeriodMs, signal).catch(() => undefined)
      const now = readCounters(input.counters)
      const drops = newDrops(before, now)
      if (Object.keys(drops).length > 0) logger.info('Dropped packets', drops)
      before = now
    }
  }
  try {
    await Promise.race([ended, Promise.all([follow(), watchDrops(), ended])])
  } finally {
    stopWorker()
    await ended.catch(() => undefined)
    logger.info('Stopped the tunnel', readCounters(input.counters))
    for (const fd of [tun.fd, socket.fd, wakeFd]) libc.close(fd)
  }
}

/** How often what was dropped meanwhile is told. */
const reportPeriodMs = 60_000

/** The reasons for which packets were dropped between two readings, and how many. */
export function newDrops(before: Counters, now: Counters): Readonly<Record<string, number>> {
  const names = counterNames.filter((name) => name.startsWith('dropped_') && now[name] > before[name])
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]]))
}

/** Resolves when the worker has stopped, rejects when it failed. */
async function endOf(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => resolve())
  })
}

/** Hosts that say where they are. Of what type they are is not asked, as upstream: its hosts of this backend name none. */
export function peersOf(leases: readonly Lease[]): readonly Peer[] {
  return leases.flatMap(({ ipv4 }) => {
    const address = parseIpv4(ipv4?.publicIp ?? '')
    if (ipv4 === undefined || address === undefined) return []
    return [{ subnet: ipv4Subnet(ipv4.subnet), address }]
  })
}

/** Beside the bundle when it is built; Node 20 cannot start a worker from TypeScript. */
function workerFile(): URL {
  const built = new URL('./tunnel.worker.mjs', import.meta.url)
  if (!existsSync(fileURLToPath(built))) throw new Error(`${fileURLToPath(built)} is missing: build the project first`)
  return built
}
