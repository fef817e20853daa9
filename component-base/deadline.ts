import { linkSignals } from './linked-signal.ts'

/** Runs `work` with a signal that aborts with `signal`, or after `limitMs` with a `TimeoutError`. */
export async function withDeadline<T>(
  signal: AbortSignal,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const linked = linkSignals([signal], limitMs)
  try {
    return await work(linked.signal)
  } finally {
    linked.unlink()
  }
}
