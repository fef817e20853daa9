/** Conversions between types: `int('1')`, `string(1.5)`, `timestamp('…')`. Source: cel-go `common/types` for limits and messages. */
import { CelError } from './errors.ts'
import { formatDouble, isInt, isUint } from './numbers.ts'
import { runtimeTypeName } from './runtime-type.ts'
import { checkedTimestamp, formatDuration, formatTimestamp, parseDuration, parseTimestamp } from './time-values.ts'
import { type CelValue, duration, isKind, uint } from './values.ts'

/** The error for a value that cannot become a type. */
export function conversionError(value: CelValue, type: string): CelError {
  return new CelError(`type conversion error from '${runtimeTypeName(value)}' to '${type}'`)
}

/** `string(value)`. */
export function toText(value: CelValue): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'number':
      return formatDouble(value)
    default:
      return objectToText(value)
  }
}

function objectToText(value: Extract<CelValue, object> | null): string {
  if (value instanceof Uint8Array) return decodeUtf8(value)
  if (value === null) return 'null'
  switch (value.kind) {
    case 'uint':
      return String(value.value)
    case 'timestamp':
      return formatTimestamp(value)
    case 'duration':
      return formatDuration(value)
    default:
      throw conversionError(value, 'string')
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

/** `int(value)`. */
export function toInt(value: CelValue): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number') return doubleToInt(value)
  if (typeof value === 'string') {
    const parsed = parseWhole(value)
    if (parsed !== undefined && isInt(parsed)) return parsed
  }
  if (isKind(value, 'uint')) {
    if (!isInt(value.value)) throw new CelError('integer overflow')
    return value.value
  }
  if (isKind(value, 'timestamp')) return BigInt(value.seconds)
  if (isKind(value, 'duration')) return value.nanos
  throw conversionError(value, 'int')
}

const whole = /^([+-]?)0*(\d{1,20})$/

/** A whole number that may fit into 64 bits; longer texts are not read, which would take long. */
function parseWhole(text: string): bigint | undefined {
  const match = whole.exec(text)
  if (match === null) return undefined
  const value = BigInt(match[2] ?? '0')
  return match[1] === '-' ? -value : value
}

/** The ends of the range are refused too: a double cannot tell them from what lies beyond. */
function doubleToInt(value: number): bigint {
  if (!Number.isFinite(value) || value <= -(2 ** 63) || value >= 2 ** 63) throw new CelError('integer overflow')
  return BigInt(Math.trunc(value))
}

/** `uint(value)`. */
export function toUint(value: CelValue): CelValue {
  if (isKind(value, 'uint')) return value
  if (typeof value === 'bigint') {
    if (value < 0n) throw new CelError('unsigned integer overflow')
    return uint(value)
  }
  if (typeof value === 'number') {
    if (!(value >= 0 && value < 2 ** 64)) throw new CelError('unsigned integer overflow')
    return uint(BigInt(Math.trunc(value)))
  }
  if (typeof value === 'string' && /^\d/.test(value)) {
    const parsed = parseWhole(value)
    if (parsed !== undefined && isUint(parsed)) return uint(parsed)
  }
  throw conversionError(value, 'uint')
}

const decimalDouble = /^[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** `double(value)`. */
export function toDouble(value: CelValue): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (isKind(value, 'uint')) return Number(value.value)
  if (typeof value === 'string') {
    const parsed = parseDoubleText(value)
    if (parsed !== undefined) return parsed
  }
  throw conversionError(value, 'double')
}

function parseDoubleText(text: string): number | undefined {
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (word !== null) {
    if (word[2]?.toLowerCase() === 'nan') return word[1] === '' ? Number.NaN : undefined
    return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  if (!decimalDouble.test(text) || text.includes('_')) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

const booleans: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  TRUE: true,
  true: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  FALSE: false,
  false: false,
  False: false,
}

/** `bool(value)`. */
export function toBool(value: CelValue): boolean {
  if (typeof value === 'boolean') return value
  const found = typeof value === 'string' && Object.hasOwn(booleans, value) ? booleans[value] : undefined
  if (found === undefined) throw conversionError(value, 'bool')
  return found
}

const encoder = new TextEncoder()

/** `bytes(value)`. */
export function toBytes(value: CelValue): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return encoder.encode(value)
  throw conversionError(value, 'bytes')
}

/** `timestamp(value)`. */
export function toTimestamp(value: CelValue): CelValue {
  if (isKind(value, 'timestamp')) return value
  if (typeof value === 'bigint') return checkedTimestamp(Number(value), 0)
  const parsed = typeof value === 'string' ? parseTimestamp(value) : undefined
  if (parsed === undefined) throw conversionError(value, 'google.protobuf.Timestamp')
  return parsed
}

/** `duration(value)`; an int counts nanoseconds in cel-go's declaration, but converts to nothing. */
export function toDuration(value: CelValue): CelValue {
  if (isKind(value, 'duration')) return value
  const parsed = typeof value === 'string' ? parseDuration(value) : undefined
  if (parsed === undefined) throw conversionError(value, 'google.protobuf.Duration')
  return duration(parsed.nanos)
}
