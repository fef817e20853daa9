/** Canonical spellings of scalars, and what Go says of spellings it refuses. */
import { goQuote } from '../field-errors.ts'
import { formatTime, parseTime } from '../time.ts'

/** RFC 3339 in whole seconds and UTC; `undefined` when the text is no time. */
export function canonicalTime(text: string): string | undefined {
  const ms = parseTime(text)
  if (Number.isNaN(ms)) return undefined
  return text.length === 20 && text.endsWith('Z') ? text : formatTime(ms)
}

const microTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[.,](\d{6})(?:Z|[+-]\d{2}:\d{2})$/

/** RFC 3339 with six digits of fraction, no more and no fewer, in UTC; `undefined` when the text is no such time. Source: `MicroTime`. */
export function canonicalMicroTime(text: string): string | undefined {
  const fraction = microTime.exec(text)?.[1]
  const ms = parseTime(text)
  if (fraction === undefined || Number.isNaN(ms)) return undefined
  return text.endsWith('Z') && !text.includes(',') ? text : `${formatTime(ms).slice(0, 19)}.${fraction}Z`
}

type LayoutPiece = readonly [string, RegExp]
const dateAndMinute: readonly LayoutPiece[] = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d{2}/],
  ['-', /^-/],
  ['02', /^\d{2}/],
  ['T', /^T/],
  ['15', /^\d{2}/],
  [':', /^:/],
  ['04', /^\d{2}/],
  [':', /^:/],
]
const zone: LayoutPiece = ['Z07:00', /^(Z|[+-]\d{2}:\d{2})/]
/** A fraction may follow the seconds of a layout that has none. */
const wholeSeconds: readonly LayoutPiece[] = [...dateAndMinute, ['05', /^\d{2}([.,]\d+)?/], zone]
const microseconds: readonly LayoutPiece[] = [...dateAndMinute, ['05', /^\d{2}/], ['.000000', /^[.,]\d{6}/], zone]

/** Go's words for a text that is no time. */
export function timeProblem(text: string, layout: string): string {
  const parsing = `parsing time ${goQuote(text)}`
  let rest = text
  for (const [piece, pattern] of layout.includes('.') ? microseconds : wholeSeconds) {
    const match = pattern.exec(rest)
    if (match === null) return `${parsing} as ${goQuote(layout)}: cannot parse ${goQuote(rest)} as ${goQuote(piece)}`
    rest = rest.slice(match[0].length)
  }
  return rest === '' ? `${parsing}: ${rangeProblem(text)} out of range` : `${parsing}: extra text: ${goQuote(rest)}`
}

function rangeProblem(text: string): string {
  const parts: readonly (readonly [string, number, number, number])[] = [
    ['month', 5, 1, 12],
    ['hour', 11, 0, 23],
    ['minute', 14, 0, 59],
    ['second', 17, 0, 59],
  ]
  const wrong = parts.find(([, at, min, max]) => {
    const value = Number(text.slice(at, at + 2))
    return value < min || value > max
  })
  return wrong?.[0] ?? 'day'
}

/** Go's words for a text that is no base64, or `undefined` when it is fine. Line breaks are allowed. */
export function base64Problem(text: string): string | undefined {
  const end = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length
  let digits = 0
  for (let at = 0; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code === 10 || code === 13) continue
    if (!isBase64(code)) return `illegal base64 data at input byte ${at}`
    digits++
  }
  const padding = text.length - end
  if ((digits + padding) % 4 === 0 && (padding === 0 || digits > 0)) return undefined
  return `illegal base64 data at input byte ${padding > 0 ? end : text.length - (digits % 4)}`
}

/** As Go writes it again: without line breaks, and with zeros in the bits that padding leaves over. */
export function canonicalBase64(text: string): string {
  if (!text.endsWith('=') && !text.includes('\n') && !text.includes('\r')) return text
  return Buffer.from(text, 'base64').toString('base64')
}

function isBase64(code: number): boolean {
  return (
    (code >= 65 && code <= 90) ||
    (code >= 97 && code <= 122) ||
    (code >= 48 && code <= 57) ||
    code === 43 ||
    code === 47
  )
}
