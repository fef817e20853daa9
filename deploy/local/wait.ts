import type { Clock } from '../../component-base/clock.ts'

/** Asks again every 50 ms until the answer is not `undefined`. Rejects after `limitMs` with what was missing last. */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  { clock, limitMs, signal }: { readonly clock: Clock; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<T> {
  const untilMs = clock.now() + limitMs
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      last = error
    }
    if (clock.now() >= untilMs) {
      throw new Error(`${what} within ${limitMs / 1000} s did not happen`, last === undefined ? {} : { cause: last })
    }
    await clock.sleep(50, signal)
  }
}
