/** Seats that are given back a little after their request, by one timer for all of them. */
import type { Clock } from '../../component-base/clock.ts'

/** How exact it is: most seats linger for 5 to 100 ms. */
const tickMs = 5

type Held = { readonly untilMs: number; readonly release: () => void }

/** Calls functions later. Ticks only while something is held, and for at most as long as the longest of it. */
export class Lingering {
  readonly #clock: Clock
  #held: Held[] = []
  #ticking = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(ms: number, release: () => void): void {
    this.#held.push({ untilMs: this.#clock.now() + ms, release })
    // `#tick` cannot fail: nothing aborts its sleep, and what it calls only counts.
    if (!this.#ticking) void this.#tick()
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    while (this.#held.length > 0) {
      await this.#clock.sleep(tickMs, neverAborted)
      const nowMs = this.#clock.now()
      const due = this.#held.filter(({ untilMs }) => untilMs <= nowMs)
      this.#held = this.#held.filter(({ untilMs }) => untilMs > nowMs)
      for (const { release } of due) release()
    }
    this.#ticking = false
  }
}

const neverAborted = new AbortController().signal
