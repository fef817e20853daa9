/**
 * Unary gRPC calls: a request frame out, a response frame and trailers back. The general client costs about as much processor
 * time a call as the rest of a write; this is all that etcd's key-value calls need.
 *
 *   frame = compressed (0, 1 byte)  length (4 bytes)  message
 *
 * Source: gRPC over HTTP/2, "PROTOCOL-HTTP2".
 */
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../../component-base/clock.ts'
import { encodeHeaders } from './hpack.ts'
import { type Answer, Http2Connection, UnsentError } from './http2-connection.ts'
import { CompactedError, FutureRevisionError, UnavailableError } from './storage.ts'

export type UnaryOptions = {
  /** `http://127.0.0.1:2379`; the next one is tried when one is away. */
  readonly servers: readonly string[]
  readonly tls: TlsOptions
  readonly clock: Clock
  /** A call waits this long for the server to come back, and this long for its answer. */
  readonly timeoutMs: number
}

const shortestRetryMs = 50
const longestRetryMs = 1_000
const prefixBytes = 5
const outOfRange = 11

/** One connection, made again when it breaks. */
export class UnaryChannel {
  readonly #options: UnaryOptions
  readonly #blocks = new Map<string, Buffer>()
  #connection: Promise<Http2Connection> | undefined
  #server = 0
  readonly #closed = new AbortController()

  constructor(options: UnaryOptions) {
    this.#options = options
  }

  /**
   * Sends a message and resolves with the answer's. A call that is `repeatable` is sent again when the connection breaks;
   * others only when the server has certainly not looked at them: they may have been carried out, so the caller must know. Rejects with `UnavailableError` and the storage's
   * other errors.
   */
  async call(path: string, message: Buffer, repeatable: boolean, signal: AbortSignal): Promise<Buffer> {
    const { clock, timeoutMs } = this.#options
    const deadline = clock.now() + timeoutMs
    for (;;) {
      const connection = await this.#connected(deadline, signal)
      try {
        return messageOf(await connection.request(this.#blockOf(path), framed(message), signal))
      } catch (error) {
        const mayRepeat = error instanceof UnsentError || (repeatable && error instanceof UnavailableError)
        if (!mayRepeat || clock.now() > deadline) throw error
        await clock.sleep(shortestRetryMs, signal)
      }
    }
  }

  close(): void {
    const reason = new UnavailableError('the connection to etcd was closed')
    this.#closed.abort(reason)
    // A connection that never came has nothing to close.
    void this.#connection?.then(
      (connection) => connection.destroy(reason),
      () => {},
    )
  }

  /** A working connection, waited for until the time limit. */
  async #connected(deadline: number, signal: AbortSignal): Promise<Http2Connection> {
    const { clock } = this.#options
    for (let retryMs = shortestRetryMs; ; retryMs = Math.min(longestRetryMs, retryMs * 2)) {
      this.#closed.signal.throwIfAborted()
      signal.throwIfAborted()
      this.#connection ??= this.#connect()
      const attempt = this.#connection
      try {
        const connection = await attempt
        if (connection.usable) return connection
        this.#forget(attempt)
      } catch (error) {
        this.#forget(attempt)
        if (clock.now() + retryMs > deadline) throw new UnavailableError('etcd does not answer', { cause: error })
        await clock.sleep(retryMs, signal)
      }
    }
  }

  async #connect(): Promise<Http2Connection> {
    const { tls, clock, timeoutMs } = this.#options
    return await Http2Connection.open({ url: this.#url(), tls, clock, timeoutMs })
  }

  #url(): URL {
    const { servers } = this.#options
    const server = servers[this.#server % servers.length] ?? ''
    return new URL(server.includes('://') ? server : `http://${server}`)
  }

  #forget(attempt: Promise<Http2Connection>): void {
    if (this.#connection !== attempt) return
    this.#connection = undefined
    this.#server += 1
  }

  /** The headers of a method's calls, always the same. */
  #blockOf(path: string): Buffer {
    const known = this.#blocks.get(path)
    if (known !== undefined) return known
    const { protocol, host } = this.#url()
    const block = encodeHeaders([
      [':method', 'POST'],
      [':scheme', protocol.slice(0, -1)],
      [':path', path],
      [':authority', host],
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
    ])
    this.#blocks.set(path, block)
    return block
  }
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  message.copy(frame, prefixBytes)
  return frame
}

/** The message of a call that went well; throws the error of one that did not. */
function messageOf({ headers, body }: Answer): Buffer {
  const status = headers.get('grpc-status')
  if (status === undefined) throw new UnavailableError('etcd broke off the call')
  if (status !== '0') throw storageError(Number(status), decodeURIComponent(headers.get('grpc-message') ?? ''))
  return body.subarray(prefixBytes)
}

/** Turns a gRPC status into one of the storage's errors. */
export function storageError(status: number, message: string): Error {
  if (status !== outOfRange) return new UnavailableError(message)
  return message.includes('compacted') ? new CompactedError(0) : new FutureRevisionError(message)
}
