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
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'

export type RawRequest = IncomingMessage | Http2ServerRequest
export type RawResponse = ServerResponse | Http2ServerResponse

export type TransportOptions = {
  readonly address: string
  readonly port: number
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** PEM bundles of the authorities that may have signed client certificates. */
  readonly clientCa?: readonly (string | Buffer)[]
  readonly onRequest: (request: RawRequest, response: RawResponse) => void
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export type Transport = {
  readonly port: number
  /** Serves a renewed certificate to new connections. */
  readonly setKeyPair: (cert: string, key: string) => void
  /** Stops accepting and tells HTTP/2 clients to go elsewhere. */
  readonly stopAccepting: () => void
  /** Cuts every connection. */
  readonly closeConnections: () => void
}

/** Streams a client may have open on one connection: every informer of a controller is one. Source: upstream's default. */
const maxConcurrentStreams = 1_000
/** Megabytes per connection for streams and what they buffer; Node's default of 10 is too small for a thousand watches. */
const maxSessionMemory = 1_000

/** Starts listening. */
export async function startTransport(options: TransportOptions): Promise<Transport> {
  const { clientCa } = options
  const server = createSecureServer({
    allowHTTP1: true,
    cert: options.cert,
    key: options.key,
    ...(clientCa === undefined || clientCa.length === 0 ? {} : { ca: [...clientCa] }),
    requestCert: clientCa !== undefined && clientCa.length > 0,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxSessionMemory,
    settings: { maxConcurrentStreams, initialWindowSize: 256 * 1024 },
  })
  server.on('request', options.onRequest)
  // With HTTP/1.1 allowed the server also tells of upgrades, as `https` does; Node's types do not know.
  server.on('upgrade' as 'request', options.onUpgrade as never)
  const sessions = trackSessions(server)
  const sockets = trackSockets(server)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    setKeyPair: (cert, key) => server.setSecureContext({ cert, key }),
    stopAccepting: () => {
      server.close()
      for (const session of sessions) if (!session.closed) session.close()
    },
    closeConnections: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

type Session = { readonly closed: boolean; close(): void; once(event: 'close', listener: () => void): unknown }

function trackSessions(server: Http2SecureServer): ReadonlySet<Session> {
  const sessions = new Set<Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    // A client that vanishes is no concern of ours; its requests see `close`.
    session.on('error', () => {})
  })
  return sessions
}

function trackSockets(server: Http2SecureServer): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.setNoDelay(true)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // Port scanners, and clients that do not trust our certificate.
  server.on('tlsClientError', () => {})
  return sockets
}
