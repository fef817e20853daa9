/** Reading of directives: the checks that many of them share, with CoreDNS' and Go's words. */
import { parseDuration } from '../../component-base/flags.ts'
import { argumentError, type Directive } from '../corefile/parse.ts'
import { CorefileError } from '../corefile/tokens.ts'
import { zonesOf } from '../corefile/zones.ts'

/** Wraps errors with the plugin's name, as CoreDNS does. */
export function inPlugin<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new CorefileError(`plugin/${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** For plugins of which a block may have one. */
export function onlyLine(lines: readonly Directive[]): Directive {
  const [line, second] = lines
  if (line === undefined || second !== undefined)
    throw new CorefileError('this plugin can only be used once per Server Block')
  return line
}

/** The only word of a line. */
export function oneArgument(line: Directive): string {
  const [argument] = line.args
  if (argument === undefined || line.args.length > 1) throw argumentError(line)
  return argument
}

/** The first word of a line; CoreDNS looks no further in many places. */
export function firstArgument(line: Directive): string {
  const [argument] = line.args
  if (argument === undefined) throw argumentError(line)
  return argument
}

/** A line without words. */
export function noArguments(line: Directive): void {
  if (line.args.length > 0) throw argumentError(line)
}

/** A whole number, as `strconv.Atoi` reads it. */
export function wholeNumber(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new CorefileError(`strconv.Atoi: parsing "${text}": invalid syntax`)
  return Number(text)
}

/** A duration in milliseconds, as `time.ParseDuration` reads it. */
export function durationOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  const hasNumber = /^[+-]?\d+(?:\.\d*)?$/.test(text)
  throw new CorefileError(hasNumber ? `time: missing unit in duration "${text}"` : `time: invalid duration "${text}"`)
}

/** Zones that a `fallthrough` line names: none means all. */
export function fallthroughZones(line: Directive): readonly string[] {
  return line.args.length === 0 ? ['.'] : line.args.flatMap(zonesOf)
}

/** A name in full and in lower case. */
export function fullName(text: string): string {
  const lower = text.toLowerCase()
  return lower.endsWith('.') ? lower : `${lower}.`
}
