/**
 * One abort signal out of several, to be let go of. `AbortSignal.any` would do, but on Node 20 every call leaves a little behind
 * on a signal that lives as long as the process, which adds up over weeks.
 */
export type LinkedSignal = {
  readonly signal: AbortSignal
  /** Forgets the sources; call it when the work is done. */
  readonly unlink: () => void
}

/** Aborts with the reason of the first source that does, or with a `TimeoutError` after `timeoutMs`. */
export function linkSignals(sources: readonly AbortSignal[], timeoutMs?: number): LinkedSignal {
  const controller = new AbortController()
  const listeners = sources.map((source) => ({ source, abort: () => controller.abort(source.reason) }))
  for (const { source, abort } of listeners) {
    if (source.aborted) abort()
    source.addEventListener('abort', abort, { once: true })
  }
  const expire = () => controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs)
  timer?.unref()
  return {
    signal: controller.signal,
    unlink: () => {
      clearTimeout(timer)
      for (const { source, abort } of listeners) source.removeEventListener('abort', abort)
    },
  }
}
