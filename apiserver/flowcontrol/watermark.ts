/** The most requests of a kind at once, second by second. Source: upstream's `requestWatermark`. */

const readOnlyVerbs = new Set(['get', 'list', 'watch'])
const everyMs = 1_000

/** How upstream's metrics call the two kinds. */
export type RequestKind = 'readOnly' | 'mutating'
export const requestKinds: readonly RequestKind[] = ['readOnly', 'mutating']

/** The kind of a request with this verb. */
export function requestKind(verb: string): RequestKind {
  return readOnlyVerbs.has(verb) ? 'readOnly' : 'mutating'
}

/** Counts requests in one phase. */
export class Watermark {
  readonly #current = { readOnly: 0, mutating: 0 }
  #highest = { readOnly: 0, mutating: 0 }
  #shown = { readOnly: 0, mutating: 0 }
  #sinceMs = 0

  add(kind: RequestKind): void {
    this.#current[kind] += 1
    if (this.#current[kind] > this.#highest[kind]) this.#highest[kind] = this.#current[kind]
  }

  remove(kind: RequestKind): void {
    this.#current[kind] -= 1
  }

  /** Closes the second that is over, if one is. */
  advance(nowMs: number): void {
    if (nowMs - this.#sinceMs < everyMs) return
    this.#sinceMs = nowMs
    this.#shown = this.#highest
    this.#highest = { ...this.#current }
  }

  /** The most of the last whole second. */
  highest(kind: RequestKind): number {
    return this.#shown[kind]
  }
}
