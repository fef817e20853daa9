/**
 * Command-line flags as pflag reads them: `--name=value`, `--name value`, `--bool`, `--bool=false`, `--` ends them.
 * Lists are comma-separated and may be repeated. Pure: no process, no environment.
 */

export type FlagSpec =
  | { readonly type: 'string'; readonly default: string; readonly description: string }
  | { readonly type: 'number'; readonly default: number; readonly description: string }
  | { readonly type: 'boolean'; readonly default: boolean; readonly description: string }
  /** Given once for each value, which may have commas. */
  | { readonly type: 'texts'; readonly default: readonly string[]; readonly description: string }
  | { readonly type: 'strings'; readonly default: readonly string[]; readonly description: string }
  /** `90s`, `1h30m`, `500ms`; the value is in milliseconds. */
  | { readonly type: 'duration'; readonly default: number; readonly description: string }
export type FlagSpecs = Readonly<Record<string, FlagSpec>>

type ValueOf<Spec extends FlagSpec> = Spec['type'] extends 'string'
  ? string
  : Spec['type'] extends 'boolean'
    ? boolean
    : Spec['type'] extends 'strings' | 'texts'
      ? readonly string[]
      : number
export type FlagValues<Specs extends FlagSpecs> = { readonly [Name in keyof Specs]: ValueOf<Specs[Name]> }

export type ParsedFlags<Specs extends FlagSpecs> = {
  readonly values: FlagValues<Specs>
  /** Names that stood on the command line. */
  readonly given: ReadonlySet<string>
  readonly rest: readonly string[]
}

/** A wrong command line; the message is pflag's. */
export class FlagError extends Error {
  override readonly name = 'FlagError'
}

/** Fixes the literal types of a table of flags. */
export function defineFlags<const Specs extends FlagSpecs>(specs: Specs): Specs {
  return specs
}

/** Reads `argv` (without program name). Throws `FlagError`. */
export function parseFlags<Specs extends FlagSpecs>(specs: Specs, argv: readonly string[]): ParsedFlags<Specs> {
  const values = new Map<string, unknown>(Object.entries(specs).map(([name, spec]) => [name, spec.default]))
  const given = new Set<string>()
  const rest: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? ''
    if (argument === '--') {
      rest.push(...argv.slice(at + 1))
      break
    }
    if (!argument.startsWith('--')) {
      if (argument.startsWith('-v=') && 'v' in specs)
        values.set('v', parseValue('v', { type: 'number' }, argument.slice(3)))
      else rest.push(argument)
      continue
    }
    const equals = argument.indexOf('=')
    const name = equals === -1 ? argument.slice(2) : argument.slice(2, equals)
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
    if (spec === undefined) throw new FlagError(`unknown flag: --${name}`)
    let text = equals === -1 ? undefined : argument.slice(equals + 1)
    if (text === undefined && spec.type === 'boolean') text = 'true'
    if (text === undefined) {
      at += 1
      text = argv[at]
      if (text === undefined) throw new FlagError(`flag needs an argument: --${name}`)
    }
    const value = parseValue(name, spec, text)
    const before = values.get(name)
    values.set(
      name,
      (spec.type === 'strings' || spec.type === 'texts') && given.has(name) && Array.isArray(before)
        ? [...before, ...(value as string[])]
        : value,
    )
    given.add(name)
  }
  // The loop above has put a value of the right type under every name of `specs`.
  return { values: Object.fromEntries(values) as FlagValues<Specs>, given, rest }
}

/** Writes `-name` as `--name`. A bare `-`, a negative number and what follows `--` are values. */
export function withDoubleHyphens(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--')
  return argv.map((argument, at) => {
    const isFlag = /^-[a-zA-Z]/.test(argument) && (end === -1 || at < end)
    return isFlag ? `-${argument}` : argument
  })
}

function parseValue(name: string, spec: Pick<FlagSpec, 'type'>, text: string): unknown {
  switch (spec.type) {
    case 'string':
      return text
    case 'boolean':
      if (['true', 't', '1', 'T', 'TRUE', 'True'].includes(text)) return true
      if (['false', 'f', '0', 'F', 'FALSE', 'False'].includes(text)) return false
      throw bad(name, text, `strconv.ParseBool: parsing "${text}": invalid syntax`)
    case 'number': {
      const value = Number(text)
      if (text === '' || !Number.isFinite(value))
        throw bad(name, text, `strconv.ParseInt: parsing "${text}": invalid syntax`)
      return value
    }
    case 'texts':
      return [text]
    case 'strings':
      return text === '' ? [] : text.split(',')
    case 'duration': {
      const value = parseDuration(text)
      if (value === undefined) throw bad(name, text, `time: invalid duration "${text}"`)
      return value
    }
    default:
      throw new TypeError(`flag --${name} has no type`)
  }
}

function bad(name: string, text: string, why: string): FlagError {
  return new FlagError(`invalid argument "${text}" for "--${name}" flag: ${why}`)
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Go's duration text (`1h30m`, `1.5s`, `0`) in milliseconds; `undefined` when it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.replace(/^[+-]/, '')
  if (!/^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/.test(body)) return undefined
  let total = 0
  for (const [, digits, unit] of body.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(digits) * (unitMs[unit ?? ''] ?? 0)
  }
  return sign * total
}

/** The text of `--help`. */
export function formatUsage(program: string, purpose: string, specs: FlagSpecs): string {
  const lines = Object.entries(specs)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, spec]) => `      --${name} ${spec.type === 'boolean' ? '' : spec.type}`.padEnd(52) + spec.description)
  return `${purpose}\n\nUsage:\n  ${program} [flags]\n\nFlags:\n${lines.join('\n')}\n`
}
