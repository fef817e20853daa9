/**
 * `'%s is %.2f'.format([name, share])`: the grammar of format strings, and the text of each value.
 *
 *   clause = '%' [ '.' digits ] ( 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o' )      '%%' stands for itself
 *
 * Doubles are printed as in English (`1,234.50`, `1.2×10⁰³`). The same walk serves the check of literal format strings before the run.
 * Source: cel-go `ext/formatting.go` (the library's version 2).
 */
import { goQuote } from '../../field-errors.ts'
import { toText } from '../convert.ts'
import { compareStrings } from '../equality.ts'
import { CelError, CostLimitError } from '../errors.ts'
import { runtimeTypeName } from '../runtime-type.ts'
import { typeName } from '../types.ts'
import { type CelValue, isKind, itemsOf, type ListValue, type MapValue } from '../values.ts'
import { formatFixed, formatScientific, plainFixed } from './localized-number.ts'
import { longestResult } from './text.ts'

/** The verbs of clauses. */
export type Verb = 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o'

/** One clause and which argument it prints. */
export type Clause = { readonly verb: Verb; readonly precision: number | undefined; readonly index: number }

/**
 * Walks a format string; `render` makes the text of a clause. Throws `CelError` for a wrong format.
 * A format that is a literal in the source is told that it ends too early before it is told that arguments are missing.
 */
export function interpretFormat(
  format: string,
  argumentCount: number,
  render: (clause: Clause) => string,
  source: 'literal' | 'value' = 'value',
): string {
  let result = ''
  let from = 0
  let index = 0
  for (let at = format.indexOf('%'); at >= 0; at = format.indexOf('%', from)) {
    result += format.slice(from, at)
    if (format[at + 1] === '%') {
      result += '%'
      from = at + 2
      continue
    }
    const endsEarly = at + 1 >= format.length
    if (endsEarly && (source === 'literal' || index < argumentCount)) throw new CelError('unexpected end of string')
    if (index >= argumentCount) throw new CelError(`index ${index} out of range`)
    const { verb, precision, end } = readClause(format, at + 1)
    result += render({ verb, precision, index })
    if (result.length > longestResult) throw new CostLimitError()
    from = end
    index++
  }
  return result + format.slice(from)
}

type ReadClause = { readonly verb: Verb; readonly precision: number | undefined; readonly end: number }

function readClause(format: string, from: number): ReadClause {
  const { precision, end } =
    format[from] === '.' ? readPrecision(format, from + 1) : { precision: undefined, end: from }
  const verb = format[end]
  if (!isVerb(verb)) throw parseError(`unrecognized formatting clause "${firstByte(format.slice(end))}"`)
  return { verb, precision, end: end + 1 }
}

function isVerb(letter: string | undefined): letter is Verb {
  return letter !== undefined && 'sdfebxXo'.includes(letter)
}

/** Upstream shows the first byte of what it does not know. */
function firstByte(text: string): string {
  return String.fromCharCode(Buffer.from(text.slice(0, 2))[0] ?? 0)
}

const largestInt = 2 ** 63

function readPrecision(format: string, from: number): { readonly precision: number; readonly end: number } {
  let end = from
  while (end < format.length && /[0-9]/.test(format.charAt(end))) end++
  if (end >= format.length) throw precisionError('could not find end of precision specifier')
  const digits = format.slice(from, end)
  const problem = digits === '' ? 'invalid syntax' : Number(digits) >= largestInt ? 'value out of range' : undefined
  if (problem !== undefined) {
    throw precisionError(`error while converting precision to integer: strconv.Atoi: parsing "${digits}": ${problem}`)
  }
  return { precision: Number(digits), end }
}

function precisionError(problem: string): CelError {
  return parseError(`error while parsing precision: ${problem}`)
}

function parseError(problem: string): CelError {
  return new CelError(`could not parse formatting clause: ${problem}`)
}

/** What a verb says about a value that it cannot print. */
export function formatProblem(verb: Verb, type: string): string {
  return `error during formatting: ${rules[verb]}, was given ${type}`
}

const hexRule = 'only integers, byte buffers, and strings can be formatted as hex'

const rules: Readonly<Record<Verb, string>> = {
  s: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'decimal clause can only be used on integers',
  f: 'fixed-point clause can only be used on doubles',
  e: 'scientific clause can only be used on doubles',
  b: 'only integers and bools can be formatted as binary',
  x: hexRule,
  X: hexRule,
  o: 'octal clause can only be used on integers',
}

