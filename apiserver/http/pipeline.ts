/**
 * What every request goes through, in this order:
 *
 *   audit id → request info → authentication → impersonation → flow control → authorization → handler
 *
 * and what becomes of its errors: a `Status`.
 */
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { JsonObject } from '../../apimachinery/json.ts'
import { hasReason, StatusError, toStatus } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Auditor } from '../audit/auditor.ts'
import type { AuditTrail } from '../audit/trail.ts'
import type { Impersonate } from '../authn/impersonation.ts'
import { anonymousUser } from '../authn/user.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { authorizationFailed, forbiddenRequest } from '../authz/forbidden.ts'
import { UnavailableError } from '../storage/storage.ts'
import { BehindError } from '../storage/watch-cache.ts'
import type { AccessMetrics } from './access-metrics.ts'
import { Answer } from './answer.ts'
import type { ApiRequest, ApiResponse, IncomingRequest, Lifetime } from './api-request.ts'
import { Flight } from './flight.ts'
import { type FlowControl, type FlowSeat, OverloadedError } from './flow-control.ts'
import { http1Problem, withoutOrigin } from './http1-rules.ts'
import { negotiateError } from './negotiation.ts'
import type { ProtobufEncoder } from './protobuf-answer.ts'
import { parseQuery } from './query.ts'
import { isMalformedPath, parseRequestInfo, type RequestInfo, type UserInfo } from './request-info.ts'
import type { DoneRequest } from './request-metrics.ts'
import { requestTimeout } from './request-timeout.ts'
import { sendOverloaded, sendStatus } from './respond.ts'
import { type Incoming, ServedRequest } from './served-request.ts'
import { endConnection, hasUnreadBody, type RawRequest, type RawResponse } from './transport.ts'

export type PipelineOptions = {
  readonly authenticate: (request: IncomingRequest, lifetime: Lifetime) => Promise<UserInfo>
  readonly impersonate: Impersonate
  readonly authorizer: Authorizer
  readonly accessMetrics: AccessMetrics
  readonly flowControl: FlowControl
  /** Absent where nothing is recorded. */
  readonly audit?: Auditor
  readonly handle: (request: ApiRequest, response: ApiResponse) => Promise<void>
  /** Whether a path may be upgraded at all; others are answered as if nobody had offered it. */
  readonly takesUpgrade: (info: RequestInfo) => boolean
  readonly upgrade: (request: ApiRequest, socket: Duplex, head: Buffer) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
  readonly requestTimeoutMs: number
  /** The part of requests after which their HTTP/2 connection ends, so that clients spread over several servers. */
  readonly goawayChance: number
  readonly random: () => number
  readonly protobuf: ProtobufEncoder
  /** Adds to the `Status` metadata of an error, such as a continue token. */
  readonly statusMetadata: (error: StatusError) => JsonObject
  readonly onDone: (request: DoneRequest) => void
}

/** Requests under way beyond this are refused, so that a flood cannot fill the memory. */
const maxInFlight = 5_000

/** How often requests are looked at that take too long. */
const timeoutsEveryMs = 250

/** Runs requests; `stop` aborts those under way, watches first. */
export class Pipeline {
  readonly #options: PipelineOptions
  /** Requests that must end within the time limit. */
  readonly #short = new Set<Flight>()
  /** Watches and upgraded connections. */
  readonly #long = new Set<Flight>()

  constructor(options: PipelineOptions) {
    this.#options = options
  }

  get inFlight(): number {
    return this.#short.size
  }

  /** Watches and upgraded connections of the moment, for metrics. */
  longRunning(): readonly RequestInfo[] {
    return [...this.#long].map(({ info }) => info)
  }

  /** Ends requests that take too long. */
  async runTimeouts(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      await clock.sleep(timeoutsEveryMs, signal)
      const nowMs = clock.now()
      for (const flight of this.#short) {
        if (flight.startedMs + flight.timeoutMs > nowMs) continue
        // A handler that does not listen to its signal is answered for.
        if (flight.reason !== undefined) flight.giveUp?.()
        else
          flight.abort(new StatusError('Timeout', 'Timeout: request did not complete within the allotted timeout', {}))
      }
    }
  }

