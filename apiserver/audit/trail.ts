/**
 * What is gathered about one request while it is served, told to the backends stage by stage:
 *
 *   RequestReceived ─▶ (ResponseStarted, for requests that last) ─▶ ResponseComplete, or Panic
 */
import { parse as parseYaml } from 'yaml'
import { type StatusError, StatusError as StatusFailure, toStatus } from '../../apimachinery/status.ts'
import { formatMicroTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Decision } from '../authz/authorizer.ts'
import type { IncomingRequest } from '../http/api-request.ts'
import { parseQuery } from '../http/query.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import {
  type AuditEvent,
  auditUser,
  auditUserAgent,
  objectReference,
  type ResponseStatus,
  sourceIps,
  withObject,
} from './event.ts'
import { withoutManagedFields } from './managed-fields.ts'
import type { AuditDecision, AuditPolicy, AuditStage } from './policy.ts'

/** Takes events; `false`: one of them is lost and the request must not go on. */
export type AuditSink = (event: AuditEvent) => boolean | Promise<boolean>

/** How the trail of a request begins. */
export type TrailStart = {
  readonly incoming: IncomingRequest
  readonly info: RequestInfo
  readonly auditId: string
  readonly receivedMs: number
  readonly isLongRunning: boolean
}
export type TrailOptions = { readonly policy: AuditPolicy; readonly sink: AuditSink; readonly clock: Clock }

const statusStart = Buffer.from('{"kind":"Status"')
const authorizationPrefix = 'authorization.k8s.io/'

/** One request. Before the policy has been asked, and where it says `None`, nothing is gathered. */
export class AuditTrail {
  readonly #options: TrailOptions
  readonly #start: TrailStart
  #decision: AuditDecision | undefined
  #event: AuditEvent | undefined
  #isLongRunning: boolean
  #panicked = false
  /** Nothing follows what has been told. */
  #isOver = false

  constructor(options: TrailOptions, start: TrailStart) {
    this.#options = options
    this.#start = start
    this.#isLongRunning = start.isLongRunning
  }

