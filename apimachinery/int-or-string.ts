/** Numbers that may also be given as a share: `maxUnavailable: 1` or `25%`. */

/** The number itself, or the share of `total`. Text that is no percentage: an error, as upstream. */
export function resolveIntOrPercent(value: number | string, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value
  const percent = parsePercent(value)
  if (percent === undefined) throw new Error(`invalid value for IntOrString: invalid type: string is not a percentage`)
  const share = (percent * total) / 100
  return roundUp ? Math.ceil(share) : Math.floor(share)
}

/** `25%` as 25; `undefined` for anything else. */
export function parsePercent(text: string): number | undefined {
  const digits = text.endsWith('%') ? text.slice(0, -1) : ''
  return /^[-+]?\d+$/.test(digits) ? Number(digits) : undefined
}
