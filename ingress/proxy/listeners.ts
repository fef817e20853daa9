/**
 * The sockets that clients come to: plain HTTP/1.1, and TLS with HTTP/2 or HTTP/1.1 by ALPN.
 *
 *   :80 ──▶ http1 ─┐
 *   :443 ─ TLS ─┬─▶ http1 (http/1.1, or no ALPN)   ├─▶ ReverseProxy
 *               └─▶ http2 (h2) ─┘
 */
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer, type SecureContext, type Server as TlsServer } from 'node:tls'
import type { Clock } from '../../component-base/clock.ts'
import { listen } from '../../component-base/http.ts'
import { aborted } from '../../component-base/run.ts'
import type { KeyPair } from '../../component-base/tls.ts'
import type { ClientRequest, ReverseProxy } from './proxy.ts'
import { http1Reply, http2Reply } from './reply.ts'

export type ListenerOptions = {
  readonly proxy: ReverseProxy
  readonly address: string
  readonly httpPort: number
  readonly httpsPort: number
  readonly certificates: {
    /** For a name; for one that is unknown, the default one. */
    readonly contextFor: (serverName: string) => SecureContext
    /** For clients that name no host, now and when it changes. */
    readonly onDefault: (listener: (pair: KeyPair) => void) => void
  }
  /** Clients at once, per port. */
  readonly maxConnections: number
  /** How long requests under way may take at the end. */
  readonly drainMs: number
  readonly clock: Clock
  readonly onListening?: (ports: { readonly http: number; readonly https: number }) => void
}

/** As nginx: `client_header_timeout`, `keepalive_timeout`, `http2_max_concurrent_streams`. */
const headersTimeoutMs = 60_000
const keepAliveMs = 75_000
const maxConcurrentStreams = 128
const minVersion = 'TLSv1.2'
const handshakeLimitMs = 10_000
/** Uploads do not wait for window updates at every 64 KiB. */
const windowBytes = 512 * 1024

/** Serves until `signal` aborts; then takes no more connections and lets requests end, for `drainMs` at most. */
export async function serveListeners(options: ListenerOptions, signal: AbortSignal): Promise<void> {
  const listeners = new Listeners(options)
  await listeners.start()
  await aborted(signal)
  await listeners.stop()
}

class Listeners {
  readonly #options: ListenerOptions
  readonly #http1: Server
  readonly #http2: Http2Server
  readonly #tls: TlsServer
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #tunnels = new Set<Socket>()
  /** Connections on which a request was refused as ambiguous: what was sent after it may be anything. */
  readonly #distrusted = new WeakSet<Socket>()
  #isDraining = false