  /** How many watches and upgraded connections there are. */
  get lasting(): number {
    return this.#long.size
  }

  /** Ends this many of them, by default all. */
  endWatches(most = Number.POSITIVE_INFINITY): void {
    let left = most
    for (const flight of this.#long) {
      if (left-- <= 0) return
      this.#long.delete(flight)
      flight.abort(new Error('the server is shutting down'))
    }
  }

  endRequests(): void {
    for (const flight of this.#short) flight.abort(new Error('the server is shutting down'))
  }

  /** Answers one request; never throws. */
  async serve(raw: RawRequest, response: RawResponse): Promise<void> {
    const refusal = refusalOf(raw)
    if (refusal !== undefined) {
      refuse(response, refusal)
      return
    }
    // Asks what the server can do at all. Source: Go's `globalOptionsHandler`.
    if (raw.url === '*' && raw.method === 'OPTIONS') {
      response.writeHead(200, { 'content-length': 0 })
      response.end()
      return
    }
    const { clock, onDone } = this.#options
    const startedMs = clock.now()
    const warnings: string[] = []
    const incoming = incomingOf(raw, warnings)
    const info = parseRequestInfo(incoming.method, incoming.url)
    const flight = new Flight(info, startedMs, this.#options.requestTimeoutMs)
    const flights = isLongRunning(info) ? this.#long : this.#short
    flights.add(flight)
    const auditId = auditIdOf(incoming)
    const start = { incoming, info, auditId, receivedMs: startedMs, isLongRunning: flights === this.#long }
    const trail = this.#options.audit?.begin(start)
    const answer = new Answer(response, auditId, warnings, trail)
    let seat: FlowSeat | undefined
    let isForbidden = false
    response.once('close', () => {
      flights.delete(flight)
      if (!response.writableEnded) flight.abort(new Error('the client went away'))
      onDone({
        info,
        code: answer.code,
        startedMs,
        bytes: answer.bytes,
        userAgent: incoming.headers['user-agent'] ?? '',
        dryRun: incoming.url.includes('dryRun=') ? parseQuery(incoming.url).getAll('dryRun') : [],
      })
    })
    const fail = (error: unknown): void => {
      if (hasUnreadBody(raw)) answer.carry('connection', 'close')
      if (isForbidden) answer.carry('x-content-type-options', 'nosniff')
      if (hasReason(error, 'Unauthorized')) endConnection(raw)
      const cause = error instanceof StatusError ? error : (flight.reason ?? error)
      try {
        this.#answerError(cause, answer, incoming, trail)
      } catch (broken) {
        // Not even the error can be told; the client must not wait, and others must not go down with it.
        this.#options.logger.error('An error could not be answered', { url: incoming.url, error: broken })
        answer.destroy()
      }
    }
    flight.giveUp = () => fail(flight.reason)
    try {
      if (this.#options.random() < this.#options.goawayChance) endConnection(raw)
      if (this.#short.size > maxInFlight) throw new OverloadedError(1, {})
      if (flights === this.#short) flight.timeoutMs = requestTimeout(incoming.url, flight.timeoutMs)
      const user = await this.#identify(incoming, flight, trail)
      // Who has no name has no claim to a connection of many requests. Source: UnauthenticatedHTTP2DOSMitigation.
      if (user.name === anonymousUser.name) endConnection(raw)
      seat = await this.#seat(user, incoming, flight)
      if (seat !== undefined) answer.carryAll(seat.headers)
      isForbidden = true
      await this.#authorize(user, info, incoming.url, trail)
      isForbidden = false
      const begun = info.verb === 'watch' ? seat?.finish : undefined
      const { protobuf, handle } = this.#options
      await handle(new ServedRequest({ raw, incoming, flight, user, protobuf, trail, begun }), answer)
    } catch (error) {
      fail(error)
    } finally {
      trail?.completed()
      seat?.finish()
      seat?.ended?.()
    }
  }

  /** An HTTP/1.1 upgrade; never throws. */
  async serveUpgrade(raw: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refusal = refusalOf(raw)
    if (refusal !== undefined) {
      socket.end(
        `HTTP/1.1 ${refusal}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${refusal}`,
      )
      return
    }
    const warnings: string[] = []
    const incoming = incomingOf(raw, warnings)
    const info = parseRequestInfo(incoming.method, incoming.url)
    if (!this.#options.takesUpgrade(info)) {
      // A client may offer another protocol, and gets an answer in this one all the same.
      await this.serve(raw, plainResponse(raw, socket))
      return
    }
    const flight = new Flight(info, this.#options.clock.now(), this.#options.requestTimeoutMs)
    this.#long.add(flight)
    let seat: FlowSeat | undefined
    let isForbidden = false
    const receivedMs = flight.startedMs
    const start = { incoming, info, auditId: auditIdOf(incoming), receivedMs, isLongRunning: true }
    const trail = this.#options.audit?.begin(start)
    socket.once('close', () => {
      this.#long.delete(flight)
      trail?.completed()
      seat?.finish()
      seat?.ended?.()
      flight.abort(new Error('the client went away'))
    })
    socket.on('error', () => {})
    try {
      const user = await this.#identify(incoming, flight, trail)
      // A watch over a WebSocket begins with as much work as any other.
      seat = await this.#seat(user, incoming, flight)
      isForbidden = true
      await this.#authorize(user, info, incoming.url, trail)
      isForbidden = false
      const { protobuf, upgrade } = this.#options
      const request = new ServedRequest({ raw, incoming, flight, user, protobuf, trail, begun: seat?.finish })
      await upgrade(request, socket, head)
      trail?.started(101)
    } catch (error) {
      seat?.finish()
      const status = this.#statusOf(error, incoming, trail)
      trail?.failed(status)
      trail?.started(status.code)
      answerUpgradeError(status, socket, isForbidden)
    }
  }

  async #identify(incoming: IncomingRequest, flight: Flight, trail: AuditTrail | undefined): Promise<UserInfo> {
    const { impersonate } = this.#options
    const caller = await this.#authenticate(incoming, flight, trail)
    if (trail !== undefined) await trail.authenticated(caller)
    const user = await impersonate(caller, incoming, flight.info)
    if (user !== caller) trail?.impersonated(user)
    return user
  }

  async #authenticate(incoming: IncomingRequest, lifetime: Lifetime, trail: AuditTrail | undefined): Promise<UserInfo> {
    const { authenticate, accessMetrics, clock } = this.#options
    const startedMs = clock.now()
    try {
      const caller = await authenticate(incoming, lifetime)
      accessMetrics.authenticated(caller, startedMs)
      return caller
    } catch (error) {
      accessMetrics.notAuthenticated(error, startedMs)
      trail?.unauthenticated()
      throw error
    }
  }

  async #authorize(user: UserInfo, info: RequestInfo, url: string, trail: AuditTrail | undefined): Promise<void> {
    const { authorizer, accessMetrics, clock } = this.#options
    const startedMs = clock.now()
    const asked = authorizer({ user, info })
    const decision = asked instanceof Promise ? await asked : asked
    accessMetrics.authorized(decision, startedMs)
    trail?.authorized(decision)
    const { type, reason, error } = decision
    if (type === 'allow') return
    throw error === undefined ? forbiddenRequest({ user, info }, reason) : authorizationFailed(url, error)
  }

  #seat(user: UserInfo, { url }: IncomingRequest, flight: Flight): ReturnType<FlowControl['start']> {
    const { info, startedMs, timeoutMs } = flight
    return this.#options.flowControl.start({
      user,
      info,
      url,
      arrivedMs: startedMs,
      timeoutMs,
      isLongRunning: isLongRunning(info),
      lifetime: flight,
    })
  }

  #answerError(cause: unknown, response: ApiResponse, incoming: IncomingRequest, trail: AuditTrail | undefined): void {
    if (response.headersSent) {
      // Half an answer cannot be taken back: all that is left to say is that it ends here, or that it is not whole.
      if (response.writableEnded) return
      if (hasReason(cause, 'Timeout')) response.destroy()
      else response.end()
      return
    }
    if (cause instanceof OverloadedError) {
      sendOverloaded(response, cause)
      return
    }
    const status = this.#statusOf(cause, incoming, trail)
    trail?.failed(status)
    const { statusMetadata, protobuf } = this.#options
    const form = negotiateError(incoming.headers, incoming.url)
    sendStatus(response, status, statusMetadata(status), form, protobuf)
  }

