/**
 * Exponential back-off as upstream's `flowcontrol.Backoff` counts it: the first restart is free, then 10 s doubling up to
 * 300 s; a run of ten minutes without trouble forgets everything.
 */
export type BackoffEntry = { readonly delayMs: number; readonly updatedAtMs: number }
export type BackoffLimits = { readonly initialMs: number; readonly maxMs: number }

export const defaultBackoff: BackoffLimits = { initialMs: 10_000, maxMs: 300_000 }

/** The entry after one more failure at `eventMs`. */
export function nextBackoff(
  entry: BackoffEntry | undefined,
  eventMs: number,
  nowMs: number,
  limits: BackoffLimits = defaultBackoff,
): BackoffEntry {
  const fresh = entry === undefined || hasExpired(entry, eventMs, limits)
  return { delayMs: fresh ? limits.initialMs : Math.min(entry.delayMs * 2, limits.maxMs), updatedAtMs: nowMs }
}

/** When the next try may happen, or undefined when it may happen now. */
export function backoffEndMs(
  entry: BackoffEntry | undefined,
  eventMs: number,
  nowMs: number,
  limits: BackoffLimits = defaultBackoff,
): number | undefined {
  if (entry === undefined || hasExpired(entry, eventMs, limits)) return undefined
  const endMs = eventMs + entry.delayMs
  return nowMs < endMs ? endMs : undefined
}

/** `10s`, `1m20s`, `5m0s`: how Go prints a duration of whole seconds. */
export function formatGoSeconds(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return `${hours > 0 ? `${hours}h` : ''}${minutes}m${seconds % 60}s`
}

function hasExpired(entry: BackoffEntry, eventMs: number, limits: BackoffLimits): boolean {
  return eventMs - entry.updatedAtMs > limits.maxMs * 2
}
