/** The seam between the pipeline and whoever decides how much the server does at once. */
import type { Lifetime } from './api-request.ts'
import type { RequestInfo, UserInfo } from './request-info.ts'

/** What is known of a request when it asks for a seat. */
export type SeatRequest = {
  readonly user: UserInfo
  readonly info: RequestInfo
  readonly url: string
  readonly arrivedMs: number
  /** The time that the whole request may take; waiting may use a part of it. */
  readonly timeoutMs: number
  readonly isLongRunning: boolean
  readonly lifetime: Lifetime
}

/** A request's place among those that execute. */
export type FlowSeat = {
  /** Go with every answer, refusals by others too. */
  readonly headers: Readonly<Record<string, string>>
  /** To be called once, when the request is done. A watch is done for this purpose when it has begun. */
  readonly finish: () => void
  /** Called when a watch has ended, in case it had more to give back than its seat. */
  readonly ended?: () => void
}

export type FlowControl = {
  /** `undefined`: the request is not counted. Throws (or rejects with) `OverloadedError`. */
  readonly start: (request: SeatRequest) => FlowSeat | undefined | Promise<FlowSeat>
}

/** 429: the server has enough to do. It is told as plain text, as upstream does. */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError'
  readonly retryAfterSeconds: number
  readonly headers: Readonly<Record<string, string>>

  constructor(retryAfterSeconds: number, headers: Readonly<Record<string, string>>) {
    super('Too many requests, please try again later.')
    this.retryAfterSeconds = retryAfterSeconds
    this.headers = headers
  }
}
