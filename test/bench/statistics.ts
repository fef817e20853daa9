/** Figures of many measurements. Pure. */

/** The value below which `share` (0 to 1) of the sorted values lie; NaN when there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  const at = Math.min(sorted.length - 1, Math.floor(sorted.length * share))
  return sorted[at] ?? Number.NaN
}

/** What a load test says: rate per second, latencies in milliseconds. */
export type LoadFigures = { readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number }

/** Sums up `latenciesMs` of requests that together took `seconds`. */
export function loadFigures(latenciesMs: readonly number[], seconds: number): LoadFigures {
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  return { perSecond: latenciesMs.length / seconds, p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) }
}

/** `12,345`; below ten with two digits, below a hundred with one. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return '-'
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  const [whole = '', fraction] = value.toFixed(digits).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** The middle value, or the mean of both middle ones; NaN when there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}
