/**
 * Time limits for one piece of work under a long-lived signal. `AbortSignal.any` is for signals that end together: under one
 * that lives as long as the process, Node 20 keeps a trace of every signal ever derived from it.
 */

/** Runs `work` with a signal that aborts with `signal`, or after `limitMs` with a `TimeoutError`. */
export async function withDeadline<T>(
  signal: AbortSignal,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const both = new AbortController()
  const stop = (): void => both.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const expire = (): void =>
    both.abort(new DOMException(`the time limit of ${limitMs} ms was exceeded`, 'TimeoutError'))
  const timer = setTimeout(expire, limitMs)
  timer.unref()
  try {
    return await work(both.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
  }
}
