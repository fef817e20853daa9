/**
 * Names outside the cluster: asked of the host's own name servers, remembered for a while.
 * One of several who ask the same at once does the asking.
 */
import { randomInt } from 'node:crypto'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import { headerBits, rcodes } from '../codec/message.ts'
import { FormatError } from '../codec/name.ts'
import { capTtls, mapTtls } from '../codec/patch.ts'
import { endOfQuestion, exchangeTcp, exchangeUdp } from './exchange.ts'
import type { Upstream } from './resolv-conf.ts'

/** What the forwarder needs. */
export type ForwarderOptions = {
  readonly upstreams: readonly Upstream[]
  readonly clock: Clock
  /** Longest time that an answer is remembered and may be remembered by others. */
  readonly cacheSeconds: number
  readonly timeoutMs: number
  readonly maxConcurrent: number
}

/** Counted outcomes. */
export type ForwarderCounts = { hits: number; misses: number; requests: number; failures: number }

type Cached = {
  readonly bytes: Buffer
  readonly ttls: ReturnType<typeof mapTtls>
  readonly storedMs: number
  readonly expiresMs: number
}

/** Answers remembered; the oldest goes first. */
const maxCached = 10_000
/** A server's failure is remembered only this long. */
const failureSeconds = 5

/** No upstream answered. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError'
}

/** Asks upstream servers. */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #cache = new Map<string, Cached>()
  readonly #pending = new Map<string, Promise<Buffer>>()
  readonly counts: ForwarderCounts = { hits: 0, misses: 0, requests: 0, failures: 0 }
  #running = 0

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /** The answer to `query`, with the query's id and its own spelling of the name. Throws `ForwardError`. */
  async ask(query: Buffer, isTcp: boolean, signal: AbortSignal): Promise<Buffer> {
    const key = keyOf(query, isTcp)
    const cached = this.#cache.get(key)
    const nowMs = this.#options.clock.now()
    if (cached !== undefined && cached.expiresMs > nowMs) {
      this.counts.hits += 1
      return personalize(age(cached, nowMs), query)
    }
    this.counts.misses += 1
    let pending = this.#pending.get(key)
    if (pending === undefined) {
      pending = this.#fetch(key, query, isTcp, signal).finally(() => this.#pending.delete(key))
      this.#pending.set(key, pending)
    }
    return personalize(await pending, query)
  }

  async #fetch(key: string, query: Buffer, isTcp: boolean, signal: AbortSignal): Promise<Buffer> {
    if (this.#running >= this.#options.maxConcurrent) throw new ForwardError('too many concurrent queries')
    this.#running += 1
    try {
      const bytes = await this.#exchange(query, isTcp, signal)
      return this.#remember(key, bytes)
    } finally {
      this.#running -= 1
    }
  }

  /** Tries every upstream, beginning with one at random. */
  async #exchange(query: Buffer, isTcp: boolean, signal: AbortSignal): Promise<Buffer> {
    const { upstreams, timeoutMs } = this.#options
    const first = upstreams.length === 0 ? 0 : randomInt(upstreams.length)
    const outgoing = Buffer.from(query)
    let cause: unknown
    for (let turn = 0; turn < upstreams.length; turn += 1) {
      const upstream = upstreams[(first + turn) % upstreams.length]
      if (upstream === undefined) continue
      outgoing.writeUInt16BE(randomInt(65_536), 0)
      this.counts.requests += 1
      try {
        const exchange = isTcp ? exchangeTcp : exchangeUdp
        return await withDeadline(signal, timeoutMs, async (limit) => await exchange(upstream, outgoing, limit))
      } catch (error) {
        if (signal.aborted) throw error
        cause = error
      }
    }
    this.counts.failures += 1
    throw new ForwardError('no upstream answered', { cause })
  }

  #remember(key: string, bytes: Buffer): Buffer {
    const { clock, cacheSeconds } = this.#options
    try {
      const ttls = mapTtls(bytes)
      capTtls(bytes, ttls, cacheSeconds)
      const rcode = bytes.readUInt16BE(2) & 15
      const isFinal = rcode === rcodes.noError || rcode === rcodes.nameError
      const isTruncated = (bytes.readUInt16BE(2) & headerBits.truncated) !== 0
      const limit = isFinal ? cacheSeconds : failureSeconds
      const seconds = ttls.offsets.length === 0 ? failureSeconds : Math.min(ttls.lowestSeconds, limit)
      if (seconds > 0 && !isTruncated)
        this.#store(key, { bytes, ttls, storedMs: clock.now(), expiresMs: clock.now() + seconds * 1000 })
    } catch (error) {
      // What we cannot read we pass on, but do not keep.
      if (!(error instanceof FormatError) && !(error instanceof RangeError)) throw error
    }
    return bytes
  }

  #store(key: string, entry: Cached): void {
    this.#cache.delete(key)
    this.#cache.set(key, entry)
    if (this.#cache.size <= maxCached) return
    const [oldest] = this.#cache.keys()
    if (oldest !== undefined) this.#cache.delete(oldest)
  }
}

/** Name, type, class, and whether EDNS and DNSSEC are asked for: what an answer depends on. */
function keyOf(query: Buffer, isTcp: boolean): string {
  const end = endOfQuestion(query)
  const name = query.toString('latin1', 12, end - 4).toLowerCase()
  const hasOptions = query.readUInt16BE(10) > 0
  const flags = hasOptions ? query.toString('latin1', end) : ''
  const wanted = query.readUInt16BE(2) & (headerBits.recursionDesired | 0x0030)
  return `${isTcp ? 't' : 'u'}${wanted}${name}${query.readUInt32BE(end - 4)}${flags}`
}

function age({ bytes, ttls, storedMs }: Cached, nowMs: number): Buffer {
  const aged = Buffer.from(bytes)
  const seconds = Math.floor((nowMs - storedMs) / 1000)
  for (const offset of ttls.offsets) aged.writeUInt32BE(Math.max(0, aged.readUInt32BE(offset) - seconds), offset)
  return aged
}

/** A copy with the id of the query, and the name spelled as the query has it. */
function personalize(answer: Buffer, query: Buffer): Buffer {
  const own = Buffer.from(answer)
  own.writeUInt16BE(query.readUInt16BE(0), 0)
  const end = endOfQuestion(query)
  if (own.readUInt16BE(4) === 1 && own.length >= end) query.copy(own, 12, 12, end)
  return own
}
