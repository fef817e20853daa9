/**
 * One TLS port for HTTP/2 and HTTP/1.1. Client certificates are asked for but not required: who someone is, the
 * authenticators decide.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls'
import { malformedLine } from './http1-rules.ts'

export type RawRequest = IncomingMessage | Http2ServerRequest
export type RawResponse = ServerResponse | Http2ServerResponse

export type TransportOptions = {
  readonly address: string
  readonly port: number
  readonly secure: SecureSettings
  /** Cipher suites and the lowest version. */
  readonly tls?: { readonly ciphers?: string; readonly minVersion?: SecureVersion }
  /** Streams a client may have open on one connection: every informer of a controller is one. */
  readonly maxConcurrentStreams: number
  readonly onRequest: (request: RawRequest, response: RawResponse) => void
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

/** What may change while the server runs. */
export type SecureSettings = {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** PEM bundles of the authorities that may have signed client certificates. */
  readonly clientCa?: readonly (string | Buffer)[]
  /** The certificate for a name that a client asks for; `undefined`: the one above. */
  readonly certificateFor?: (name: string) => { readonly cert: string; readonly key: string } | undefined
}

export type Transport = {
  readonly port: number
  /** Serves renewed certificates to new connections. */
  readonly setSecure: (secure: SecureSettings) => void
  /** Stops accepting and tells HTTP/2 clients to go elsewhere. */
  readonly stopAccepting: () => void
  /** Ends connections of HTTP/1.1 when what was written has left; those of HTTP/2 end with their last stream. */
  readonly endConnections: () => void
  /** How many there are. */
  readonly connections: () => number
  /** Cuts every connection. */
  readonly closeConnections: () => void
}

/** A request's line and headers together: long selectors are in the URL. Source: Go's `DefaultMaxHeaderBytes`. */
const maxHeaderBytes = 1024 * 1024
const maxHeaderPairs = 2_000
/** How long a client may take for the TLS handshake, and for the headers of a request. Source: upstream's `ReadHeaderTimeout`. */
const headersTimeoutMs = 32_000
/** How long a connection without requests is kept. Source: upstream's `IdleTimeout`. */
const idleTimeoutMs = 90_000
/** Megabytes per connection for streams and what they buffer; Node's default of 10 is too small for a thousand watches. */
const maxSessionMemory = 1_000

