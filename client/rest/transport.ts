/**
 * One HTTP/2 session to the API server, shared by every request and watch of a program; made anew when it ends.
 * A dead peer is noticed by pings, so that a watch never hangs on a connection that nobody answers.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2'
import type { ClientConfig } from './kubeconfig.ts'

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: AsyncIterable<Buffer>
}
export type Request = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** As client-go: a ping after 30 s without a frame, 15 s for its answer. */
const pingEveryMs = 30_000
const pingAnswerMs = 15_000
const connectLimitMs = 15_000
/** Large lists arrive without waiting for window updates. */
const windowBytes = 8 * 1024 * 1024

/** Sends requests over one shared session. */
export class Transport {
  readonly #config: ClientConfig
  #session: ClientHttp2Session | undefined
  #closed = false

  constructor(config: ClientConfig) {
    this.#config = config
  }

  /** Resolves with status and headers; the body streams. Rejects with the network's error or `signal.reason`. */
  async send(request: Request, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    if (this.#closed) throw new Error('the client is closed')
    const headers = {
      ':method': request.method,
      ':path': request.path,
      'user-agent': this.#config.userAgent ?? 'kubets',
      accept: 'application/json',
      ...(this.#config.token === undefined ? {} : { authorization: `Bearer ${this.#config.token}` }),
      ...(request.headers ?? {}),
    }
    // Said outright, because node ends the stream of a DELETE by itself.
    const stream = this.#open().request(headers, { endStream: request.body === undefined })
    return await answerOf(stream, request.body, signal)
  }

  /** Ends the session; requests under way fail. */
  close(): void {
    this.#closed = true
    this.#session?.destroy()
  }

  #open(): ClientHttp2Session {
    const current = this.#session
    if (current !== undefined && !current.closed && !current.destroyed) return current
    const { server, ca, cert, key, insecureSkipTlsVerify, tlsServerName } = this.#config
    const session = connect(server, {
      settings: { initialWindowSize: windowBytes },
      peerMaxConcurrentStreams: 1000,
      maxSessionMemory: 256,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
      rejectUnauthorized: insecureSkipTlsVerify !== true,
    })
    this.#session = session
    this.#watchOver(session)
    return session
  }

  #watchOver(session: ClientHttp2Session): void {
    const drop = (): void => {
      if (this.#session === session) this.#session = undefined
    }
    const limit = setTimeout(() => session.destroy(new Error('connect: time limit exceeded')), connectLimitMs)
    limit.unref()
    let pings: NodeJS.Timeout | undefined
    session.once('connect', () => {
      clearTimeout(limit)
      session.setLocalWindowSize(windowBytes)
      pings = setInterval(() => ping(session), pingEveryMs)
      pings.unref()
    })
    // Errors reach the waiting streams; here they only mean that the next request opens a new session.
    session.on('error', drop)
    session.on('goaway', drop)
    session.once('close', () => {
      clearTimeout(limit)
      clearInterval(pings)
      drop()
    })
  }
}

function ping(session: ClientHttp2Session): void {
  if (session.destroyed) return
  const limit = setTimeout(() => session.destroy(new Error('ping: no answer')), pingAnswerMs)
  limit.unref()
  session.ping(() => clearTimeout(limit))
}

async function answerOf(
  stream: ClientHttp2Stream,
  body: string | Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const abort = (): void => stream.close(constants.NGHTTP2_CANCEL)
  signal.addEventListener('abort', abort, { once: true })
  stream.once('close', () => signal.removeEventListener('abort', abort))
  const answer = await new Promise<Answer>((resolve, reject) => {
    stream.once('response', (headers) => {
      stream.off('error', reject)
      resolve({ status: headers[':status'] ?? 0, headers, body: bodyOf(stream, signal) })
    })
    stream.once('error', reject)
    stream.once('close', () =>
      reject(signal.aborted ? signal.reason : new Error('the connection ended before an answer')),
    )
    stream.end(body)
  })
  return answer
}

async function* bodyOf(stream: ClientHttp2Stream, signal: AbortSignal): AsyncGenerator<Buffer> {
  let ended = false
  stream.once('end', () => {
    ended = true
  })
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    // Never reset a stream that has ended: servers take many resets for an attack and end the session.
    if (!ended && !stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_CANCEL)
  }
  signal.throwIfAborted()
  // A stream that was reset by a dying peer closes without `end`.
  if (!ended && !stream.readableEnded) throw new Error('the connection ended inside an answer')
}
