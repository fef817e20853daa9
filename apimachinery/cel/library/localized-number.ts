/**
 * Doubles as cel-go's `format` prints them through Go's x/text for English: `1,234.50`, `1.234560×10⁰³`.
 * Digits are exact: a double is a whole number of halves of halves, so its decimal expansion ends, and ties go to the even digit.
 * Two oddities are upstream's: `%.Nf` keeps N modulo 256 as the least number of digits, and `%.Ne` reads N as a width.
 */

/** `1,234.500000` with this many digits after the point. */
export function formatFixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return special(value)
  if (precision > largestPrecision) return noVerb
  const most = toInt16(precision)
  const { whole, fraction } = most < 0 ? split(shortest(value)) : split(roundToPlaces(exactly(value), most))
  const kept = fraction.replace(/0+$/, '').padEnd(precision & 0xff, '0')
  return `${sign(value)}${group(whole)}${kept === '' ? '' : `.${kept}`}`
}

/** `1.234500×10⁰³`, padded on the left to this many characters. */
export function formatScientific(value: number, width: number): string {
  if (width > largestPrecision) return noVerb
  const text = Number.isFinite(value) ? scientific(value) : special(value)
  return text.padStart(width & 0xffff, ' ')
}

/** `1234.500000`: six digits, no groups, as inside printed lists and maps. */
export function plainFixed(value: number): string {
  const { whole, fraction } = split(roundToPlaces(exactly(value), significantPlaces))
  const negative = value < 0 || Object.is(value, -0)
  return `${negative ? '-' : ''}${whole}.${fraction.padEnd(significantPlaces, '0')}`
}

/** Go's formatter gives up on longer numbers in a format and prints this. */
const noVerb = '%!(NOVERB)'
/** It reads digits as long as what it has read is at most a million. */
const largestPrecision = 10_000_009
const significantPlaces = 6

/** `digits` × 10^-`places`; digits without sign or point. */
type Decimal = { readonly digits: string; readonly places: number }

function special(value: number): string {
  return Number.isNaN(value) ? 'NaN' : `${sign(value)}∞`
}

function sign(value: number): string {
  return value < 0 ? '-' : ''
}

function toInt16(value: number): number {
  return (value << 16) >> 16
}

/** The exact decimal expansion of the absolute value. */
function exactly(value: number): Decimal {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, Math.abs(value))
  const bits = view.getBigUint64(0)
  const exponent = Number(bits >> 52n)
  const mantissa = (bits & 0xfffffffffffffn) | (exponent === 0 ? 0n : 0x10000000000000n)
  const power = Math.max(exponent, 1) - 1075
  if (power >= 0) return { digits: (mantissa << BigInt(power)).toString(), places: 0 }
  return { digits: (mantissa * 5n ** BigInt(-power)).toString(), places: -power }
}

/** The fewest digits that read back as the same double. */
function shortest(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = Math.abs(value).toExponential().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const places = fraction.length - Number(exponent)
  const digits = whole + fraction
  return places < 0 ? { digits: digits.padEnd(digits.length - places, '0'), places: 0 } : { digits, places }
}

function roundToPlaces({ digits, places }: Decimal, wanted: number): Decimal {
  if (places <= wanted) return { digits, places }
  return { digits: roundHalfEven(digits, digits.length - (places - wanted)), places: wanted }
}

/** The first `count` digits (which may be none or less), rounded by the rest. */
function roundHalfEven(digits: string, count: number): string {
  if (count < 0) return '0'
  const kept = BigInt(digits.slice(0, count) || '0')
  const rest = digits.slice(count)
  const half = `5${'0'.repeat(rest.length - 1)}`
  const up = rest > half || (rest === half && kept % 2n === 1n)
  return (up ? kept + 1n : kept).toString().padStart(count, '0')
}

function split({ digits, places }: Decimal): { readonly whole: string; readonly fraction: string } {
  const padded = digits.padStart(places + 1, '0')
  const point = padded.length - places
  return { whole: padded.slice(0, point).replace(/^0+(?=\d)/, ''), fraction: padded.slice(point) }
}

function group(whole: string): string {
  return whole.replace(/\B(?=(?:\d{3})+$)/g, ',')
}

function scientific(value: number): string {
  const { digits, places } = exactly(value)
  const significant = digits.replace(/^0+/, '')
  if (significant === '') return `0.${'0'.repeat(significantPlaces)}×10⁰⁰`
  const exponent = significant.length - places - 1
  const wanted = significantPlaces + 1
  const padded = significant.padEnd(wanted + 1, '0')
  const rounded = roundHalfEven(padded, wanted)
  const carried = rounded.length > wanted
  return `${sign(value)}${rounded[0]}.${rounded.slice(1, wanted)}×10${superscript(exponent + (carried ? 1 : 0))}`
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹'

function superscript(exponent: number): string {
  const digits = String(Math.abs(exponent)).padStart(2, '0')
  return `${exponent < 0 ? '⁻' : ''}${[...digits].map((digit) => superscripts[Number(digit)]).join('')}`
}
