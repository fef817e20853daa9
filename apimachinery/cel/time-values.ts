/** Timestamps and durations: reading, writing, arithmetic, and the parts of a date in a time zone. */
import { CelError } from './errors.ts'
import { isInt } from './numbers.ts'
import { type Duration, duration, type Timestamp, timestamp } from './values.ts'

const nanosPerSecond = 1_000_000_000n
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
const minSeconds = -62_135_596_800
const maxSeconds = 253_402_300_799

/** A timestamp, or the error for times out of range. */
export function checkedTimestamp(seconds: number, nanos: number): Timestamp {
  if (seconds < minSeconds || seconds > maxSeconds) throw new CelError('timestamp overflow')
  return timestamp(seconds, nanos)
}

/** A duration, or the error for lengths beyond 64 bits. */
export function checkedDuration(nanos: bigint): Duration {
  if (!isInt(nanos)) throw new CelError('integer overflow')
  return duration(nanos)
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(?:Z|([+-])(\d{2}):(\d{2}))$/

/** RFC 3339, as Go's parser takes it; `undefined` when it is none. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const offset = zoneOffset(match)
  if (offset === undefined) return undefined
  const seconds = daysFromEpoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
  if (seconds < minSeconds || seconds > maxSeconds) throw new CelError('timestamp overflow')
  return timestamp(seconds, Number((match[7] ?? '').slice(0, 9).padEnd(9, '0')))
}

function zoneOffset(match: RegExpExecArray): number | undefined {
  const [sign, hours, minutes] = [match[8], Number(match[9]), Number(match[10])]
  if (sign === undefined) return 0
  if (hours > 24 || minutes > 60) return undefined
  return (sign === '-' ? -1 : 1) * (hours * 3600 + minutes * 60)
}

function daysIn(year: number, month: number): number {
  return new Date(utcMilliseconds(year, month + 1, 0)).getUTCDate()
}

function daysFromEpoch(year: number, month: number, day: number): number {
  return Math.round(utcMilliseconds(year, month, day) / 86_400_000)
}

/** `Date.UTC` takes the years 0 to 99 for 1900 to 1999. */
function utcMilliseconds(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day)
}

/** RFC 3339 in UTC with as many digits of fraction as are needed. */
export function formatTimestamp({ seconds, nanos }: Timestamp): string {
  const date = new Date(seconds * 1000)
  const year = String(date.getUTCFullYear()).padStart(4, '0')
  const rest = date
    .toISOString()
    .replace(/^[+-]?\d+/, '')
    .slice(0, -5)
  return `${year}${rest}${fraction(nanos)}Z`
}

