/** How long refused clients are told to wait: doubled while many come back, one less while few do. Source: upstream's tracker. */

const longestSeconds = 32

type Second = { readonly second: number; readonly count: number }

/** The refusals of one priority level. */
export class RetryAfter {
  #history: readonly Second[] = []
  #second = 0
  #count = 0
  #seconds = 1
  #changedAt = 0

  /** Seconds. */
  get seconds(): number {
    return this.#seconds
  }

  record(nowMs: number): void {
    const second = Math.floor(nowMs / 1000)
    if (second === this.#second) {
      this.#count += 1
      return
    }
    this.#remember()
    this.#second = second
    this.#count = 1
    this.#adjust(second)
  }

  #remember(): void {
    const kept = Math.min(2 * this.#seconds, longestSeconds)
    const recent = this.#history.filter(({ second }) => this.#second - second <= kept)
    this.#history = [...recent, { second: this.#second, count: this.#count }]
  }

  #adjust(second: number): void {
    const seconds = this.#seconds
    const refused = this.#history
      .filter((past) => past.second < second && second - past.second <= seconds)
      .reduce((sum, { count }) => sum + count, 0)
    if (second - this.#changedAt >= seconds && refused >= 3 * seconds) {
      this.#seconds = Math.min(seconds * 2, longestSeconds)
      this.#changedAt = second
    } else if (refused < seconds && seconds > 1) this.#seconds = seconds - 1
  }
}
