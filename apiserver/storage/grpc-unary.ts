/**
 * Unary gRPC calls over `node:http2`: a request frame out, a response frame and trailers back. The general client costs about
 * as much processor time a call as the rest of a write; this is all that etcd's key-value calls need.
 *
 *   frame = compressed (0, 1 byte)  length (4 bytes)  message
 *
 * Source: gRPC over HTTP/2, "PROTOCOL-HTTP2".
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import type { Clock } from '../../component-base/clock.ts'
import { CompactedError, FutureRevisionError, UnavailableError } from './storage.ts'

export type UnaryOptions = {
  /** `http://127.0.0.1:2379`; the next one is tried when one is away. */
  readonly servers: readonly string[]
  readonly tls: SecureClientSessionOptions
  readonly clock: Clock
  /** A call waits this long for the server to come back, and this long for its answer. */
  readonly timeoutMs: number
}

const shortestRetryMs = 50
const longestRetryMs = 1_000
const prefixBytes = 5
const outOfRange = 11
/** Room for a page of a list, so that it comes in one go. */
const windowBytes = 4 * 1024 * 1024

/** One connection, made again when it breaks. */
export class UnaryChannel {
  readonly #options: UnaryOptions
  #session: Promise<ClientHttp2Session> | undefined
  #server = 0
  readonly #closed = new AbortController()

  constructor(options: UnaryOptions) {
    this.#options = options
  }

  /**
   * Sends a message and resolves with the answer's. A call that is `repeatable` is sent again when the connection breaks;
   * others may have been carried out, so that the caller must know. Rejects with `UnavailableError` and the storage's
   * other errors.
   */
  async call(path: string, message: Buffer, repeatable: boolean, signal: AbortSignal): Promise<Buffer> {
    const { clock, timeoutMs } = this.#options
    const deadline = clock.now() + timeoutMs
    for (;;) {
      const session = await this.#connected(deadline, signal)
      try {
        return await this.#exchange(session, path, message, signal)
      } catch (error) {
        if (!repeatable || !(error instanceof UnavailableError) || clock.now() > deadline) throw error
        await clock.sleep(shortestRetryMs, signal)
      }
    }
  }

  close(): void {
    this.#closed.abort(new UnavailableError('the connection to etcd was closed'))
    // A connection that never came has nothing to close.
    void this.#session?.then(
      (session) => session.destroy(),
      () => {},
    )
  }

  /** A working connection, waited for until the time limit. */
  async #connected(deadline: number, signal: AbortSignal): Promise<ClientHttp2Session> {
    const { clock } = this.#options
    for (let retryMs = shortestRetryMs; ; retryMs = Math.min(longestRetryMs, retryMs * 2)) {
      this.#closed.signal.throwIfAborted()
      signal.throwIfAborted()
      this.#session ??= this.#connect()
      const attempt = this.#session
      try {
        const session = await attempt
        if (!session.closed && !session.destroyed) return session
        this.#forget(attempt)
      } catch (error) {
        this.#forget(attempt)
        if (clock.now() + retryMs > deadline) throw new UnavailableError('etcd does not answer', { cause: error })
        await clock.sleep(retryMs, signal)
      }
    }
  }

  async #connect(): Promise<ClientHttp2Session> {
    const { servers, tls } = this.#options
    const server = servers[this.#server % servers.length] ?? ''
    const url = server.includes('://') ? server : `http://${server}`
    const session = connect(url, { ...tls, settings: { initialWindowSize: windowBytes } })
    return await new Promise((resolve, reject) => {
      session.once('connect', () => {
        session.setLocalWindowSize(windowBytes)
        resolve(session)
      })
      // Calls under way may still end on it; new ones get a new connection.
      session.once('goaway', () => session.close())
      session.on('error', reject)
    })
  }

  #forget(attempt: Promise<ClientHttp2Session>): void {
    if (this.#session !== attempt) return
    this.#session = undefined
    this.#server += 1
  }

  #exchange(session: ClientHttp2Session, path: string, message: Buffer, signal: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const chunks: Buffer[] = []
      let trailers: IncomingHttpHeaders | undefined
      const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL)
      signal.addEventListener('abort', cancel, { once: true })
      stream.setTimeout(this.#options.timeoutMs, () => {
        // A connection on which nothing comes back is as good as broken.
        session.destroy()
      })
      // A failure without an answer carries its status in the only headers there are.
      stream.once('response', (headers) => {
        if (headers['grpc-status'] !== undefined) trailers = headers
      })
      stream.once('trailers', (headers: IncomingHttpHeaders) => {
        trailers = headers
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('error', () => {}) // `close` follows and reports it
      stream.once('close', () => {
        signal.removeEventListener('abort', cancel)
        const failure = failureOf(trailers)
        if (signal.aborted) reject(signal.reason as Error)
        else if (failure !== undefined) reject(failure)
        else resolve(messageOf(chunks))
      })
      stream.end(framed(message))
    })
  }
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  message.copy(frame, prefixBytes)
  return frame
}

function messageOf(chunks: readonly Buffer[]): Buffer {
  const frame = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
  return frame.subarray(prefixBytes)
}

function failureOf(trailers: IncomingHttpHeaders | undefined): Error | undefined {
  if (trailers === undefined) return new UnavailableError('etcd broke off the call')
  const status = Number(trailers['grpc-status'])
  if (status === 0) return undefined
  return storageError(status, decodeURIComponent(String(trailers['grpc-message'] ?? '')))
}

/** Turns a gRPC status into one of the storage's errors. */
export function storageError(status: number, message: string): Error {
  if (status !== outOfRange) return new UnavailableError(message)
  return message.includes('compacted') ? new CompactedError(0) : new FutureRevisionError(message)
}