function fraction(nanos: number): string {
  return nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`
}

/** Seconds with a fraction: `1.5s`. */
export function formatDuration({ nanos }: Duration): string {
  const magnitude = nanos < 0n ? -nanos : nanos
  const seconds = magnitude / nanosPerSecond
  // Upstream goes through a double: beyond 2^53 nanoseconds the last digits are those of the double.
  const exact = magnitude <= 2n ** 53n
  const text = exact
    ? `${seconds}${fraction(Number(magnitude % nanosPerSecond))}`
    : decimal(Number(seconds) + Number(magnitude % nanosPerSecond) / 1e9)
  return `${nanos < 0n ? '-' : ''}${text}s`
}

function decimal(value: number): string {
  return String(value)
}

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: nanosPerSecond,
  m: 60n * nanosPerSecond,
  h: 3600n * nanosPerSecond,
}

/** More digits fit into no duration and would take long to read. */
const durationPart = /0*(\d{0,20})(?:\.(\d{0,20})\d*)?(ns|us|µs|μs|ms|s|m|h)/y

/** Go's notation: `1h30m`, `-1.5s`, `300ms`; `undefined` when it is none. */
export function parseDuration(text: string): Duration | undefined {
  const negative = text.startsWith('-')
  const body = /^[-+]/.test(text) ? text.slice(1) : text
  if (body === '0') return duration(0n)
  if (body === '') return undefined
  let total = 0n
  let at = 0
  while (at < body.length) {
    durationPart.lastIndex = at
    const match = durationPart.exec(body)
    if (match === null) return undefined
    const [all, whole = '', part = '', unit = ''] = match
    const nanos = unitNanos[unit]
    if (nanos === undefined || !/^\.?\d/.test(all) || /^\.\D/.test(all)) return undefined
    total += BigInt(whole || '0') * nanos + (BigInt(part || '0') * nanos) / 10n ** BigInt(part.length)
    if (!isInt(-total)) return undefined
    at += all.length
  }
  const signed = negative ? -total : total
  return isInt(signed) ? duration(signed) : undefined
}

/** The time a length later. */
export function addDuration(time: Timestamp, { nanos }: Duration): Timestamp {
  const total = BigInt(time.seconds) * nanosPerSecond + BigInt(time.nanos) + nanos
  let seconds = total / nanosPerSecond
  let rest = total % nanosPerSecond
  if (rest < 0n) {
    rest += nanosPerSecond
    seconds -= 1n
  }
  return checkedTimestamp(Number(seconds), Number(rest))
}

/** The length from `b` to `a`. */
export function timeBetween(a: Timestamp, b: Timestamp): Duration {
  return checkedDuration(BigInt(a.seconds - b.seconds) * nanosPerSecond + BigInt(a.nanos - b.nanos))
}

/** A time on the clocks of a zone. */
export type LocalTime = {
  readonly year: number
  /** From 0. */
  readonly month: number
  readonly day: number
  /** From 0. */
  readonly dayOfYear: number
  /** Sunday is 0. */
  readonly dayOfWeek: number
  readonly hours: number
  readonly minutes: number
  readonly seconds: number
  readonly milliseconds: number
}

/** What clocks and calendars show at a time; `zone` is a name of the tz database or `+hh:mm`. Without it: UTC. */
export function localTime(time: Timestamp, zone?: string): LocalTime {
  const shifted = time.seconds + (zone === undefined ? 0 : offsetSeconds(time.seconds, zone))
  const date = new Date(shifted * 1000)
  const yearStart = new Date(0).setUTCFullYear(date.getUTCFullYear(), 0, 1)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth(),
    day: date.getUTCDate(),
    dayOfYear: Math.floor((date.getTime() - yearStart) / 86_400_000),
    dayOfWeek: date.getUTCDay(),
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
    seconds: date.getUTCSeconds(),
    milliseconds: Math.trunc(time.nanos / 1_000_000),
  }
}

/** Seconds east of UTC. */
function offsetSeconds(seconds: number, zone: string): number {
  const colon = zone.indexOf(':')
  if (colon < 0) return namedOffset(seconds, zone)
  const hours = parseClockPart(zone.slice(0, colon))
  const minutes = parseClockPart(zone.slice(colon + 1))
  return (zone.startsWith('-') ? hours * 60 - minutes : hours * 60 + minutes) * 60
}

function parseClockPart(text: string): number {
  if (!/^[+-]?\d{1,9}$/.test(text)) throw new CelError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

/** Formats are expensive to make; expressions name few zones. */
const formats = new Map<string, Intl.DateTimeFormat>()
const maxFormats = 64

function namedOffset(seconds: number, zone: string): number {
  if (zone === '' || zone === 'UTC' || zone === 'Local') return 0
  const parts = zoneFormat(zone).formatToParts(new Date(seconds * 1000))
  const get = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0)
  const era = parts.find((part) => part.type === 'era')?.value
  const year = era === 'BC' ? 1 - get('year') : get('year')
  const local = new Date(0)
  local.setUTCFullYear(year, get('month') - 1, get('day'))
  local.setUTCHours(get('hour') % 24, get('minute'), get('second'))
  return local.getTime() / 1000 - seconds
}

function zoneFormat(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known !== undefined) return known
  const format = makeFormat(zone)
  if (formats.size >= maxFormats) formats.clear()
  formats.set(zone, format)
  return format
}

function makeFormat(zone: string): Intl.DateTimeFormat {
  if (/^[+-]/.test(zone)) throw unknownZone(zone)
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      hour12: false,
    })
  } catch {
    throw unknownZone(zone)
  }
}

function unknownZone(zone: string): CelError {
  return new CelError(`unknown time zone ${zone}`)
}
