/** A request under way, as far as ending it goes. */
import type { Lifetime } from './api-request.ts'
import type { RequestInfo } from './request-info.ts'

/** Ends when the request takes too long, its client goes away or the server stops. */
export class Flight implements Lifetime {
  readonly info: RequestInfo
  readonly startedMs: number
  timeoutMs: number
  /** Answers for a handler that does not listen. */
  giveUp: (() => void) | undefined
  #controller: AbortController | undefined
  #reason: Error | undefined

  constructor(info: RequestInfo, startedMs: number, timeoutMs: number) {
    this.info = info
    this.startedMs = startedMs
    this.timeoutMs = timeoutMs
  }

  /** Made when somebody asks for it: it costs as much as authentication, and most requests are answered without. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    return this.#controller.signal
  }

  /** Why the request was ended; `undefined` while it goes on. */
  get reason(): Error | undefined {
    return this.#reason
  }

  /** Only the first reason counts. */
  abort(reason: Error): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
  }
}
