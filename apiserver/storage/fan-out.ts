/**
 * When watchers are sent what they wait for. A round that reaches many of them takes a while; the next one waits as long as
 * it took. So at most half of the server's time goes into sending events, requests go on between the rounds, and under load
 * several events leave in one write.
 */
import type { Clock } from '../../component-base/clock.ts'

/** A round that took less is not worth a pause. */
const restAboveMs = 2
/** However long a round took, the next one comes no later than this. */
const longestRestMs = 100

/** Somebody who sends what has gathered. */
export type Sender = { readonly endBatch: () => void }

/** Gathers senders and lets them send in rounds. */
export class FanOut {
  readonly #clock: Clock
  readonly #waiting = new Set<Sender>()
  #resting = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `senders` have something to send: at once, or when the pause is over. An abort ends the pause. */
  tell(senders: Iterable<Sender>, signal: AbortSignal): void {
    for (const sender of senders) this.#waiting.add(sender)
    if (!this.#resting) this.#round(signal)
  }

  #round(signal: AbortSignal): void {
    const startMs = this.#clock.now()
    const senders = [...this.#waiting]
    this.#waiting.clear()
    for (const sender of senders) sender.endBatch()
    const tookMs = this.#clock.now() - startMs
    if (tookMs > restAboveMs) void this.#rest(Math.min(tookMs, longestRestMs), signal)
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    this.#resting = true
    await this.#clock.sleep(ms, signal).catch(() => {})
    this.#resting = false
    if (this.#waiting.size > 0) this.#round(signal)
  }
}
