/** How many seats a priority level could have used, integrated over time: what borrowing is decided by. Source: KEP-1040. */

/** What is known of a period. `undefined` when no time has passed. */
export type DemandSummary = { readonly average: number; readonly deviation: number; readonly highest: number }

/** Integrates a number that changes in steps. */
export class SeatDemand {
  #sinceMs: number
  #value = 0
  #elapsed = 0
  #integral = 0
  #squares = 0
  #highest = 0

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
  }

  set(value: number, nowMs: number): void {
    this.#advance(nowMs)
    this.#value = value
    if (value > this.#highest) this.#highest = value
  }

  /** The period until now; a new one begins. */
  reset(nowMs: number): DemandSummary | { readonly highest: number } {
    this.#advance(nowMs)
    const highest = this.#highest
    const [elapsed, integral, squares] = [this.#elapsed, this.#integral, this.#squares]
    this.#elapsed = 0
    this.#integral = 0
    this.#squares = 0
    this.#highest = this.#value
    if (elapsed <= 0) return { highest }
    const average = integral / elapsed
    return { highest, average, deviation: Math.sqrt(Math.max(0, squares / elapsed - average * average)) }
  }

  #advance(nowMs: number): void {
    const passed = Math.max(0, nowMs - this.#sinceMs)
    if (passed === 0) return
    this.#sinceMs = nowMs
    this.#elapsed += passed
    this.#integral += this.#value * passed
    this.#squares += this.#value * this.#value * passed
  }
}