  #statusOf(error: unknown, { method, url }: IncomingRequest, trail: AuditTrail | undefined): StatusError {
    if (error instanceof StatusError) return error
    if (error instanceof OverloadedError) {
      return new StatusError('TooManyRequests', error.message, { retryAfterSeconds: error.retryAfterSeconds })
    }
    if (error instanceof UnavailableError) {
      // What etcd itself refuses (a value too large for it) has no reason of its own, as upstream.
      const isRefusal = error.message.startsWith('etcdserver:')
      return new StatusError(isRefusal ? '' : 'InternalError', error.message, undefined, 500)
    }
    if (error instanceof BehindError) {
      return new StatusError('Timeout', 'Timeout: the cache did not catch up with the store', { retryAfterSeconds: 1 })
    }
    this.#options.logger.error('Request failed', { method, url, error })
    trail?.panicked(error)
    return new StatusError('InternalError', 'Internal error occurred: see the log of the API server', {
      causes: [{ reason: 'InternalError', message: 'see the log of the API server' }],
    })
  }
}

/** The status line for what Go's server would not hand to any handler. */
function refusalOf(raw: RawRequest): string | undefined {
  if (isMalformedPath(raw.url ?? '')) return '400 Bad Request'
  return 'stream' in raw ? undefined : http1Problem(raw)
}

