/** Exponential back-off. Pure: jitter comes from `random`. */
export type Backoff = {
  readonly initialMs: number
  readonly maxMs: number
  readonly factor: number
  /** Up to this share is added at random; 0 for none. */
  readonly jitter: number
}

/** As client-go's item rate limiter: 5 ms doubling to 1,000 s. */
export const itemBackoff: Backoff = { initialMs: 5, maxMs: 1_000_000, factor: 2, jitter: 0 }

/** As client-go's reflector: 0.8 s doubling to 30 s. */
export const listWatchBackoff: Backoff = { initialMs: 800, maxMs: 30_000, factor: 2, jitter: 1 }

/** The wait before attempt `failures` + 1, in milliseconds; `failures` counts from 1. */
export function backoffMs(backoff: Backoff, failures: number, random: () => number): number {
  const steps = Math.min(Math.max(failures - 1, 0), 64)
  const base = Math.min(backoff.initialMs * backoff.factor ** steps, backoff.maxMs)
  return base * (1 + backoff.jitter * random())
}
