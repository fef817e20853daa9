/** Declarations of `getFullYear()`, `getHours('Europe/Berlin')` and the like, on timestamps and durations. */
import { noSuchOverload } from './errors.ts'
import type { FunctionDeclaration, Overload } from './library.ts'
import { type LocalTime, localTime } from './time-values.ts'
import { celTypes } from './types.ts'
import { type CelValue, isKind } from './values.ts'

const { duration, int, string, timestamp } = celTypes

type Part = (time: LocalTime) => number

function partOfTime(name: string, id: string, part: Part, inDuration?: Overload): FunctionDeclaration {
  const call = ([time, zone]: readonly CelValue[]): CelValue => {
    if (!isKind(time, 'timestamp') || (zone !== undefined && typeof zone !== 'string')) throw noSuchOverload()
    return BigInt(part(localTime(time, zone)))
  }
  const overloads: Overload[] = [
    { id: `timestamp_to_${id}`, member: true, arguments: [timestamp], result: int, call },
    { id: `timestamp_to_${id}_with_tz`, member: true, arguments: [timestamp, string], result: int, call },
  ]
  return { name, overloads: inDuration === undefined ? overloads : [...overloads, inDuration] }
}

function wholeUnits(id: string, unitNanos: bigint): Overload {
  const call = ([length]: readonly CelValue[]): CelValue => {
    if (!isKind(length, 'duration')) throw noSuchOverload()
    return length.nanos / unitNanos
  }
  return { id: `duration_to_${id}`, member: true, arguments: [duration], result: int, call }
}

export const timeFunctions: readonly FunctionDeclaration[] = [
  partOfTime('getFullYear', 'year', (time) => time.year),
  partOfTime('getMonth', 'month', (time) => time.month),
  partOfTime('getDayOfYear', 'day_of_year', (time) => time.dayOfYear),
  partOfTime('getDayOfMonth', 'day_of_month', (time) => time.day - 1),
  partOfTime('getDate', 'day_of_month_1_based', (time) => time.day),
  partOfTime('getDayOfWeek', 'day_of_week', (time) => time.dayOfWeek),
  partOfTime('getHours', 'hours', (time) => time.hours, wholeUnits('hours', 3_600_000_000_000n)),
  partOfTime('getMinutes', 'minutes', (time) => time.minutes, wholeUnits('minutes', 60_000_000_000n)),
  partOfTime('getSeconds', 'seconds', (time) => time.seconds, wholeUnits('seconds', 1_000_000_000n)),
  partOfTime('getMilliseconds', 'milliseconds', (time) => time.milliseconds, wholeUnits('milliseconds', 1_000_000n)),
]
