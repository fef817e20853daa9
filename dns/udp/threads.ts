/**
 * A UDP socket with threads of its own. They answer what is kept ready; the rest comes to the main thread:
 *
 *   recvmmsg ─▶ thread: kept? ─▶ sendmmsg
 *                  │ no ─▶ main: resolver ─▶ sendto, and the answer goes to every thread if it may be kept
 */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Logger } from '../../component-base/logger.ts'
import { aborted } from '../../component-base/run.ts'
import {
  decodeSocketAddress,
  encodeSocketAddress,
  socketAddressBytes,
  socketAddressSize,
} from '../../component-base/socket-address.ts'
import { allOrders, type Resolver } from '../resolver.ts'
import {
  cells as cell,
  cellCount,
  maxKinds,
  type PostedAnswer,
  type PostedQueries,
  type ThreadInput,
} from './shared.ts'

type Libc = typeof import('./libc.ts')

/** A socket that is bound. */
export type ThreadedSocket = { readonly port: number; readonly serve: (signal: AbortSignal) => Promise<void> }

/** What it needs. */
export type ThreadedOptions = {
  readonly address: string
  readonly port: number
  readonly threads: number
  readonly resolver: Resolver
  readonly logger: Logger
  /** The threads' program; the bundle beside this one when absent. */
  readonly workerFile?: string
}

/** How often a thread looks up where nobody asks, in milliseconds. */
const lookUpMs = 100
/** Room for bursts; the system may grant less. */
const bufferBytes = 1 << 20

/** Binds the socket; `undefined` where the system, koffi or the threads' file is missing: then Node's own sockets do it. */
export async function openThreaded(options: ThreadedOptions): Promise<ThreadedSocket | undefined> {
  const worker = options.workerFile ?? workerFile()
  if (process.platform !== 'linux' || options.threads <= 0 || worker === undefined) return undefined
  let system: Libc
  try {
    system = await import('./libc.ts')
  } catch (error) {
    options.logger.debug('No koffi: UDP is served one datagram at a time', { error })
    return undefined
  }
  const fd = bindSocket(system, options)
  return {
    port: portOf(system, fd),
    serve: async (signal) => await new Threads(system, fd, worker, options).run(signal),
  }
}

/** The bundle beside this program's; there is none where TypeScript runs as it is. */
function workerFile(): string | undefined {
  const file = fileURLToPath(new URL('./packets.worker.mjs', import.meta.url))
  return existsSync(file) ? file : undefined
}

function bindSocket({ libc, linux, lastErrorName }: Libc, { address, port }: ThreadedOptions): number {
  const name = encodeSocketAddress(address, port)
  const must = (call: string, result: number): number => {
    if (result >= 0) return result
    const code = lastErrorName()
    throw Object.assign(new Error(`${call} ${code} ${address}:${port}`), { code })
  }
  const fd = must('socket', libc.socket(name.readUInt16LE(0), linux.SOCK_DGRAM | linux.SOCK_CLOEXEC, 0))
  const size = Buffer.alloc(4)
  size.writeUInt32LE(bufferBytes)
  const limit = Buffer.alloc(16)
  limit.writeBigInt64LE(BigInt(lookUpMs) * 1000n, 8)
  try {
    libc.setsockopt(fd, linux.SOL_SOCKET, linux.SO_RCVBUF, size, 4)
    libc.setsockopt(fd, linux.SOL_SOCKET, linux.SO_SNDBUF, size, 4)
    must('setsockopt', libc.setsockopt(fd, linux.SOL_SOCKET, linux.SO_RCVTIMEO, limit, 16))
    must('bind', libc.bind(fd, name, name.length))
  } catch (error) {
    libc.close(fd)
    throw error
  }
  return fd
}

function portOf({ libc }: Libc, fd: number): number {
  const name = Buffer.alloc(socketAddressBytes)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(socketAddressBytes)
  libc.getsockname(fd, name, size)
  return name.readUInt16BE(2)
}

class Threads {
  readonly #system: Libc
  readonly #fd: number
  readonly #workerFile: string
  readonly #options: ThreadedOptions
  readonly #cells = new Int32Array(new SharedArrayBuffer(cellCount * 4))
  readonly #ports: MessagePort[] = []
  readonly #counts: Float64Array[] = []
  /** Keys that the threads have, since the generation that is beside them. */
  readonly #posted = new Set<string>()
  #postedGeneration = -1
  /** Numbers of the kinds of answers. */
  readonly #kinds = new Map<string, number>()

