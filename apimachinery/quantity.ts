/**
 * Amounts such as `100m`, `1.5Gi` or `1e3`, kept exactly: a BigInt counts billionths (nano), the finest grain upstream keeps.
 * Anything finer is rounded away from zero. `text` remembers the spelling where upstream writes back what it has read.
 * Source: apimachinery `pkg/api/resource/quantity.go` (doc comment has the grammar).
 */

/** How an amount is written: `100m`, `1Gi` or `1e3`. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'
export type Quantity = { readonly nano: bigint; readonly format: QuantityFormat; readonly text?: string }

type Suffix = { readonly base: 2 | 10; readonly exponent: number; readonly format: QuantityFormat }
/** `bare`: no digit at all, as `m`, which upstream reads as 0 as long as the suffix leaves room in 64 bits. */
type Parts = { negative: boolean; whole: string; fraction: string; suffix: string; bare: boolean }

const one = 1_000_000_000n
const largestBinary = (2n ** 63n - 1n) * one
/** `1e1000` is no amount of anything; beyond it the BigInt would only burn time. */
const largestExponent = 1000
const longestText = 1000
/** Nano. */
const finestExponent = -9
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const suffixes = new Map<string, Suffix>([
  ...decimalSuffixes.map((text, i): [string, Suffix] => [
    text,
    { base: 10, exponent: (i - 3) * 3, format: 'DecimalSI' },
  ]),
  ...binarySuffixes
    .slice(1)
    .map((text, i): [string, Suffix] => [text, { base: 2, exponent: (i + 1) * 10, format: 'BinarySI' }]),
])

/** Amounts read before: the same few are read several times for each pod. */
const known = new Map<string, Quantity>()
const mostKnown = 1000
const longestKnown = 16

/** Reads an amount; `undefined` when the text is none. */
export function parseQuantity(text: string): Quantity | undefined {
  const found = known.get(text)
  if (found !== undefined) return found
  const quantity = readQuantity(text)
  if (quantity === undefined || text.length > longestKnown) return quantity
  if (known.size >= mostKnown) known.clear()
  known.set(text, quantity)
  return quantity
}

function readQuantity(text: string): Quantity | undefined {
  if (text === '0') return { nano: 0n, format: 'DecimalSI', text }
  const parts = split(text)
  if (parts === undefined) return undefined
  const suffix = suffixOf(parts)
  if (suffix === undefined || (parts.bare && smallAmount(parts, suffix) === undefined)) return undefined
  const nano = toNano(parts, suffix)
  const capped = suffix.format === 'BinarySI' && nano > largestBinary ? largestBinary : nano
  return {
    nano: parts.negative ? -capped : capped,
    format: suffix.format,
    ...(keepsSpelling(parts, suffix) ? { text } : {}),
  }
}

function split(text: string): Parts | undefined {
  if (text === '' || text.length > longestText) return undefined
  const negative = text.startsWith('-')
  let at = negative || text.startsWith('+') ? 1 : 0
  const first = at
  while (text[at] === '0') at++
  const start = at
  at = skipDigits(text, at)
  const whole = text.slice(start, at) || '0'
  const sawZero = start > first
  let fraction = ''
  if (text[at] === '.') {
    const end = skipDigits(text, at + 1)
    fraction = text.slice(at + 1, end)
    at = end
  }
  const bare = whole === '0' && !sawZero && fraction === ''
  return { negative, whole, fraction, suffix: text.slice(at), bare }
}

function skipDigits(text: string, from: number): number {
  let at = from
  while (at < text.length && isDigit(text.charCodeAt(at))) at++
  return at
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function exponentSuffix(text: string): Suffix | undefined {
  if (text.length < 2 || (text[0] !== 'e' && text[0] !== 'E')) return undefined
  const digitsFrom = text[1] === '-' || text[1] === '+' ? 2 : 1
  if (digitsFrom === text.length || skipDigits(text, digitsFrom) !== text.length) return undefined
  const exponent = Number(text.slice(1))
  return Math.abs(exponent) > largestExponent ? undefined : { base: 10, exponent, format: 'DecimalExponent' }
}

function toNano({ whole, fraction }: Parts, { base, exponent }: Suffix): bigint {
  const digits = BigInt(whole + fraction)
  const scaled = base === 2 ? digits << BigInt(exponent) : digits
  const power = 9 - fraction.length + (base === 10 ? exponent : 0)
  return power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power))
}

/** Rounds away from zero, so that a little of something never becomes nothing. */
function divideUp(value: bigint, by: bigint): bigint {
  const quotient = value / by
  if (quotient * by === value) return quotient
  return value < 0n ? quotient - 1n : quotient + 1n
}

/** Upstream writes back the spelling it has read when it looks canonical enough; these are its tests, oddities included. */
function keepsSpelling({ whole, fraction }: Parts, { format, exponent }: Suffix): boolean {
  const digits = whole + fraction
  if (format === 'BinarySI') {
    const room = 14 - whole.length - Math.trunc((exponent * 3) / 10)
    return fraction === '' && room >= 0 && (Number(whole) & 7) !== 0
  }
  const scale = exponent - fraction.length
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0')
}

/** The text the API shows: `1000m` is `1`, `1024Mi` is `1Gi`, `0.5` is `500m`. */
export function formatQuantity(quantity: Quantity): string {
  return quantity.text ?? canonicalText(quantity)
}