/** Starts listening. */
export async function startTransport(options: TransportOptions): Promise<Transport> {
  let { secure } = options
  const tls = { minVersion: 'TLSv1.2', ...options.tls } as const
  let contexts = new Map<string, SecureContext>()
  const server = createSecureServer({
    allowHTTP1: true,
    ...contextOptions(secure, tls),
    SNICallback: (name, done) => {
      const pair = secure.certificateFor?.(name)
      if (pair === undefined) {
        done(null)
        return
      }
      const known = contexts.get(pair.cert) ?? createSecureContext({ ...contextOptions(secure, tls), ...pair })
      contexts.set(pair.cert, known)
      done(null, known)
    },
    requestCert: secure.clientCa !== undefined && secure.clientCa.length > 0,
    rejectUnauthorized: false,
    maxSessionMemory,
    handshakeTimeout: headersTimeoutMs,
    maxHeaderListPairs: maxHeaderPairs,
    settings: {
      maxConcurrentStreams: options.maxConcurrentStreams,
      maxHeaderListSize: maxHeaderBytes,
      initialWindowSize: 256 * 1024,
    },
  })
  limitHttp1(server)
  server.on('clientError' as 'tlsClientError', refuseMalformed as never)
  const sockets = trackSockets(server)
  const lastAnswers = trackAnswers(server, sockets)
  server.on('request', options.onRequest)
  // With HTTP/1.1 allowed the server also tells of upgrades, as `https` does; Node's types do not know.
  server.on('upgrade' as 'request', options.onUpgrade as never)
  server.on('connect' as 'request', refuseTunnel as never)
  const sessions = trackSessions(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // As Go listens: on every address of both families, where the machine has IPv6.
    server.listen(options.port, options.address === '0.0.0.0' ? '' : options.address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    setSecure: (changed) => {
      secure = changed
      contexts = new Map()
      server.setSecureContext(contextOptions(secure, tls))
    },
    stopAccepting: () => {
      server.close()
      lastAnswers()
      for (const session of sessions) if (!session.closed) session.close()
    },
    endConnections: () => {
      // Sessions of HTTP/2 end by themselves when their last stream has.
      for (const socket of sockets) if (socket.alpnProtocol !== 'h2') socket.destroySoon()
    },
    connections: () => sockets.size,
    closeConnections: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** The server reads these when a connection turns out to speak HTTP/1.1; Node's types do not know. */
function limitHttp1(server: Http2SecureServer): void {
  Object.assign(server, {
    maxHeaderSize: maxHeaderBytes,
    maxHeadersCount: maxHeaderPairs,
    headersTimeout: headersTimeoutMs,
    // Bodies are held to the request's own time limit.
    requestTimeout: 0,
    keepAliveTimeout: idleTimeoutMs,
  })
}

/** What is no request at all is told so in Go's words. */
function refuseMalformed(
  error: Error & { readonly code?: string; readonly reason?: string; readonly rawPacket?: Buffer },
  socket: Duplex,
): void {
  if (!socket.writable || socket.destroyed) {
    socket.destroy()
    return
  }
  const line = malformedLine(error.code ?? '', error.reason ?? '', error.rawPacket)
  socket.end(`HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`)
}

/** Nothing here is reached through a tunnel. Node would cut the connection. */
function refuseTunnel(_request: IncomingMessage, socket: Duplex): void {
  socket.on('error', () => {})
  const head = 'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff'
  socket.end(`${head}\r\nConnection: close\r\n\r\n404 page not found\n`)
}

function contextOptions(
  { cert, key, clientCa }: SecureSettings,
  tls: NonNullable<TransportOptions['tls']>,
): SecureContextOptions {
  return { cert, key, ...tls, ...(clientCa === undefined || clientCa.length === 0 ? {} : { ca: [...clientCa] }) }
}

type Session = { readonly closed: boolean; close(): void; once(event: 'close', listener: () => void): unknown }

function trackSessions(server: Http2SecureServer): ReadonlySet<Session> {
  const sessions = new Set<Session>()
  server.on('session', (session) => {
    sessions.add(session)
    closeWhenIdle(session)
    session.once('close', () => sessions.delete(session))
    // A client that vanishes is no concern of ours; its requests see `close`.
    session.on('error', () => {})
  })
  return sessions
}

/** A connection on which nothing is under way is ended; one with a quiet watch is not idle. */
function closeWhenIdle(session: ServerHttp2Session): void {
  let open = 0
  session.on('stream', (stream) => {
    open += 1
    stream.once('close', () => {
      open -= 1
    })
  })
  session.setTimeout(idleTimeoutMs, () => {
    if (open === 0) session.close()
  })
}

/** Tells an HTTP/2 client that this request is the last one of its connection; others end with their answer anyway. */
export function endConnection(request: RawRequest): void {
  if (!('stream' in request)) return
  const { session } = request.stream
  if (session !== undefined && !session.closed) session.close()
}

/** Whether a body is still arriving over a connection of HTTP/1.1, which is of no use after an answer without it. */
export function hasUnreadBody(request: RawRequest): boolean {
  return !('stream' in request) && !request.complete
}

/** Returns how to make every answer of HTTP/1.1 the last of its connection, as Go's `Shutdown` does. */
function trackAnswers(server: Http2SecureServer, sockets: ReadonlySet<TLSSocket>): () => void {
  const latest = new WeakMap<Duplex, ServerResponse>()
  let isLast = false
  server.on('request', (request, response) => {
    if ('stream' in request) return
    // Of HTTP/1.1: the two classes are told apart by their requests.
    const answer = response as unknown as ServerResponse
    if (isLast) answer.shouldKeepAlive = false
    latest.set(answer.req.socket, answer)
  })
  return () => {
    isLast = true
    for (const socket of sockets) {
      const answer = latest.get(socket)
      if (answer !== undefined) answer.shouldKeepAlive = false
    }
  }
}

function trackSockets(server: Http2SecureServer): ReadonlySet<TLSSocket> {
  const sockets = new Set<TLSSocket>()
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // Port scanners, and clients that do not trust our certificate.
  server.on('tlsClientError', () => {})
  return sockets
}
