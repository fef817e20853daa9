/**
 * A request's way: refuse what is ambiguous → route → redirect or limits → endpoints in turn → the answer, streamed. Nothing is
 * buffered; a request goes to another endpoint only as long as none has had any of it.
 */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Clock } from '../../component-base/clock.ts'
import type { IngressMetrics } from '../metrics.ts'
import type { Endpoint } from '../table/backends.ts'
import { match, rewrite } from '../table/match.ts'
import { matchingHost, matchingPath } from '../table/paths.ts'
import type { Route, Table } from '../table/table.ts'
import { type Balancer, cookieValue } from './balancer.ts'
import {
  clientScheme,
  cookieOf,
  type Framing,
  faultOf,
  type HeaderList,
  headerOf,
  requestHeaders,
  responseHeaders,
} from './headers.ts'
import type { Pools } from './pools.ts'
import { type Reply, replyText } from './reply.ts'
import { type Answer, type OutgoingRequest, type Phase, type Sent, send, TimeLimitError } from './upstream.ts'

export type ProxyOptions = {
  readonly table: () => Table
  readonly balancer: Balancer
  readonly pools: Pools
  readonly metrics: IngressMetrics
  readonly clock: Clock
  readonly trustsForwarded: boolean
  /** Where redirects lead; 443 is not written. */
  readonly httpsPort: number
}
/** What is asked, over whatever protocol. */
export type ClientRequest = {
  readonly method: string
  /** A path with query, or a whole URL. */
  readonly url: string
  /** The host, as the client names it; '' when it names none. */
  readonly authority: string
  readonly rawHeaders: HeaderList
  readonly body: Readable
  /** Whether a body follows; how long it is, headers say. */
  readonly hasBody: boolean
  readonly clientAddress: string
}
/** A request as a listener hands it over. */
export type Incoming = {
  readonly request: ClientRequest
  readonly reply: Reply
  readonly scheme: 'http' | 'https'
  readonly port: number
  /** The protocol asked for and what happens when a backend agrees. */
  readonly upgrade?: { readonly protocol: string; readonly tunnel: Tunnel }
}
/** Joins the client's connection with the backend's. */
export type Tunnel = (head: Omit<Answer, 'body' | 'trailers'>, socket: Socket, first: Buffer) => void

/** May be sent twice without harm (RFC 9110 section 9.2.2). */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
/** Sends of one request, counting those to the same endpoint. */
const maxSends = 3
/** Why the 404 of nobody's requests is told from a backend's. Source: the text of the well-known default backend. */
const notFoundText = 'default backend - 404'

type Exchange = Incoming & {
  readonly route: Route
  readonly outgoing: OutgoingRequest
  readonly endpoints: readonly Endpoint[]
  readonly sticky: string | undefined
}

/** Routes and forwards requests. */
export class ReverseProxy {
  readonly #options: ProxyOptions

  constructor(options: ProxyOptions) {
    this.#options = options
  }

  /** Answers one request, sooner or later. Never throws. */
  handle(incoming: Incoming): void {
    const { request, reply } = incoming
    const { metrics, clock } = this.#options
    const startMs = clock.now()
    let route: Route | undefined
    let status = 0
    const observed: Reply = {
      ...reply,
      head: (code, reason, headers) => {
        status = code
        reply.head(code, reason, headers)
      },
    }
    reply.onClose((isWhole) => {
      metrics.observe({ route, status: isWhole ? status : 499, seconds: (clock.now() - startMs) / 1_000 })
    })
    request.body.on('error', () => {})
    try {
      route = this.#handle({ ...incoming, reply: observed })
    } catch {
      // Node refuses to send on what it has let in, such as HTTP/2 headers that HTTP/1.1 cannot say.
      fail(observed, 400, 'bad request')
    }
  }

