/**
 * Whether a cron schedule can be read, in the words of the parser upstream uses.
 *
 *   schedule = "@hourly" … | "@every" duration | minute hour day month weekday
 *   field    = range { "," range };  range = "*" | "?" | value [ "-" value ] [ "/" step ]
 */

type Bounds = { readonly min: number; readonly max: number; readonly names?: readonly string[] }

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const fields: readonly Bounds[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: weekdays },
]
const descriptors = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']

/** What is wrong with a schedule, or `undefined`. */
export function scheduleError(schedule: string): string | undefined {
  const spec = schedule.replace(/^(TZ|CRON_TZ)=\S*\s*/, '')
  if (spec.startsWith('@')) return descriptorError(spec)
  const parts = spec.split(/\s+/).filter((part) => part !== '')
  if (parts.length !== fields.length) {
    return `expected exactly ${fields.length} fields, found ${parts.length}: [${parts.join(' ')}]`
  }
  return firstError(parts.map((part, index) => fieldError(part, fields[index] ?? { min: 0, max: 0 })))
}

function descriptorError(spec: string): string | undefined {
  if (descriptors.includes(spec)) return undefined
  const duration = /^@every (.*)$/.exec(spec)?.[1]
  if (duration === undefined) return `unrecognized descriptor: ${spec}`
  return /^([+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(duration)
    ? undefined
    : `failed to parse duration ${spec}: time: invalid duration "${duration}"`
}

function firstError(errors: readonly (string | undefined)[]): string | undefined {
  return errors.find((error) => error !== undefined)
}

function fieldError(field: string, bounds: Bounds): string | undefined {
  return firstError(
    field
      .split(',')
      .filter((part) => part !== '')
      .map((part) => rangeError(part, bounds)),
  )
}

function rangeError(expression: string, bounds: Bounds): string | undefined {
  const [range = '', step, ...moreSteps] = expression.split('/')
  if (moreSteps.length > 0) return `too many slashes: ${expression}`
  const [low = '', high, ...moreHyphens] = range.split('-')
  if (moreHyphens.length > 0) return `too many hyphens: ${expression}`
  const isStar = low === '*' || low === '?'
  const start = isStar ? bounds.min : numberOf(low, bounds)
  if (typeof start === 'string') return start
  const end = isStar
    ? bounds.max
    : high === undefined
      ? step === undefined
        ? start
        : bounds.max
      : numberOf(high, bounds)
  if (typeof end === 'string') return end
  const every = step === undefined ? 1 : numberOf(step, { min: 0, max: 0 })
  if (typeof every === 'string') return every
  return limitError(start, end, every, expression, bounds)
}

function limitError(
  start: number,
  end: number,
  step: number,
  expression: string,
  { min, max }: Bounds,
): string | undefined {
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${expression}`
  if (end > max) return `end of range (${end}) above maximum (${max}): ${expression}`
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`
  return step === 0 ? `step of range should be a positive number: ${expression}` : undefined
}

/** The number, or what is wrong with it. */
function numberOf(text: string, { min, names }: Bounds): number | string {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return named + min
  if (/^\+?\d+$/.test(text)) return Number(text)
  if (/^-\d+$/.test(text)) return `negative number (${Number(text)}) not allowed: ${text}`
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`
}
