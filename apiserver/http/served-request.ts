/** A request as handlers see it; what few of them look at is made when it is asked for. */
import type { Readable } from 'node:stream'
import type { AuditTrail } from '../audit/trail.ts'
import type { ApiRequest, AuditNotes, IncomingRequest } from './api-request.ts'
import { readBody } from './body.ts'
import type { Flight } from './flight.ts'
import type { ProtobufEncoder } from './protobuf-answer.ts'
import { parseQuery } from './query.ts'
import type { RequestInfo, UserInfo } from './request-info.ts'
import type { RawRequest } from './transport.ts'

export type Incoming = IncomingRequest & { readonly warn: (text: string) => void }

export type ServedRequestParts = {
  readonly raw: RawRequest
  readonly incoming: Incoming
  readonly flight: Flight
  readonly user: UserInfo
  readonly protobuf: ProtobufEncoder
  /** Absent where nothing is recorded. */
  readonly trail: AuditTrail | undefined
  /** Called when a watch has sent what there was. */
  readonly begun: (() => void) | undefined
}

/** An authenticated and authorized request. */
export class ServedRequest implements ApiRequest {
  readonly incoming: Incoming
  readonly user: UserInfo
  readonly protobuf: ProtobufEncoder
  readonly audit: AuditNotes | undefined
  readonly begun: (() => void) | undefined
  readonly #raw: RawRequest
  readonly #flight: Flight
  readonly #trail: AuditTrail | undefined
  #query: URLSearchParams | undefined
  #body: Promise<Buffer> | undefined

  constructor({ raw, incoming, flight, user, protobuf, trail, begun }: ServedRequestParts) {
    this.incoming = incoming
    this.user = user
    this.protobuf = protobuf
    this.audit = trail === undefined ? undefined : notesOn(trail)
    this.begun = begun
    this.#raw = raw
    this.#flight = flight
    this.#trail = trail
  }

  get info(): RequestInfo {
    return this.#flight.info
  }

  get warn(): (text: string) => void {
    return this.incoming.warn
  }

  get query(): URLSearchParams {
    this.#query ??= parseQuery(this.incoming.url)
    return this.#query
  }

  get stream(): Readable {
    return this.#raw as Readable
  }

  get signal(): AbortSignal {
    return this.#flight.signal
  }

  /** A change that lost a race is made again from the same body; the stream gives it only once. */
  async body(): Promise<Buffer> {
    this.#body ??= this.#readBody()
    return await this.#body
  }

  async #readBody(): Promise<Buffer> {
    const bytes = await readBody(this.stream, this.signal)
    this.#trail?.body(bytes, this.incoming.headers['content-type'] ?? '')
    return bytes
  }
}

function notesOn(trail: AuditTrail): AuditNotes {
  return {
    annotate: (key, value, level) => trail.annotate(key, value, level),
    requestObject: (object) => trail.requestObject(object),
    response: (json) => trail.response(json),
  }
}
