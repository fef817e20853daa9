/** One request to one endpoint, over HTTP/1.1 or HTTP/2. */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { BackendProtocol, Settings } from '../table/annotations.ts'
import type { Endpoint } from '../table/backends.ts'
import { type Framing, type HeaderList, headerObject } from './headers.ts'
import type { PooledEndpoint } from './pools.ts'

export type OutgoingRequest = {
  readonly method: string
  readonly target: string
  readonly authority: string
  readonly headers: HeaderList
  readonly framing: Framing
  /** What the connection is to become; absent for ordinary requests. */
  readonly upgrade?: string
  readonly timeouts: Pick<Settings, 'connectTimeoutMs' | 'readTimeoutMs'>
}
export type Answer = {
  readonly status: number
  readonly reason: string
  readonly headers: HeaderList
  readonly body: Readable
  readonly trailers: () => HeaderList
}
/** How far a request got before it failed: nothing was sent; it went out on a kept connection that was closed; it was sent. */
export type Phase = 'connect' | 'reused' | 'sent'
export type Listener = {
  /** The body may be sent now. */
  readonly connected: () => void
  readonly answered: (answer: Answer) => void
  /** The connection is a tunnel now; `head` are its first bytes. */
  readonly upgraded: (answer: Omit<Answer, 'body' | 'trailers'>, socket: Socket, head: Buffer) => void
  readonly failed: (error: Error, phase: Phase) => void
}
export type Sent = {
  /** Where the body goes, after `connected`. */
  readonly body: Writable
  readonly destroy: () => void
}

/** The endpoint did not connect or answer in time. */
export class TimeLimitError extends Error {
  override readonly name = 'TimeLimitError'
}

/** Sends the head; the rest is told to `listener`. */
export function send(
  pool: PooledEndpoint,
  endpoint: Endpoint,
  protocol: BackendProtocol,
  request: OutgoingRequest,
  listener: Listener,
): Sent {
  const isHttp2 = (protocol === 'h2c' || protocol === 'h2') && request.upgrade === undefined
  return isHttp2 ? sendHttp2(pool, protocol, request, listener) : sendHttp1(pool, endpoint, protocol, request, listener)
}

function sendHttp1(
  pool: PooledEndpoint,
  { address, port }: Endpoint,
  protocol: BackendProtocol,
  { method, target, headers, framing, upgrade, timeouts }: OutgoingRequest,
  listener: Listener,
): Sent {
  const isSecure = protocol === 'https' || protocol === 'h2'
  const options = {
    ...{ agent: pool.agent, host: address, port, method, path: target, timeout: timeouts.connectTimeoutMs },
    // CGI programs and other old servers end lines with a bare line feed; nginx takes that, too.
    insecureHTTPParser: true,
    headers: [
      ...headers,
      ...framingHeaders(framing, method),
      ...(upgrade === undefined ? [] : ['Connection', 'Upgrade', 'Upgrade', upgrade]),
    ],
  }
  const message: ClientRequest = isSecure ? requestHttps(options) : requestHttp(options)
  let phase: Phase = 'connect'
  let isAnswered = false
  const connected = (socket: Socket): void => {
    phase = message.reusedSocket ? 'reused' : 'sent'
    socket.setTimeout(timeouts.readTimeoutMs)
    listener.connected()
  }
  message.once('socket', (socket) => {
    if (message.reusedSocket || !socket.connecting) connected(socket)
    else socket.once(isSecure ? 'secureConnect' : 'connect', () => connected(socket))
  })
  message.once('response', (response) => {
    const { headers: fields } = response
    if (fields['transfer-encoding'] !== undefined && fields['content-length'] !== undefined) {
      message.destroy(new Error('the answer has both Content-Length and Transfer-Encoding'))
      return
    }
    isAnswered = true
    listener.answered({ ...headOf(response), body: response, trailers: () => response.rawTrailers })
  })
  message.once('upgrade', (response, socket, head) => {
    isAnswered = true
    listener.upgraded(headOf(response), socket, head)
  })
  message.once('timeout', () => message.destroy(new TimeLimitError(phase === 'connect' ? 'connect' : 'read')))
  message.on('error', (error) => {
    // After the answer the body tells.
    if (!isAnswered) listener.failed(error, phase)
  })
  return { body: message, destroy: () => message.destroy() }
}

/** A method that may have a body and has none must say so; the others say nothing. */
function framingHeaders(framing: Framing, method: string): readonly string[] {
  switch (framing.type) {
    case 'length':
      return ['Content-Length', framing.text]
    case 'chunked':
      return ['Transfer-Encoding', 'chunked']
    case 'none':
      return method === 'POST' || method === 'PUT' || method === 'PATCH' ? ['Content-Length', '0'] : []
  }
}

function headOf(response: IncomingMessage): Omit<Answer, 'body' | 'trailers'> {
  return { status: response.statusCode ?? 502, reason: response.statusMessage ?? '', headers: response.rawHeaders }
}

function sendHttp2(
  pool: PooledEndpoint,
  protocol: BackendProtocol,
  { method, target, authority, headers, framing, timeouts }: OutgoingRequest,
  listener: Listener,
): Sent {
  const session = pool.session()
  const length = framing.type === 'length' ? { 'content-length': framing.text } : {}
  const { host: _host, ...rest } = headerObject(headers)
  const stream: ClientHttp2Stream = session.request(
    {
      ...rest,
      ...length,
      ':method': method,
      ':path': target,
      ':scheme': protocol === 'h2' ? 'https' : 'http',
      ':authority': authority,
    },
    { endStream: framing.type === 'none' },
  )
  let phase: Phase = 'connect'
  let isAnswered = false
  let trailers: HeaderList = []
  const connected = (): void => {
    phase = 'sent'
    stream.setTimeout(timeouts.readTimeoutMs)
    listener.connected()
  }
  stream.setTimeout(timeouts.connectTimeoutMs)
  if (session.connecting) session.once('connect', connected)
  else queueMicrotask(connected)
  stream.once('response', (fields) => {
    isAnswered = true
    listener.answered({
      status: fields[':status'] ?? 502,
      reason: '',
      headers: listOf(fields),
      body: stream,
      trailers: () => trailers,
    })
  })
  stream.once('trailers', (fields) => {
    trailers = listOf(fields)
  })
  stream.once('timeout', () => {
    // A session that does not connect is of no use to others either.
    if (phase === 'connect') session.destroy(new TimeLimitError('connect'))
    else stream.destroy(new TimeLimitError('read'))
  })
  const failed = (error: Error): void => {
    if (isAnswered) return
    isAnswered = true
    // Refused: the endpoint says that it has done nothing with it (RFC 9113 section 8.7).
    listener.failed(error, stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? 'connect' : phase)
  }
  stream.on('error', failed)
  stream.once('close', () => {
    session.off('connect', connected)
    failed(new Error('the stream was closed before an answer'))
  })
  return { body: stream, destroy: () => stream.close(constants.NGHTTP2_CANCEL) }
}

function listOf(fields: IncomingHttpHeaders): HeaderList {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined || name.startsWith(':')
      ? []
      : Array.isArray(value)
        ? value.flatMap((each) => [name, each])
        : [name, String(value)],
  )
}