  constructor(options: ListenerOptions) {
    this.#options = options
    const { certificates, maxConnections } = options
    this.#http1 = createServer(
      // A body may take its time; a stalled one is ended by the read timeout of its route.
      { headersTimeout: headersTimeoutMs, keepAliveTimeout: keepAliveMs, requestTimeout: 0, noDelay: true },
      (request, response) => this.#handle1(request, response),
    )
    this.#http1.on('upgrade', (request, socket: Socket, head) => this.#upgrade(request, socket, head))
    // The proxy decides about bodies before it asks for them.
    this.#http1.on('checkContinue', (request, response) => this.#handle1(request, response))
    this.#http2 = createHttp2Server({ settings: { maxConcurrentStreams, initialWindowSize: windowBytes } })
    this.#http2.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) =>
        this.#handle2(stream, headers, rawHeaders),
    )
    this.#http2.on('session', (session) => this.#watch(session))
    this.#http2.on('sessionError', () => {})
    this.#tls = createTlsServer({
      SNICallback: (name, done) => done(null, certificates.contextFor(name)),
      ALPNProtocols: ['h2', 'http/1.1'],
      minVersion,
      handshakeTimeout: handshakeLimitMs,
    })
    this.#tls.on('secureConnection', (socket) => {
      ;(socket.alpnProtocol === 'h2' ? this.#http2 : this.#http1).emit('connection', socket)
    })
    certificates.onDefault((pair) => this.#tls.setSecureContext({ ...pair, minVersion }))
    this.#http1.maxConnections = maxConnections
    this.#tls.maxConnections = maxConnections
  }

  async start(): Promise<void> {
    const { address, httpPort, httpsPort, onListening } = this.#options
    await listen(this.#http1, httpPort, address)
    await listen(this.#tls, httpsPort, address)
    onListening?.({ http: (this.#http1.address() as AddressInfo).port, https: this.#httpsPort() })
  }

  /** Requests under way end; what is left after `drainMs` is cut. */
  async stop(): Promise<void> {
    this.#isDraining = true
    const { clock, drainMs } = this.#options
    const ended = Promise.all([closed(this.#http1), closed(this.#tls)])
    this.#http1.closeIdleConnections()
    for (const session of this.#sessions) session.close()
    const limit = new AbortController()
    const tooLong = clock.sleep(drainMs, limit.signal).then(
      () => this.#cut(),
      () => {},
    )
    await ended
    limit.abort()
    await tooLong
  }

  #cut(): void {
    this.#http1.closeAllConnections()
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#tunnels) socket.destroy()
  }

  #httpsPort(): number {
    return (this.#tls.address() as AddressInfo | null)?.port ?? this.#options.httpsPort
  }

  #handle1(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (this.#distrusted.has(socket)) return
    const isSecure = 'encrypted' in socket
    const port = isSecure ? this.#httpsPort() : (socket.localPort ?? this.#options.httpPort)
    // A body that is not wanted any more must not be taken for the next request.
    const mustClose = (): boolean => this.#isDraining || (hasBody(request) && !request.complete)
    const isExpected = request.headers.expect !== undefined
    if (isExpected) continueOnRead(request, response)
    const scheme = isSecure ? 'https' : 'http'
    const reply = http1Reply(response, mustClose, () => this.#distrusted.add(socket))
    this.#options.proxy.handle({ request: http1Request(request), reply, scheme, port })
  }

  #handle2(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    stream.on('error', () => {})
    const { ':method': method = 'GET', ':path': url = '', ':authority': authority, host } = headers
    const request = {
      ...{ method, url, authority: authority ?? host ?? '', rawHeaders, body: stream },
      hasBody: !stream.endAfterHeaders,
      clientAddress: addressOf(stream.session?.socket),
    }
    this.#options.proxy.handle({ request, reply: http2Reply(stream), scheme: 'https', port: this.#httpsPort() })
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const protocol = request.headers.upgrade ?? ''
    socket.on('error', () => {})
    if (protocol.toLowerCase() === 'h2c') {
      this.#withoutUpgrade(request, socket, head)
      return
    }
    const response = new ServerResponse(request)
    response.assignSocket(socket)
    response.once('finish', () => socket.end())
    const reply = http1Reply(
      response,
      () => true,
      () => {},
    )
    const isSecure = 'encrypted' in socket
    const tunnel = (
      answer: { status: number; reason: string; headers: readonly string[] },
      backend: Socket,
      first: Buffer,
    ): void => {
      response.detachSocket(socket)
      this.#join(socket, backend, () => {
        socket.write(headText(answer, protocol))
        if (first.length > 0) socket.write(first)
        if (head.length > 0) backend.write(head)
      })
    }
    const port = isSecure ? this.#httpsPort() : (socket.localPort ?? this.#options.httpPort)
    const scheme = isSecure ? 'https' : 'http'
    this.#options.proxy.handle({ request: http1Request(request), reply, scheme, port, upgrade: { protocol, tunnel } })
  }

  /** We go on in HTTP/1.1 (RFC 9110 section 7.8): the same bytes, without the offer. */
  #withoutUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const { method, url, httpVersion, rawHeaders } = request
    const lines = rawHeaders.flatMap((name, at) => {
      if (at % 2 === 1 || ['upgrade', 'http2-settings'].includes(name.toLowerCase())) return []
      const value = rawHeaders[at + 1] ?? ''
      return name.toLowerCase() === 'connection' ? [] : [`${name}: ${value}\r\n`]
    })
    const text = `${method} ${url} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`
    this.#http1.emit('connection', socket)
    socket.unshift(Buffer.concat([Buffer.from(text, 'latin1'), head]))
  }

  #join(client: Socket, backend: Socket, begin: () => void): void {
    for (const socket of [client, backend]) {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      this.#tunnels.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#tunnels.delete(socket)
        client.destroy()
        backend.destroy()
      })
    }
    begin()
    client.pipe(backend)
    backend.pipe(client)
  }

  #watch(session: ServerHttp2Session): void {
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', () => {})
    session.setTimeout(keepAliveMs, () => session.close())
    if (this.#isDraining) session.close()
  }
}

function http1Request(request: IncomingMessage): ClientRequest {
  const { method = 'GET', url = '', headers, rawHeaders, socket } = request
  return {
    method,
    url,
    authority: headers.host ?? '',
    rawHeaders,
    body: request,
    hasBody: hasBody(request),
    clientAddress: addressOf(socket),
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** IPv4 clients of a socket for both families are written as such. */
function addressOf(socket: { readonly remoteAddress?: string | undefined } | undefined): string {
  return (socket?.remoteAddress ?? '').replace(/^::ffff:/, '')
}

async function closed(server: Server | TlsServer): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
}

/** `Expect: 100-continue` is answered when somebody wants the body. */
function continueOnRead(request: IncomingMessage, response: ServerResponse): void {
  request.once('resume', () => {
    if (!response.headersSent) response.writeContinue()
  })
}

function headText(
  {
    status,
    reason,
    headers,
  }: { readonly status: number; readonly reason: string; readonly headers: readonly string[] },
  protocol: string,
): Buffer {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1] ?? ''}\r\n`] : []))
  const text = `HTTP/1.1 ${status} ${reason}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${lines.join('')}\r\n`
  return Buffer.from(text, 'latin1')
}