  constructor(system: Libc, fd: number, file: string, options: ThreadedOptions) {
    this.#system = system
    this.#fd = fd
    this.#workerFile = file
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    const { resolver, threads, logger } = this.#options
    const cells = this.#cells
    const unshare = resolver.onForget((generation) => Atomics.store(cells, cell.generation, generation))
    const ended = Array.from({ length: threads }, () => this.#start(signal))
    const uncount = resolver.onRead(() => this.#tell())
    logger.debug('UDP threads', { threads })
    try {
      await Promise.race([aborted(signal), ...ended])
    } finally {
      Atomics.store(cells, cell.stop, 1)
      await Promise.allSettled(ended)
      this.#tell()
      uncount()
      unshare()
      for (const port of this.#ports) port.close()
      this.#system.libc.close(this.#fd)
    }
  }

  #start(signal: AbortSignal): Promise<void> {
    const { port1, port2 } = new MessageChannel()
    const counts = new SharedArrayBuffer(2 * maxKinds * Float64Array.BYTES_PER_ELEMENT)
    // Ports that nobody listens to must not keep the process alive.
    port1.unref()
    this.#ports.push(port1)
    this.#counts.push(new Float64Array(counts))
    const input: ThreadInput = { fd: this.#fd, cells: this.#cells.buffer as SharedArrayBuffer, counts, port: port2 }
    const worker = new Worker(this.#workerFile, { workerData: input, transferList: [port2] })
    worker.on('message', (queries: PostedQueries) => this.#take(queries, signal))
    return new Promise<void>((resolve, reject) => {
      worker.once('error', reject)
      worker.once('exit', () => resolve())
    })
  }

  #take(queries: PostedQueries, signal: AbortSignal): void {
    const { resolver, logger } = this.#options
    for (const { query, name } of queries) {
      const bytes = Buffer.from(query.buffer, query.byteOffset, query.length)
      const done = (answer: Buffer | undefined): void => {
        Atomics.sub(this.#cells, cell.waiting, 1)
        if (answer !== undefined && !signal.aborted) this.#send(answer, name)
      }
      const failed = (error: unknown): void => {
        done(undefined)
        if (!signal.aborted) logger.error('Could not answer a query', { error })
      }
      try {
        const result = resolver.answer(bytes, 'udp', decodeSocketAddress(Buffer.from(name)), signal)
        if (result instanceof Promise) result.then(done).catch(failed)
        else done(result)
        this.#share(bytes)
      } catch (error) {
        failed(error)
      }
    }
  }

  #send(answer: Buffer, name: Uint8Array): void {
    const { libc, linux } = this.#system
    // A client that is gone, or a full buffer, loses an answer, as on any network.
    libc.sendto(this.#fd, answer, answer.length, linux.MSG_DONTWAIT, name, socketAddressSize(name))
  }

  /** Gives the threads the answer that is now kept for a query. */
  #share(query: Buffer): void {
    const { resolver } = this.#options
    const found = resolver.kept(query)
    if (found === undefined) return
    const { generation } = resolver
    if (generation !== this.#postedGeneration) {
      this.#posted.clear()
      this.#postedGeneration = generation
    }
    if (this.#posted.has(found.key)) return
    this.#posted.add(found.key)
    const { zone, type, rcode, plugin } = found.kept
    const kind = this.#kindOf(JSON.stringify({ zone, type, rcode, plugin }))
    const answer: PostedAnswer = { key: found.key, orders: allOrders(found.kept), kind, generation }
    for (const port of this.#ports) port.postMessage(answer)
    Atomics.add(this.#cells, cell.posted, 1)
  }

  #kindOf(text: string): number {
    const known = this.#kinds.get(text)
    if (known !== undefined) return known
    const number = Math.min(this.#kinds.size, maxKinds - 1)
    if (this.#kinds.size < maxKinds) this.#kinds.set(text, number)
    return number
  }

  /** Puts what the threads have counted into the figures. */
  #tell(): void {
    const { resolver } = this.#options
    for (const [text, kind] of this.#kinds) {
      for (const [i, family] of (['1', '2'] as const).entries()) {
        let total = 0
        for (const counts of this.#counts) {
          total += counts[2 * kind + i] ?? 0
        }
        const before = this.#told.get(2 * kind + i) ?? 0
        if (total === before) continue
        this.#told.set(2 * kind + i, total)
        resolver.counted(JSON.parse(text) as Parameters<Resolver['counted']>[0], 'udp', family, total - before)
      }
    }
  }

  readonly #told = new Map<number, number>()
}