  #handle(incoming: Incoming): Route | undefined {
    const { request, reply, scheme, upgrade } = incoming
    const { trustsForwarded, httpsPort, table, balancer } = this.#options
    const { rawHeaders, method } = request
    const where = locate(request)
    const fault = where === undefined ? 'bad request target or host' : faultOf(rawHeaders)
    if (where === undefined || fault !== undefined) {
      reply.distrust()
      return refuse(reply, 400, `bad request: ${fault}`)
    }
    if (method === 'CONNECT' || method === 'TRACE') return refuse(reply, 405, 'method not allowed')
    const route = match(table(), where.host, where.path)
    if (route === undefined) return refuse(reply, 404, notFoundText)
    const { settings } = route
    const isPlain = clientScheme(rawHeaders, { scheme, trustsForwarded }) === 'http'
    if (isPlain && (settings.redirect === 'always' || (settings.redirect === 'withTls' && route.hasTls))) {
      const to = `https://${where.host}${httpsPort === 443 ? '' : `:${httpsPort}`}${where.target}`
      replyText(reply, 308, 'Permanent Redirect', ['Location', to])
      return route
    }
    // What follows an offer to change protocols belongs to the tunnel, if there will be one.
    const framing: Framing = upgrade === undefined ? framingOf(request) : { type: 'none' }
    if (settings.maxBodyBytes > 0 && framing.type === 'length' && Number(framing.text) > settings.maxBodyBytes) {
      return refuse(reply, 413, 'request entity too large', route)
    }
    const sticky = settings.cookie === undefined ? undefined : cookieOf(rawHeaders, settings.cookie.name)
    const endpoints = balancer.order(route.backend, sticky)
    if (endpoints.length === 0) return refuse(reply, 503, 'service unavailable: no endpoint is ready', route)
    const outgoing = {
      method,
      target: rewrite(route, where.path, where.target),
      authority: where.authority,
      headers: requestHeaders(rawHeaders, {
        authority: where.authority,
        clientAddress: request.clientAddress,
        scheme,
        port: incoming.port,
        trustsForwarded,
        requestId: requestId(rawHeaders),
      }),
      framing,
      timeouts: settings,
      ...(upgrade === undefined ? {} : { upgrade: upgrade.protocol }),
    }
    this.#forward({ ...incoming, route, outgoing, endpoints, sticky })
    return route
  }

  #forward(exchange: Exchange): void {
    const { reply } = exchange
    let current: Sent | undefined
    let isOver = false
    reply.onClose(() => {
      isOver = true
      current?.destroy()
    })
    const attempt = (index: number, sends: number): void => {
      const endpoint = exchange.endpoints[index % exchange.endpoints.length]
      if (endpoint === undefined || isOver) return
      current = this.#attempt(exchange, endpoint, (error, phase) => {
        if (isOver) return
        const mayRepeat =
          phase === 'connect' ? index + 1 < exchange.endpoints.length : phase === 'reused' && isRepeatable(exchange)
        if (mayRepeat && sends < maxSends) return repeat(index + 1, sends + 1)
        const isLate = error instanceof TimeLimitError
        replyText(reply, isLate ? 504 : 502, isLate ? 'gateway timeout' : 'bad gateway')
      })
    }
    const repeat = (index: number, sends: number): void => {
      try {
        attempt(index, sends)
      } catch {
        fail(reply, 502, 'bad gateway')
      }
    }
    attempt(0, 1)
  }

  #attempt(exchange: Exchange, endpoint: Endpoint, onFailure: (error: Error, phase: Phase) => void): Sent | undefined {
    const { route, outgoing, request, reply, upgrade } = exchange
    const { pools, metrics } = this.#options
    const pool = pools.of(endpoint, route.backend.protocol)
    if (pool.isFull()) {
      onFailure(new Error('too many requests are under way'), 'connect')
      return undefined
    }
    let isCounted = true
    const done = (): void => {
      if (isCounted) pool.inFlight -= 1
      isCounted = false
    }
    const sent = send(pool, endpoint, route.backend.protocol, outgoing, {
      connected: () => this.#sendBody(exchange, sent),
      answered: (answer) => {
        try {
          this.#passOn(exchange, endpoint, answer, done)
        } catch {
          // A head that must not be sent on.
          answer.body.destroy()
          fail(reply, 502, 'bad gateway')
        }
      },
      upgraded: (head, socket, first) => {
        socket.once('close', done)
        metrics.upgraded()
        if (upgrade === undefined) socket.destroy()
        else upgrade.tunnel({ ...head, headers: responseHeaders(head.headers) }, socket, first)
      },
      failed: (error, phase) => {
        done()
        metrics.failed(phase)
        request.body.unpipe()
        // Else we have answered ourselves, and do not want the rest.
        if (!reply.hasHead()) onFailure(error, phase)
      },
    })
    pool.inFlight += 1
    sent.body.once('close', done)
    return sent
  }

  #sendBody({ request, reply, route, outgoing }: Exchange, { body, destroy }: Sent): void {
    if (outgoing.framing.type === 'none') {
      body.end()
      return
    }
    const { maxBodyBytes } = route.settings
    if (maxBodyBytes > 0 && outgoing.framing.type === 'chunked') {
      let bytes = 0
      request.body.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes <= maxBodyBytes || reply.hasHead()) return
        request.body.unpipe(body)
        replyText(reply, 413, 'request entity too large')
        destroy()
      })
    }
    request.body.pipe(body)
  }

  #passOn({ reply, route, sticky }: Exchange, endpoint: Endpoint, answer: Answer, done: () => void): void {
    const { body } = answer
    if (reply.hasHead()) {
      body.destroy()
      return
    }
    const { cookie } = route.settings
    const value = cookie === undefined ? '' : cookieValue(endpoint)
    const affinity = cookie === undefined || value === sticky ? [] : ['Set-Cookie', cookieText(cookie, value)]
    reply.head(answer.status, answer.reason, [...responseHeaders(answer.headers), ...affinity])
    let hasData = false
    body.on('data', (chunk: Buffer) => {
      hasData = true
      if (!reply.write(chunk)) body.pause()
    })
    reply.onDrain(() => body.resume())
    body.once('end', () => {
      hasData = true
      done()
      reply.end(answer.trailers())
    })
    body.once('error', () => {
      done()
      reply.abort()
    })
    body.once('close', () => {
      done()
      // Cut off in the middle: whoever waits must not take it for whole.
      if (!body.readableEnded) reply.abort()
    })
    // Events come as they are made: a head waits no longer than this turn for the first bytes of its body.
    setImmediate(() => {
      if (!hasData) reply.flush()
    })
  }
}

