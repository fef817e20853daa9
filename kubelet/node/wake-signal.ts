/** A flag that one task raises and others wait for. */
export type WakeSignal = {
  readonly raise: () => void
  /** Resolves at the next `raise`, or when `signal` aborts. */
  readonly wait: (signal: AbortSignal) => Promise<void>
}

/** Makes a flag that is down. */
export function createWakeSignal(): WakeSignal {
  let waiters: (() => void)[] = []
  return {
    raise: () => {
      for (const wake of waiters) wake()
      waiters = []
    },
    wait: async (signal) => {
      let mine: (() => void) | undefined
      await new Promise<void>((resolve) => {
        mine = resolve
        waiters.push(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      waiters = waiters.filter((one) => one !== mine)
    },
  }
}
