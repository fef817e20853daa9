import { setMaxListeners } from 'node:events'

/** Structured concurrency: long-lived work is a named task of one parent that waits for all of it. */

/** Long-lived work. Returns only when `signal` aborts; rejects when it cannot go on. */
export type Task = (signal: AbortSignal) => Promise<void>

/** True for the error that Node throws when a signal aborts. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'ABORT_ERR'))
}

/**
 * Runs every task until one fails or `signal` aborts, then stops the rest and waits for them.
 * Rejects with the first failure; resolves on a clean stop.
 */
export async function runAll(signal: AbortSignal, tasks: Readonly<Record<string, Task>>): Promise<void> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  // Everything below listens to the one signal; that many listeners are no leak.
  setMaxListeners(0, both)
  const failures: Error[] = []
  await Promise.all(
    Object.entries(tasks).map(async ([name, task]) => {
      try {
        await task(both)
        if (!both.aborted) throw new Error(`${name} returned before it was asked to stop`)
      } catch (error) {
        if (both.aborted && (error === both.reason || isAbortError(error))) return
        failures.push(new Error(`${name} failed`, { cause: error }))
        stop.abort(error)
      }
    }),
  )
  if (failures[0] !== undefined) throw failures[0]
}

/** Resolves when `signal` aborts; never rejects. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/**
 * Runs `work` for every item, at most `limit` at once, and waits for all.
 * Rejects with the first failure after the rest have ended.
 */
export async function forEachLimited<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]()
  const failures: unknown[] = []
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      try {
        await work(next.value)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, lane))
  if (failures.length > 0) throw failures[0]
}
