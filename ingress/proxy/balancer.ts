/** Which endpoint gets a request: each in turn, or the one that a cookie names. */
import { createHash } from 'node:crypto'
import type { Backend, Endpoint } from '../table/backends.ts'

/** Endpoints that a request is tried on, so that a dead Service costs no more than a few connects. */
const maxAttempts = 3

/** Remembers whose turn it is. */
export class Balancer {
  readonly #turns = new Map<string, number>()
  readonly #random: () => number

  /** `random` decides where a Service's round begins, so that nodes do not all begin with the same endpoint. */
  constructor(random: () => number) {
    this.#random = random
  }

  /** The endpoints to try, the first one first; none when there is none. `sticky` is the value of the affinity cookie. */
  order({ id, endpoints }: Backend, sticky?: string): readonly Endpoint[] {
    const count = endpoints.length
    if (count === 0) return []
    const turn = this.#turns.get(id) ?? Math.floor(this.#random() * count)
    this.#turns.set(id, (turn + 1) % Number.MAX_SAFE_INTEGER)
    const preferred = sticky === undefined ? undefined : endpoints.find((each) => cookieValue(each) === sticky)
    const order: Endpoint[] = preferred === undefined ? [] : [preferred]
    for (let step = 0; step < count && order.length < maxAttempts; step++) {
      const endpoint = endpoints[(turn + step) % count]
      if (endpoint !== undefined && endpoint !== preferred) order.push(endpoint)
    }
    return order
  }

  /** Forgets Services that are no more. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#turns.keys()) if (!ids.has(id)) this.#turns.delete(id)
  }
}

/** What the affinity cookie says of an endpoint: no address for strangers to read. */
export function cookieValue({ key }: Endpoint): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32)
}
