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
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          // The signal lives as long as the process, and waits are many.
          signal.removeEventListener('abort', wake)
          waiters = waiters.filter((one) => one !== wake)
          resolve()
        }
        waiters.push(wake)
        signal.addEventListener('abort', wake, { once: true })
      })
    },
  }
}
