/** How long a request may take: the server's limit, or less when the client says so. Source: upstream's `WithRequestDeadline`. */
import { goQuote } from '../../apimachinery/field-errors.ts'
import { badRequest } from '../../apimachinery/status.ts'
import { parseDuration } from '../../component-base/flags.ts'
import { parseQuery } from './query.ts'

/** Milliseconds. Throws BadRequest when `?timeout=` is not a duration. */
export function requestTimeout(url: string, longestMs: number): number {
  if (!url.includes('timeout=')) return longestMs
  const text = parseQuery(url).get('timeout') ?? ''
  if (text === '') return longestMs
  const wanted = parseDuration(text)
  if (wanted === undefined) {
    throw badRequest(`invalid timeout specified in the request URL - ${durationProblem(text)}`)
  }
  return wanted > 0 && wanted < longestMs ? wanted : longestMs
}

const part = /^(?:\d+\.?\d*|\.\d+)([^.\d]*)/
const units = new Set(['ns', 'us', 'µs', 'μs', 'ms', 's', 'm', 'h'])

/** Why Go does not take a text for a duration. Source: `time.ParseDuration`. */
function durationProblem(text: string): string {
  let rest = text.replace(/^[+-]/, '')
  while (rest !== '') {
    const [whole, unit] = part.exec(rest) ?? []
    if (whole === undefined || unit === undefined) break
    if (unit === '') return `time: missing unit in duration ${goQuote(text)}`
    if (!units.has(unit)) return `time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`
    rest = rest.slice(whole.length)
  }
  return `time: invalid duration ${goQuote(text)}`
}
