/**
 * Connections to one server, over TCP or TLS. One that has answered is kept for the next question: a TLS handshake costs
 * more than the question itself. Each carries one question at a time.
 *
 *   idle ──▶ asked ──▶ answered ──▶ idle ──▶ closed after `expireMs`, or beyond `maxIdle`, or older than `maxAgeMs`
 *     ▲         └─ failed ─▶ closed; one that the server had closed meanwhile is replaced by a new one
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Clock } from '../../component-base/clock.ts'
import { isAnswerTo } from './exchange.ts'
import type { Target } from './upstream.ts'

/** How long connections are kept. */
export type Keeping = {
  /** Without a question for this long a connection is closed; 0: after every question. */
  readonly expireMs: number
  /** Idle ones at once; 0: as many as there were questions at once. */
  readonly maxIdle: number
  /** From its beginning; 0: as long as it is used. */
  readonly maxAgeMs: number
}

/** CoreDNS' own. */
export const standardKeeping: Keeping = { expireMs: 10_000, maxIdle: 0, maxAgeMs: 0 }

/** What connections need. */
export type ConnectionsOptions = {
  readonly keeping: Keeping
  readonly clock: Clock
  /** Told for every question whether a kept connection was there for it. */
  readonly onTake: (isKept: boolean) => void
}

/** The connections to one server. */
export class Connections {
  readonly #target: Target
  readonly #options: ConnectionsOptions
  /** The one used last is at the end. */
  readonly #idle: Connection[] = []
  #isClosed = false

  constructor(target: Target, options: ConnectionsOptions) {
    this.#target = target
    this.#options = options
  }

  /** Sends `query` and resolves with the answer that carries its id and question. */
  async ask(query: Buffer, signal: AbortSignal): Promise<Buffer> {
    for (;;) {
      signal.throwIfAborted()
      const kept = this.#idle.pop()
      this.#options.onTake(kept !== undefined)
      const connection = kept ?? new Connection(open(this.#target), this.#options.clock.now())
      try {
        const answer = await connection.ask(query, signal)
        this.#keep(connection)
        return answer
      } catch (error) {
        connection.close()
        // Others to a server that does not answer will not, either.
        if (!(error instanceof ConnectionEnded) || kept === undefined) {
          this.#closeIdle()
          throw error
        }
      }
    }
  }

  /** Closes what is idle now, and the others after their question. */
  close(): void {
    this.#isClosed = true
    this.#closeIdle()
  }

  #keep(connection: Connection): void {
    const { expireMs, maxIdle, maxAgeMs } = this.#options.keeping
    const isOld = maxAgeMs > 0 && this.#options.clock.now() - connection.openedMs >= maxAgeMs
    const isFull = maxIdle > 0 && this.#idle.length >= maxIdle
    if (this.#isClosed || isOld || isFull || expireMs === 0) {
      connection.close()
      return
    }
    this.#idle.push(connection)
    connection.rest(expireMs, () => {
      const at = this.#idle.indexOf(connection)
      if (at !== -1) this.#idle.splice(at, 1)
    })
  }

  #closeIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.close()
  }
}

/** The server has closed the connection: one that was kept may have been closed before it saw the question. */
class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded'
}

type Waiting = {
  readonly query: Buffer
  readonly resolve: (answer: Buffer) => void
  readonly reject: (error: unknown) => void
}

/** One connection: size, message, size, message, … both ways. Source: RFC 1035 §4.2.2, RFC 7766. */
class Connection {
  readonly openedMs: number
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #waiting: Waiting | undefined
  #onGone = (): void => {}

  constructor(socket: Socket, openedMs: number) {
    this.#socket = socket
    this.openedMs = openedMs
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#fail(isEnd(error) ? new ConnectionEnded(error.message) : error),
    )
    socket.on('end', () => this.#fail(new ConnectionEnded('connection ended without an answer')))
    socket.on('close', () => this.#fail(new ConnectionEnded('connection ended without an answer')))
    // Only while it rests.
    socket.on('timeout', () => this.close())
  }

  async ask(query: Buffer, signal: AbortSignal): Promise<Buffer> {
    this.#socket.setTimeout(0)
    this.#onGone = () => {}
    const stop = (): void => this.#fail(new Error('i/o timeout', { cause: signal.reason }))
    try {
      return await new Promise<Buffer>((resolve, reject) => {
        this.#waiting = { query, resolve, reject }
        if (this.#socket.destroyed || !this.#socket.writable) {
          throw new ConnectionEnded('connection ended without an answer')
        }
        signal.addEventListener('abort', stop, { once: true })
        const size = Buffer.alloc(2)
        size.writeUInt16BE(query.length)
        this.#socket.write(Buffer.concat([size, query]))
      })
    } finally {
      this.#waiting = undefined
      signal.removeEventListener('abort', stop)
    }
  }

  /** Waits for another question; `onGone` is told when the connection ends before that. */
  rest(limitMs: number, onGone: () => void): void {
    this.#onGone = onGone
    this.#socket.setTimeout(limitMs)
    if (this.#received.length > 0 || this.#socket.destroyed) this.close()
  }

  close(): void {
    this.#socket.destroy()
    this.#onGone()
  }

  /** Answers to questions that were given up, or to none, are passed over. */
  #take(chunk: Buffer): void {
    if (this.#waiting === undefined) {
      // Nobody has asked.
      this.close()
      return
    }
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const end = this.#received.length < 2 ? Number.POSITIVE_INFINITY : 2 + this.#received.readUInt16BE(0)
      if (this.#received.length < end) return
      const answer = this.#received.subarray(2, end)
      this.#received = this.#received.subarray(end)
      if (isAnswerTo(this.#waiting.query, answer)) {
        this.#waiting.resolve(answer)
        return
      }
    }
  }

  #fail(error: unknown): void {
    this.#waiting?.reject(error)
    this.close()
  }
}

/** Errors by which a socket says that the other side has closed it. */
function isEnd({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** Over TLS with the server's certificate checked. */
function open({ address, port, isTls, serverName, tls }: Target): Socket {
  if (!isTls) return connect({ host: address, port })
  const name = serverName ?? address
  return connectTls({
    host: address,
    port,
    ...tls,
    // RFC 6066: addresses are no server names; the certificate is then checked against the address itself.
    ...(isIP(name) === 0 ? { servername: name } : {}),
  })
}