/** For what should not happen: whoever waits is told, as far as that is still possible. */
function fail(reply: Reply, status: number, text: string): void {
  if (reply.hasHead()) reply.abort()
  else replyText(reply, status, text)
}

function refuse(reply: Reply, status: number, text: string, route?: Route): Route | undefined {
  replyText(reply, status, text)
  return route
}

function isRepeatable({ outgoing }: Exchange): boolean {
  return outgoing.framing.type === 'none' && outgoing.upgrade === undefined && idempotent.has(outgoing.method)
}

type Location = {
  readonly authority: string
  readonly host: string
  readonly target: string
  readonly path: string
}

/** Host and path of a request, in either form of the target (RFC 9112 section 3.2); `undefined` when they are none. */
function locate({ url, authority: host }: ClientRequest): Location | undefined {
  const [, named, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url) ?? []
  const authority = named ?? host
  const target = named === undefined ? url : `${rest.startsWith('/') ? '' : '/'}${rest}`
  const query = target.search(/[?#]/)
  const path = matchingPath(query < 0 ? target : target.slice(0, query))
  // HTTP/1.0 may leave the host out.
  const matched = authority === '' ? '' : matchingHost(authority)
  return path === undefined || matched === undefined ? undefined : { authority, host: matched, target, path }
}

function framingOf({ rawHeaders, hasBody }: ClientRequest): Framing {
  const length = headerOf(rawHeaders, 'content-length')
  if (length !== undefined) return length === '0' ? { type: 'none' } : { type: 'length', text: length }
  return hasBody ? { type: 'chunked' } : { type: 'none' }
}

/** The client's own id, if it is one, so that a chain of proxies keeps it. */
function requestId(headers: HeaderList): string {
  const given = headerOf(headers, 'x-request-id')
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID().replaceAll('-', '')
}

function cookieText(
  { name, path, maxAgeSeconds, isSecure }: NonNullable<Route['settings']['cookie']>,
  value: string,
): string {
  const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`
  return `${name}=${value}; Path=${path}${age}${isSecure ? '; Secure' : ''}; HttpOnly`
}
