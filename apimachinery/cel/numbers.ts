/** 64-bit numbers: reading them, their limits, and the way Go prints doubles. */

export const minInt = -(2n ** 63n)
export const maxInt = 2n ** 63n - 1n
export const maxUint = 2n ** 64n - 1n

/** Whether a bigint fits into an int. */
export function isInt(value: bigint): boolean {
  return value >= minInt && value <= maxInt
}

/** Whether a bigint fits into a uint. */
export function isUint(value: bigint): boolean {
  return value >= 0n && value <= maxUint
}

/** An int literal, decimal or `0x`; `undefined` when it is too large. */
export function parseInteger(text: string): bigint | undefined {
  const negative = text.startsWith('-')
  const magnitude = BigInt(negative ? text.slice(1) : text)
  const value = negative ? -magnitude : magnitude
  return isInt(value) ? value : undefined
}

/** A uint literal without its `u`. */
export function parseUnsigned(text: string): bigint | undefined {
  const value = BigInt(text)
  return isUint(value) ? value : undefined
}

/** A double literal; `undefined` when it is too large, as Go's ParseFloat has it. */
export function parseDouble(text: string): number | undefined {
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** A double as Go's `%g` prints it: `1.5`, `1e+06`, `+Inf`. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  // Go's shortest form decides as if six digits had been asked for.
  if (exponent >= -4 && exponent < 6) return String(value)
  const digits = String(Math.abs(exponent)).padStart(2, '0')
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
}
