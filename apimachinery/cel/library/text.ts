/**
 * Strings as CEL counts them: by code points. Texts without surrogate pairs, which is nearly all of them, are cut by JavaScript's own
 * indexes. Source: cel-go `ext/strings.go`.
 */
import { CelError, CostLimitError } from '../errors.ts'
import { codePointCount } from '../runtime-type.ts'

/** A result longer than this (in UTF-16 units) could not be used within any cost limit; upstream would run out of memory. */
export const longestResult = 2 ** 25

const surrogate = /[\ud800-\udfff]/

/** The text as an array of code points, or the text itself where its indexes already count them. */
function units(text: string): string | readonly string[] {
  return surrogate.test(text) ? [...text] : text
}

function cut(text: string | readonly string[], from: number, to: number): string {
  return typeof text === 'string' ? text.slice(from, to) : text.slice(from, to).join('')
}

function outOfRange(index: bigint): CelError {
  return new CelError(`index out of range: ${index}`)
}

/** The character at an index; nothing right after the end. */
export function charAt(text: string, index: bigint): string {
  const all = units(text)
  if (index < 0n || index > all.length) throw outOfRange(index)
  return all[Number(index)] ?? ''
}

/** The first place of `part` at or after `offset`, or -1. */
export function indexOf(text: string, part: string, offset: bigint): bigint {
  if (part === '') return offset
  if (offset < 0n) throw outOfRange(offset)
  const all = units(text)
  if (offset >= all.length) return -1n
  const from = cut(all, 0, Number(offset)).length
  const found = text.indexOf(part, from)
  return found < 0 ? -1n : BigInt(codePointCount(text.slice(0, found)))
}

/** The last place of `part`, or -1. */
export function lastIndexOf(text: string, part: string): bigint {
  const length = BigInt(codePointCount(text))
  if (part === '') return length
  if (Buffer.byteLength(text) < Buffer.byteLength(part)) return -1n
  return lastIndexOfFrom(text, part, length - 1n)
}

/** The last place of `part` at or before `offset`, or -1. */
export function lastIndexOfFrom(text: string, part: string, offset: bigint): bigint {
  if (part === '') return offset
  if (offset < 0n) throw outOfRange(offset)
  const all = units(text)
  if (offset >= all.length) return -1n
  const from = cut(all, 0, Number(offset)).length
  const found = text.lastIndexOf(part, from)
  return found < 0 ? -1n : BigInt(codePointCount(text.slice(0, found)))
}

/** From `start` to the end. */
export function substringFrom(text: string, start: bigint): string {
  const all = units(text)
  if (start < 0n || start > all.length) throw outOfRange(start)
  return cut(all, Number(start), all.length)
}

/** From `start` up to but not including `end`. */
export function substring(text: string, start: bigint, end: bigint): string {
  const all = units(text)
  if (start > end) throw new CelError(`invalid substring range. start: ${start}, end: ${end}`)
  for (const index of [start, end]) if (index < 0n || index > all.length) throw outOfRange(index)
  return cut(all, Number(start), Number(end))
}

/** Upper case to lower case, ASCII only. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** Lower case to upper case, ASCII only. */
export function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

/** What Go's `unicode.IsSpace` takes for space. */
const space = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const leadingSpace = new RegExp(`^${space}+`)
const oneSpace = new RegExp(space)

/** Without space at both ends. The end is walked by hand: a pattern for it would be quadratic. */
export function trimSpace(text: string): string {
  const start = leadingSpace.exec(text)?.[0].length ?? 0
  let end = text.length
  while (end > start && oneSpace.test(text.charAt(end - 1))) end--
  return text.slice(start, end)
}

/** The first `limit` places of `old` (all when it is negative) replaced. An empty `old` stands between all characters. */
export function replace(text: string, old: string, by: string, limit: bigint): string {
  if (old === by || limit === 0n) return text
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)
  const places = placesOf(text, old, most)
  assertLength(text.length + places.length * (by.length - old.length))
  if (places.length === 0) return text
  const parts: string[] = []
  let from = 0
  for (const place of places) {
    parts.push(text.slice(from, place))
    from = place + old.length
  }
  parts.push(text.slice(from))
  return parts.join(by)
}

function placesOf(text: string, part: string, most: number): readonly number[] {
  const places: number[] = []
  if (part === '') return boundaries(text, most)
  for (let at = text.indexOf(part); at >= 0 && places.length < most; at = text.indexOf(part, at + part.length)) {
    places.push(at)
  }
  return places
}

function boundaries(text: string, most: number): readonly number[] {
  const places: number[] = []
  let at = 0
  for (const character of text) {
    if (places.length >= most) return places
    places.push(at)
    at += character.length
  }
  if (places.length < most) places.push(at)
  return places
}

/** The parts between separators: at most `limit` (all when it is negative); an empty separator splits into characters. */
export function split(text: string, separator: string, limit: bigint): readonly string[] {
  if (limit === 0n) return []
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)
  const parts = separator === '' ? [...text] : text.split(separator)
  if (parts.length <= most) return parts
  return [...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)]
}

/** The texts, one after the other. */
export function join(texts: readonly string[], separator: string): string {
  const separators = Math.max(texts.length - 1, 0) * separator.length
  assertLength(texts.reduce((length, text) => length + text.length, separators))
  return texts.join(separator)
}

function assertLength(length: number): void {
  if (length > longestResult) throw new CostLimitError()
}

const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

const escaped = new RegExp(`[${Object.keys(escapes).join('').replace('\\', '\\\\')}]`, 'g')
/** With the flag `u` only halves of pairs match. */
const lone = /[\ud800-\udfff]/gu

/** The text in double quotes, with the escapes that CEL reads back. */
export function quote(text: string): string {
  return `"${text.replace(lone, '\ufffd').replace(escaped, (character) => escapes[character] ?? character)}"`
}
