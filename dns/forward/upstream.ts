/**
 * One server to ask. After a failure it is probed twice a second until it answers; while more than `maxFails` probes
 * have failed it counts as down.
 */
import { randomInt } from 'node:crypto'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import { encodeMessage, headerBits } from '../codec/message.ts'
import { types } from '../codec/record.ts'
import { Connections, type Keeping } from './connections.ts'
import { exchangeUdp } from './exchange.ts'

/** Where a server is, and how to speak to it. */
export type Target = {
  readonly address: string
  readonly port: number
  readonly isTls: boolean
  /** The name in the server's certificate; its address when absent. */
  readonly serverName?: string
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
}

/** How servers are probed. */
export type Probe = { readonly intervalMs: number; readonly domain: string; readonly isRecursive: boolean }

/** What a server needs. */
export type UpstreamOptions = {
  readonly probe: Probe
  readonly keeping: Keeping
  /** 0: never down. */
  readonly maxFails: number
  readonly clock: Clock
  readonly onProbeFailure: () => void
  /** Told for every question over TCP or TLS whether a kept connection was there for it. */
  readonly onTake: (isKept: boolean) => void
}

const probeTimeoutMs = 1_000

/** A server to ask. */
export class Upstream {
  readonly target: Target
  readonly name: string
  readonly #options: UpstreamOptions
  readonly #tcp: Connections
  #fails = 0
  #isProbing = false

  constructor(target: Target, options: UpstreamOptions) {
    this.target = target
    this.#options = options
    this.#tcp = new Connections(target, options)
    const host = target.address.includes(':') ? `[${target.address}]` : target.address
    this.name = `${target.isTls ? 'tls://' : ''}${host}:${target.port}`
  }

  isDown(): boolean {
    const { maxFails } = this.#options
    return maxFails > 0 && this.#fails > maxFails
  }

  /** Sends `query` under an id of its own. */
  async ask(query: Buffer, isTcp: boolean, timeoutMs: number, signal: AbortSignal): Promise<Buffer> {
    const outgoing = Buffer.from(query)
    outgoing.writeUInt16BE(randomInt(65_536), 0)
    return await withDeadline(signal, timeoutMs, async (limit) => {
      if (isTcp || this.target.isTls) return await this.#tcp.ask(outgoing, limit)
      return await exchangeUdp(this.target, outgoing, limit)
    })
  }

  /** Keeps no connection from now on. */
  close(): void {
    this.#tcp.close()
  }

  /** Probes until the server answers, or `signal` aborts. Does nothing while it probes already. */
  async probe(signal: AbortSignal): Promise<void> {
    if (this.#isProbing || this.#options.maxFails === 0) return
    this.#isProbing = true
    try {
      for (;;) {
        if (await this.#answers(signal)) {
          this.#fails = 0
          return
        }
        this.#fails += 1
        this.#options.onProbeFailure()
        await this.#options.clock.sleep(this.#options.probe.intervalMs, signal)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#isProbing = false
    }
  }

  /** Any answer at all will do. */
  async #answers(signal: AbortSignal): Promise<boolean> {
    const { domain, isRecursive } = this.#options.probe
    const query = encodeMessage({
      id: 0,
      flags: isRecursive ? headerBits.recursionDesired : 0,
      questions: [{ name: domain, type: types.NS, class: 1 }],
      answers: [],
      authorities: [],
      additionals: [],
    })
    try {
      await this.ask(query, false, probeTimeoutMs, signal)
      return true
    } catch {
      signal.throwIfAborted()
      return false
    }
  }
}
