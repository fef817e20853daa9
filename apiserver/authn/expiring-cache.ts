import type { Clock } from '../../component-base/clock.ts'

type Entry<Value> = { readonly value: Value; readonly expiresMs: number }

/** Answers that stay good for a while; the one that was used least recently goes first. */
export class ExpiringCache<Value> {
  readonly #clock: Clock
  readonly #maxEntries: number
  readonly #entries = new Map<string, Entry<Value>>()

  constructor(clock: Clock, maxEntries: number) {
    this.#clock = clock
    this.#maxEntries = maxEntries
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.expiresMs <= this.#clock.now()) return undefined
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Nothing is kept with a `ttlMs` of 0. */
  set(key: string, value: Value, ttlMs: number): void {
    this.#entries.delete(key)
    if (ttlMs <= 0) return
    this.#entries.set(key, { value, expiresMs: this.#clock.now() + ttlMs })
    const oldest = this.#entries.size > this.#maxEntries ? this.#entries.keys().next().value : undefined
    if (oldest !== undefined) this.#entries.delete(oldest)
  }
}
