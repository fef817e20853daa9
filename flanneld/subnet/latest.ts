/** Hands the newest value to a slower reader: what came in between is skipped, the last one never. */
export class Latest<T> {
  #value: { readonly value: T } | undefined
  #wake: (() => void) | undefined

  /** Replaces the value that the reader has not taken yet. */
  set(value: T): void {
    this.#value = { value }
    this.#wake?.()
  }

  /** Yields values as they come until `signal` aborts. One reader only. */
  async *values(signal: AbortSignal): AsyncGenerator<T> {
    while (!signal.aborted) {
      const taken = this.#value
      this.#value = undefined
      if (taken === undefined) await this.#next(signal)
      else yield taken.value
    }
  }

  async #next(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake)
    })
    this.#wake = undefined
  }
}