  /** Asks the policy, and records that the request has come. Throws when it must not go on without a record. */
  async authenticated(user: UserInfo): Promise<void> {
    this.#open(user)
    if (await this.#emit('RequestReceived')) return
    throw new StatusFailure('InternalError', 'Internal Server Error: failed to store audit event', {})
  }

  /** Nobody could be recognized: the answer is all that is recorded. */
  unauthenticated(): void {
    this.#open(undefined)
    this.#isLongRunning = true
    this.#isOver = true
    this.#change({ responseStatus: { metadata: {}, message: attemptedMethods(this.#start.incoming) } })
  }

  impersonated(user: UserInfo): void {
    this.#change({ impersonatedUser: auditUser(user) })
  }

  authorized({ type, reason, error }: Decision): void {
    if (type !== 'allow' && error !== undefined) this.annotate(`${authorizationPrefix}reason`, 'internal error')
    else {
      this.annotate(`${authorizationPrefix}decision`, type === 'allow' ? 'allow' : 'forbid')
      this.annotate(`${authorizationPrefix}reason`, reason)
    }
  }

  /** Adds a note; what is there already stays. With a level: only where bodies are recorded. */
  annotate(key: string, value: string, level?: 'Request'): void {
    if (level !== undefined && !this.#records(level)) return
    const { annotations = {} } = this.#event ?? {}
    if (!Object.hasOwn(annotations, key)) this.#change({ annotations: { ...annotations, [key]: value } })
  }

  /** The body as it came: for patches, that is what is recorded; for objects, until they are decoded. */
  body(bytes: Buffer, contentType: string): void {
    if (!this.#records('Request') || bytes.length === 0 || contentType.includes('protobuf')) return
    try {
      const text = bytes.toString('utf8')
      const value: unknown = contentType.includes('yaml') ? parseYaml(text) : JSON.parse(text)
      const isPatch = contentType.includes('patch')
      this.#change({
        requestObject: contentType.includes('yaml') ? JSON.stringify(value) : text,
        ...(isPatch ? {} : this.#reference(value)),
      })
    } catch {
      // What cannot be read is refused elsewhere.
    }
  }

  /** The object that a write brings, decoded. */
  requestObject(object: object): void {
    const text = this.#records('Request') ? JSON.stringify(this.#stripped(object)) : undefined
    this.#change({ ...this.#reference(object), ...(text === undefined ? {} : { requestObject: text }) })
  }

  /** The answer, as JSON. */
  response(json: Buffer): void {
    if (this.#event !== undefined && json.subarray(0, statusStart.length).equals(statusStart)) this.#answered(json)
    if (!this.#records('RequestResponse')) return
    const text = json.toString('utf8')
    const isStripped = this.#decision?.omitManagedFields === true && text.includes('"managedFields"')
    this.#change({
      responseObject: isStripped ? JSON.stringify(withoutManagedFields(JSON.parse(text))) : text.trimEnd(),
    })
  }

  /** The answer is a Status: that of a deletion. */
  #answered(json: Buffer): void {
    const { status, message, reason, details } = JSON.parse(json.toString('utf8')) as ResponseStatus
    this.#change({
      responseStatus: {
        metadata: {},
        ...(status === undefined ? {} : { status }),
        ...(message === undefined ? {} : { message }),
        ...(reason === undefined ? {} : { reason }),
        ...(details === undefined ? {} : { details }),
      },
    })
  }

  /** The head of the answer is out. */
  started(code: number): void {
    this.#change({ responseStatus: { ...(this.#event?.responseStatus ?? { metadata: {} }), code } })
    if (this.#isLongRunning) this.#note('ResponseStarted')
  }

  /** The answer is an error. */
  failed(error: StatusError): void {
    const status = toStatus(error)
    const { code, message, reason, details } = status
    const failure: ResponseStatus = {
      metadata: {},
      status: 'Failure',
      ...(message === undefined ? {} : { message }),
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      ...(code === undefined ? {} : { code }),
    }
    if (!this.#panicked) this.#change({ responseStatus: failure })
    if (this.#records('RequestResponse')) this.#change({ responseObject: JSON.stringify(status) })
  }

  /** A bug: the answer was made up. */
  panicked(error: unknown): void {
    if (this.#panicked) return
    this.#panicked = true
    this.#isOver = true
    const message = `APIServer panic'd: ${error instanceof Error ? error.message : String(error)}`
    const responseStatus = { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 }
    this.#change({ responseStatus })
    this.#note('Panic')
  }

  /** All is done. */
  completed(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#event !== undefined && this.#event.responseStatus === undefined) {
      this.#change({
        responseStatus: { metadata: {}, status: 'Success', message: 'Connection closed early', code: 200 },
      })
      if (this.#isLongRunning) this.#note('ResponseStarted')
    }
    this.#note('ResponseComplete')
  }

  #open(user: UserInfo | undefined): void {
    const { incoming, info, auditId, receivedMs } = this.#start
    this.#decision = this.#options.policy(info, user)
    if (this.#decision.level === 'None') return
    const objectRef = objectReference(info)
    this.#event = {
      level: this.#decision.level,
      auditID: auditId,
      stage: 'RequestReceived',
      requestURI: incoming.url,
      verb: info.verb,
      user: user === undefined ? {} : auditUser(user),
      sourceIPs: sourceIps(incoming),
      userAgent: auditUserAgent(incoming),
      ...(objectRef === undefined ? {} : { objectRef }),
      requestReceivedTimestamp: formatMicroTime(receivedMs),
      stageTimestamp: formatMicroTime(receivedMs),
    }
  }

  #records(level: 'Request' | 'RequestResponse'): boolean {
    const own = this.#event?.level
    return own === 'RequestResponse' || own === level
  }

  #change(change: Partial<AuditEvent>): void {
    if (this.#event !== undefined) this.#event = { ...this.#event, ...change }
  }

  #reference(object: unknown): Partial<AuditEvent> {
    const objectRef = withObject(this.#event?.objectRef, object)
    return objectRef === undefined ? {} : { objectRef }
  }

  #stripped(object: object): unknown {
    return this.#decision?.omitManagedFields === true ? withoutManagedFields(object) : object
  }

  /** Whoever waits for the answer does not wait for its record. */
  #note(stage: AuditStage): void {
    void this.#emit(stage)
  }

  async #emit(stage: AuditStage): Promise<boolean> {
    if (this.#event === undefined || this.#decision?.omitStages.has(stage) === true) return true
    const stageTimestamp =
      stage === 'RequestReceived' ? this.#event.requestReceivedTimestamp : formatMicroTime(this.#options.clock.now())
    this.#event = { ...this.#event, stage, stageTimestamp }
    return await this.#options.sink(this.#event)
  }
}

/** Source: upstream's `getAuthMethods`. */
function attemptedMethods({ headers, url, connection }: IncomingRequest): string {
  const authorization = (headers.authorization ?? '').trim().toLowerCase()
  const query = parseQuery(url)
  const certificate = connection.getPeerCertificate()
  const methods = [
    ...(authorization.startsWith('basic ') ? ['basic'] : []),
    ...(authorization.startsWith('bearer ') ? ['bearer'] : []),
    ...((query.get('access_token') ?? '').trim() === '' ? [] : ['access_token']),
    ...(Object.keys(certificate ?? {}).length === 0 ? [] : ['x509']),
  ]
  return methods.length === 0
    ? 'Authentication failed, no credentials provided'
    : `Authentication failed, attempted: ${methods.join(', ')}`
}