/** The format string with its clauses filled in. */
export function formatString(format: string, args: ListValue): string {
  return interpretFormat(format, args.size, ({ verb, precision, index }) => {
    const value = args.get(index)
    const text = render(verb, precision, value)
    if (text === undefined) throw new CelError(formatProblem(verb, runtimeTypeName(value)))
    return text
  })
}

function render(verb: Verb, precision: number | undefined, value: CelValue): string | undefined {
  switch (verb) {
    case 's':
      return stringOf(value)
    case 'd':
      return integerOf(value)?.toString()
    case 'f':
      return doubleOf(value, (number) => formatFixed(number, precision ?? defaultPrecision))
    case 'e':
      return doubleOf(value, (number) => formatScientific(number, precision ?? defaultPrecision))
    case 'b':
      return typeof value === 'boolean' ? (value ? '1' : '0') : integerOf(value)?.toString(2)
    case 'o':
      return integerOf(value)?.toString(8)
    case 'x':
      return hexOf(value)
    case 'X':
      return hexOf(value)?.toUpperCase()
  }
}

const defaultPrecision = 6

function integerOf(value: CelValue): bigint | undefined {
  if (typeof value === 'bigint') return value
  return isKind(value, 'uint') ? value.value : undefined
}

const doublesAsText: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

function doubleOf(value: CelValue, format: (number: number) => string): string | undefined {
  const number = typeof value === 'string' && Object.hasOwn(doublesAsText, value) ? doublesAsText[value] : value
  return typeof number === 'number' ? format(number) : undefined
}

function hexOf(value: CelValue): string | undefined {
  if (typeof value === 'string') return Buffer.from(value).toString('hex')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return integerOf(value)?.toString(16)
}

/** What `%s` prints; `undefined` for values that it cannot print. */
function stringOf(value: CelValue): string | undefined {
  return plainText(value, { left: longestPrinted })
}

/** How many characters may still be printed. Lists that hold one list many times look small and are not. */
type Room = { left: number }

const longestPrinted = 2 ** 22
const separatorLength = 2

function plainText(value: CelValue, room: Room): string | undefined {
  if (value === null) return 'null'
  if (isKind(value, 'list')) return listText(value, room)
  if (isKind(value, 'map')) return mapText(value, room)
  if (isKind(value, 'type')) return typeName(value.type)
  if (isKind(value, 'opaque') || isKind(value, 'optional') || isKind(value, 'object')) return undefined
  try {
    return toText(value)
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    throw formattingError(`could not convert argument ${goQuote(error.message)} to string`)
  }
}

function listText(list: ListValue, room: Room): string {
  return `[${itemsOf(list)
    .map((item) => literalText(item, room))
    .join(', ')}]`
}

function mapText(map: MapValue, room: Room): string {
  const entries = map.keys().map((key) => [keyText(key, room), literalText(map.find(key) ?? null, room)] as const)
  const sorted = entries.toSorted(([a], [b]) => compareStrings(a, b))
  return `{${sorted.map(([key, value]) => `${key}:${value}`).join(', ')}}`
}

function keyText(key: CelValue, room: Room): string {
  if (typeof key === 'number') throw formattingError('no formatting function for map key of type double')
  return literalText(key, room)
}

/** A value inside a list or map, as CEL would read it back. */
function literalText(value: CelValue, room: Room): string {
  const text = unboundedLiteral(value, room)
  room.left -= separatorLength + (isKind(value, 'list') || isKind(value, 'map') ? 0 : text.length)
  if (room.left < 0) throw new CostLimitError()
  return text
}

function unboundedLiteral(value: CelValue, room: Room): string {
  if (typeof value === 'string') return goQuote(value)
  if (typeof value === 'number') return Number.isFinite(value) ? plainFixed(value) : goQuote(toText(value))
  const text = plainText(value, room)
  if (text === undefined) throw formattingError(`no formatting function for ${runtimeTypeName(value)}`)
  if (value instanceof Uint8Array) return `b${goQuote(text)}`
  if (isKind(value, 'timestamp') || isKind(value, 'duration')) return `${value.kind}(${goQuote(text)})`
  return text
}

function formattingError(problem: string): CelError {
  return new CelError(`error during formatting: ${problem}`)
}
