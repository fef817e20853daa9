/** Times of a cron schedule, in a time zone. The text is valid: the API server has checked it. Pure. */

/** The minutes, hours … at which a schedule fires; or a fixed period. */
export type Schedule =
  | {
      readonly type: 'fields'
      readonly fields: readonly ReadonlySet<number>[]
      readonly hasAnyDay: boolean
      readonly hasAnyWeekday: boolean
    }
  | { readonly type: 'every'; readonly periodMs: number }

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const bounds: readonly { readonly min: number; readonly max: number; readonly names: readonly string[] }[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: weekdays },
]
const minuteMs = 60_000
const dayMs = 86_400_000
/** A schedule that fires less often than this (29 February) never fires, as upstream's parser has it. */
const horizonDays = 5 * 366
const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

/** Reads a schedule; `undefined` when it makes no sense. `zone` is what a `TZ=` in front says. */
export function parseSchedule(
  text: string,
): { readonly schedule: Schedule; readonly zone: string | undefined } | undefined {
  const [, zone, rest = ''] = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/.exec(text.trim()) ?? []
  const every = /^@every (.+)$/.exec(rest)?.[1]
  if (every !== undefined) {
    const periodMs = [...every.matchAll(/(\d+(?:\.\d+)?)([hms])/g)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ''] ?? 0),
      0,
    )
    return periodMs < 1_000 ? undefined : { schedule: { type: 'every', periodMs }, zone }
  }
  const parts = (descriptors[rest] ?? rest).split(/\s+/)
  const fields = parts.map((part, at) => parseField(part, at))
  if (fields.length !== bounds.length || fields.some((field) => field === undefined)) return undefined
  const isAny = (part: string | undefined): boolean => part?.startsWith('*') === true || part?.startsWith('?') === true
  const known = fields.flatMap((field) => field ?? [])
  return {
    schedule: { type: 'fields', fields: known, hasAnyDay: isAny(parts[2]), hasAnyWeekday: isAny(parts[4]) },
    zone,
  }
}

function parseField(text: string, at: number): ReadonlySet<number> | undefined {
  const bound = bounds[at]
  if (bound === undefined) return undefined
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part)
    if (match === null) return undefined
    const [, low = '', high, step] = match
    const isAny = low === '*' || low === '?'
    const first = isAny ? bound.min : numberOf(low, bound.names)
    const last = high !== undefined ? numberOf(high, bound.names) : isAny || step !== undefined ? bound.max : first
    if (Number.isNaN(first) || Number.isNaN(last) || step === '0') return undefined
    for (let value = first; value <= last; value += Number(step ?? 1)) values.add(value)
  }
  return values
}

function numberOf(text: string, names: readonly string[]): number {
  const at = names.indexOf(text.toLowerCase())
  return at === -1 ? Number(text) : at + (names === months ? 1 : 0)
}

/** The first time after `afterMs`; `undefined` when there is none. `every` counts from `afterMs`. */
export function nextTime(schedule: Schedule, afterMs: number, zone: string | undefined): number | undefined {
  if (schedule.type === 'every') return Math.floor(afterMs / 1_000) * 1_000 + schedule.periodMs
  const clock = zoneClock(zone)
  let day = Math.floor((afterMs + clock.offsetMs(afterMs)) / dayMs)
  for (const end = day + horizonDays; day <= end; day += 1) {
    if (!isDay(schedule, day)) continue
    const found = timeOfDay(schedule, day, afterMs, clock)
    if (found !== undefined) return found
  }
  return undefined
}

/** When both day fields are restricted, either is enough: that is how cron has always been. */
function isDay({ fields, hasAnyDay, hasAnyWeekday }: Extract<Schedule, { type: 'fields' }>, day: number): boolean {
  const date = new Date(day * dayMs)
  if (fields[3]?.has(date.getUTCMonth() + 1) !== true) return false
  const isMonthDay = fields[2]?.has(date.getUTCDate()) === true
  const isWeekday = fields[4]?.has(date.getUTCDay()) === true
  return hasAnyDay || hasAnyWeekday ? isMonthDay && isWeekday : isMonthDay || isWeekday
}

function timeOfDay(
  { fields }: Extract<Schedule, { type: 'fields' }>,
  day: number,
  afterMs: number,
  clock: ZoneClock,
): number | undefined {
  const sorted = (set: ReadonlySet<number> | undefined): readonly number[] => [...(set ?? [])].toSorted((a, b) => a - b)
  for (const hour of sorted(fields[1])) {
    for (const minute of sorted(fields[0])) {
      const atMs = clock.instant(day * dayMs + (hour * 60 + minute) * minuteMs)
      if (atMs !== undefined && atMs > afterMs) return atMs
    }
  }
  return undefined
}

/** The clock on the wall of a time zone. */
type ZoneClock = {
  readonly offsetMs: (instantMs: number) => number
  /** The instant at which the wall shows this; `undefined` when it never does (the hour that summer time skips). */
  readonly instant: (wallMs: number) => number | undefined
}

function zoneClock(zone: string | undefined): ZoneClock {
  if (zone === undefined || zone === 'UTC') return { offsetMs: () => 0, instant: (wallMs) => wallMs }
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const offsetMs = (instantMs: number): number => {
    const text = format.formatToParts(instantMs).find(({ type }) => type === 'timeZoneName')?.value ?? ''
    const [, sign, hours, minutes] = /GMT(?:([+-])(\d+):(\d+))?/.exec(text) ?? []
    if (sign === undefined) return 0
    return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * minuteMs
  }
  const instant = (wallMs: number): number | undefined => {
    const candidates = [wallMs - offsetMs(wallMs - dayMs / 2), wallMs - offsetMs(wallMs + dayMs / 2)]
    return candidates.find((candidate) => candidate + offsetMs(candidate) === wallMs)
  }
  return { offsetMs, instant }
}

/** Whether the machine knows the time zone. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
