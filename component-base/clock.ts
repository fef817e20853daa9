import { setTimeout as delay } from 'node:timers/promises'

/** Time as a parameter. */
export type Clock = {
  /** Unix milliseconds. */
  readonly now: () => number
  /** Resolves after `ms`; rejects with `signal.reason` when aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Node turns longer timers into ones of a millisecond; about 25 days. */
const longestTimerMs = 2 ** 31 - 1

/** The machine's clock: the only place of the project that sets timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    signal.throwIfAborted()
    try {
      let left = ms
      for (; left > longestTimerMs; left -= longestTimerMs) await delay(longestTimerMs, undefined, { signal })
      await delay(left, undefined, { signal })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  },
}
