import { setTimeout as delay } from 'node:timers/promises'

/** Time as a parameter. */
export type Clock = {
  /** Unix milliseconds. */
  readonly now: () => number
  /** Resolves after `ms`; rejects with `signal.reason` when aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/** The machine's clock: the only place of the project that sets timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    signal.throwIfAborted()
    try {
      await delay(ms, undefined, { signal })
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  },
}
