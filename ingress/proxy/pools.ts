/** Connections to endpoints, kept for the next request. An endpoint that leaves the table loses its idle ones at once. */
import { Agent } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { Agent as TlsAgent } from 'node:https'
import type { BackendProtocol } from '../table/annotations.ts'
import type { Endpoint } from '../table/backends.ts'

/** Requests at once to one endpoint; more are answered with 503 (or by another). */
const maxRequestsPerEndpoint = 1_024
/** Idle connections kept per endpoint. */
const maxIdlePerEndpoint = 64
/** Idle connections end after this; most servers wait longer. */
const idleMs = 30_000
/** Headers of an answer. */
const maxHeaderBytes = 64 * 1024

export type PooledEndpoint = {
  /** Counted up and down by whoever sends. */
  inFlight: number
  readonly agent: Agent
  readonly session: () => ClientHttp2Session
  readonly isFull: () => boolean
  readonly retire: () => void
}

/** One pool per endpoint and protocol. */
export class Pools {
  readonly #pools = new Map<string, PooledEndpoint>()

  of(endpoint: Endpoint, protocol: BackendProtocol): PooledEndpoint {
    const key = poolKey(endpoint, protocol)
    const known = this.#pools.get(key)
    if (known !== undefined) return known
    const made = createPool(endpoint, protocol)
    this.#pools.set(key, made)
    return made
  }

  /** Lets go of endpoints that are no more; requests under way go on. */
  keep(keys: ReadonlySet<string>): void {
    for (const [key, pool] of this.#pools) {
      if (keys.has(key)) continue
      pool.retire()
      this.#pools.delete(key)
    }
  }

  close(): void {
    this.keep(new Set())
  }
}

/** The key of a pool. */
export function poolKey({ key }: Endpoint, protocol: BackendProtocol): string {
  return `${protocol} ${key}`
}

function createPool(endpoint: Endpoint, protocol: BackendProtocol): PooledEndpoint {
  const isSecure = protocol === 'https' || protocol === 'h2'
  const options = {
    keepAlive: true,
    maxFreeSockets: maxIdlePerEndpoint,
    timeout: idleMs,
    maxHeaderSize: maxHeaderBytes,
    scheduling: 'lifo',
  } as const
  // Pods have no certificates that anybody could check; as ingress-nginx.
  const agent = isSecure ? new TlsAgent({ ...options, rejectUnauthorized: false }) : new Agent(options)
  let session: ClientHttp2Session | undefined
  const open = (): ClientHttp2Session => {
    if (session !== undefined && !session.closed && !session.destroyed) return session
    const made = connect(`${isSecure ? 'https' : 'http'}://${endpoint.key}`, { rejectUnauthorized: false })
    const drop = (): void => {
      if (session === made) session = undefined
    }
    // Errors reach the streams; here they only mean that the next request opens a new session.
    made.on('error', drop)
    made.on('goaway', drop)
    made.once('close', drop)
    made.setTimeout(idleMs, () => made.close())
    session = made
    return made
  }
  const pool: PooledEndpoint = {
    inFlight: 0,
    agent,
    session: open,
    isFull: () => pool.inFlight >= maxRequestsPerEndpoint,
    retire: () => {
      agent.maxFreeSockets = 0
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy()
      session?.close()
    },
  }
  return pool
}
