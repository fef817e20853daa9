/** The API's three spellings of time: RFC 3339 with seconds, with microseconds, and kubectl's AGE. */

/** The second formatted last: objects are made many in one second. */
let latest = { seconds: Number.NaN, text: '' }

/** RFC 3339 in whole seconds, UTC: `2026-01-02T03:04:05Z`. */
export function formatTime(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds !== latest.seconds) latest = { seconds, text: `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z` }
  return latest.text
}

/** RFC 3339 with six digits of fraction, UTC. */
export function formatMicroTime(ms: number): string {
  const wholeMs = Math.floor(ms)
  const micros = Math.floor((ms - wholeMs) * 1000)
  return `${new Date(wholeMs).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/
const daysInMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Milliseconds since 1970, with a fraction where the text has one; NaN when it is no RFC 3339 time. */
export function parseTime(text: string): number {
  const match = rfc3339.exec(text)
  if (match === null) return Number.NaN
  const [, year, month, day, hour, minute, second, fraction, zone] = match
  const inRange =
    Number(month) >= 1 &&
    Number(day) >= 1 &&
    Number(day) <= (daysInMonth[Number(month) - 1] ?? 0) &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 59
  if (!inRange || (month === '02' && day === '29' && !isLeapYear(Number(year)))) return Number.NaN
  const base = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`)
  return fraction === undefined ? base : base + Number(`0.${fraction.slice(1)}`) * 1000
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** kubectl's AGE: `5s`, `2m30s`, `3h`, `4d2h`, `2y5d`. Source: apimachinery `util/duration`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (days < 8) return pair(days, 'd', hours % 24, 'h')
  if (days < 2 * 365) return `${days}d`
  const years = Math.floor(days / 365)
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`
}