function canonicalText({ nano, format }: Quantity): string {
  if (nano === 0n) return '0'
  const small = nano > -1024n * one && nano < 1024n * one
  if (format === 'BinarySI' && !small && nano % one === 0n) return binaryText(nano / one)
  return decimalText(nano, format === 'DecimalExponent')
}

function binaryText(value: bigint): string {
  let mantissa = value
  let power = 0
  while (power < 6 && mantissa % 1024n === 0n) {
    mantissa /= 1024n
    power++
  }
  return `${mantissa}${binarySuffixes[power]}`
}

function decimalText(nano: bigint, exponential: boolean): string {
  let mantissa = nano
  let exponent = -9
  while (mantissa % 1000n === 0n) {
    mantissa /= 1000n
    exponent += 3
  }
  const suffix = exponential ? undefined : decimalSuffixes[exponent / 3 + 3]
  return `${mantissa}${suffix ?? (exponent === 0 ? '' : `e${exponent}`)}`
}

/** The canonical text of an amount given as text, or `undefined` when it is none. */
export function canonicalQuantity(text: string): string | undefined {
  if (isPlainNumber(text)) return text
  const quantity = parseQuantity(text)
  return quantity === undefined ? undefined : formatQuantity(quantity)
}

/** The commonest canonical spellings, `1` to `999` with or without `m`, told apart without a BigInt. */
function isPlainNumber(text: string): boolean {
  const end = text.endsWith('m') ? text.length - 1 : text.length
  return end >= 1 && end <= 3 && text[0] !== '0' && skipDigits(text, 0) >= end
}

/** Negative, zero or positive as `a` is less than, equal to or more than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0
}

/** The sum, written as `a` is unless `a` is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format }
}

/** The difference, written as `a` is unless `a` is zero. */
export function subQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format }
}

/** Thousandths, rounded up: what CPU is counted in. Not a quantity: NaN. */
export function milliValue(text: string): number {
  const quick = plainValue(text)
  if (quick !== undefined) return quick.milli ? quick.value : quick.value * 1000
  const quantity = parseQuantity(text)
  return quantity === undefined ? Number.NaN : Number(divideUp(quantity.nano, 1_000_000n))
}

/** Whole units, rounded up: what bytes and counts are counted in. Not a quantity: NaN. */
export function wholeValue(text: string): number {
  const quick = plainValue(text)
  if (quick !== undefined) return quick.milli ? Math.ceil(quick.value / 1000) : quick.value
  const quantity = parseQuantity(text)
  return quantity === undefined ? Number.NaN : Number(divideUp(quantity.nano, one))
}

/** Up to twelve digits, optionally with `m` or a binary suffix up to `Gi`: exact in a double. */
function plainValue(text: string): { value: number; milli: boolean } | undefined {
  const end = skipDigits(text, 0)
  if (end === 0 || end > 12) return undefined
  const value = Number(text.slice(0, end))
  if (end === text.length) return { value, milli: false }
  if (end === text.length - 1 && text[end] === 'm') return { value, milli: true }
  if (end !== text.length - 2 || text[end + 1] !== 'i' || end > 6) return undefined
  const factor = text[end] === 'K' ? 1024 : text[end] === 'M' ? 1024 ** 2 : text[end] === 'G' ? 1024 ** 3 : 0
  return factor === 0 ? undefined : { value: value * factor, milli: false }
}

/** A number times a power of ten. `small`: upstream keeps it in 64 bits. */
export type ScaledAmount = { readonly value: bigint; readonly scale: number; readonly small: boolean }

/** Up to so many digits upstream reads into 64 bits, whatever they say. */
const smallDigits = 18
const smallBinaryDigits = 14

/**
 * The amount as upstream keeps it in memory, which depends on the spelling: `1.0` is 10 times a tenth, `1` is 1.
 * CEL's `isInteger()` and `asApproximateFloat()` let users see the difference. `undefined` when the text is no amount.
 */
export function scaledAmount(text: string): ScaledAmount | undefined {
  const quantity = parseQuantity(text)
  if (quantity === undefined) return undefined
  const parts = split(text)
  const suffix = parts && suffixOf(parts)
  const small = parts === undefined || suffix === undefined ? undefined : smallAmount(parts, suffix)
  return small ?? { value: quantity.nano, scale: finestExponent, small: false }
}

function smallAmount({ whole, fraction, negative }: Parts, suffix: Suffix): ScaledAmount | undefined {
  const digits = BigInt(whole + fraction)
  const signed = negative ? -digits : digits
  if (suffix.format === 'BinarySI') {
    const room = smallBinaryDigits - whole.length - Math.trunc((suffix.exponent * 3) / 10)
    const value = signed << BigInt(suffix.exponent)
    const fits = fraction === '' && room >= 0 && BigInt.asIntN(64, value) === value
    return fits ? { value, scale: 0, small: true } : undefined
  }
  const scale = suffix.exponent - fraction.length
  const fits = whole.length + fraction.length <= smallDigits && scale >= finestExponent
  return fits ? { value: signed, scale, small: true } : undefined
}

function suffixOf({ suffix }: Parts): Suffix | undefined {
  return suffixes.get(suffix) ?? exponentSuffix(suffix)
}