function refuse(response: RawResponse, line: string): void {
  // The code of a line is never anything but a number.
  const [code, words] = [Number(line.slice(0, 3)), line.slice(4)]
  const headers = { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }
  if (response instanceof ServerResponse) {
    // The end of the connection is the end of the answer.
    response.removeHeader('transfer-encoding')
    response.writeHead(code, words, headers)
  } else response.writeHead(code, { 'content-type': headers['content-type'] })
  response.end(line)
}

/** Writes to a connection that Node has given away for an upgrade. */
function plainResponse(raw: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(raw)
  response.shouldKeepAlive = false
  // It is the connection's own socket.
  response.assignSocket(socket as Socket)
  response.once('finish', () => socket.end())
  socket.on('error', () => {})
  return response
}

/** Whether a request may last: watches and streams. Source: upstream's long-running request check. */
export function isLongRunning({ verb, subresource }: RequestInfo): boolean {
  return verb === 'watch' || verb === 'proxy' || longRunningSubresources.has(subresource)
}
const longRunningSubresources = new Set(['attach', 'exec', 'log', 'portforward', 'proxy'])

function addWarning(warnings: string[], text: string): void {
  if (!warnings.includes(text)) warnings.push(text)
}

function incomingOf(raw: RawRequest, warnings: string[]): Incoming {
  return {
    method: raw.method ?? 'GET',
    url: withoutOrigin(raw.url ?? '/'),
    headers: raw.headers,
    rawHeaders: raw.rawHeaders,
    warn: (text) => addWarning(warnings, text),
    // The one port of the server speaks TLS only; for HTTP/2 it is the session's view of the same socket.
    connection: ('stream' in raw ? raw.stream.session?.socket : raw.socket) as TLSSocket,
  }
}

/** What the client calls its request, or a name of our own. */
function auditIdOf({ headers }: IncomingRequest): string {
  const given = headers['audit-id']
  return typeof given === 'string' && given !== '' ? given : randomUUID()
}

function answerUpgradeError(error: StatusError, socket: Duplex, isForbidden: boolean): void {
  if (socket.destroyed) return
  const body = `${JSON.stringify(toStatus(error))}\n`
  socket.end(
    [
      `HTTP/1.1 ${error.code} ${STATUS_CODES[error.code] ?? ''}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      ...(isForbidden ? ['X-Content-Type-Options: nosniff'] : []),
      '',
      body,
    ].join('\r\n'),
  )
}
