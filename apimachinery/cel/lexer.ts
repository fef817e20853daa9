/**
 * Source text to tokens. What no token begins with is reported in ANTLR's words and skipped, as cel-go's lexer does.
 * Source: CEL's grammar, `CEL.g4`.
 */
import type { Issue } from './issues.ts'

/** Names as ANTLR prints them in "expecting {…}"; punctuation is its own name. */
export type TokenType =
  | 'NUM_FLOAT'
  | 'NUM_INT'
  | 'NUM_UINT'
  | 'STRING'
  | 'BYTES'
  | 'IDENTIFIER'
  | 'ESC_IDENTIFIER'
  | '<EOF>'
  | Punctuation

const punctuation = [
  '==', '!=', '<=', '>=', '&&', '||', '<', '>', '[', ']', '{', '}', '(', ')',
  '.', ',', '-', '!', '?', ':', '+', '*', '/', '%', 'in', 'true', 'false', 'null',
] as const // biome-ignore format: a table reads better in rows

type Punctuation = (typeof punctuation)[number]

/** A piece of the source; `offset` and the length of `text` count UTF-16 units. */
export type Token = { readonly type: TokenType; readonly text: string; readonly offset: number }

const words: ReadonlySet<string> = new Set(['in', 'true', 'false', 'null'])
const symbols = punctuation.filter((symbol) => !words.has(symbol))

const skipped = /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y
const word = /[A-Za-z_][A-Za-z0-9_]*/y
const escapedIdentifier = /`[A-Za-z0-9_.\-/ ]+`/y
const float = /(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)/y
const integer = /(?:0x[0-9a-fA-F]+|\d+)/y
const escapeSequence = String.raw`\\(?:[abfnrtv"'\\?${'`'}]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})`

/** Delimiter, then the text that may stand inside; the longer delimiters first, so that the longest token wins. */
const quotes = [
  { open: '"""', cooked: new RegExp(`(?:${escapeSequence}|[^\\\\])*?"""`, 'sy'), raw: /[\s\S]*?"""/y },
  { open: "'''", cooked: new RegExp(`(?:${escapeSequence}|[^\\\\])*?'''`, 'sy'), raw: /[\s\S]*?'''/y },
  { open: '"', cooked: new RegExp(`(?:${escapeSequence}|[^\\\\"\\n\\r])*"`, 'y'), raw: /[^"\n\r]*"/y },
  { open: "'", cooked: new RegExp(`(?:${escapeSequence}|[^\\\\'\\n\\r])*'`, 'y'), raw: /[^'\n\r]*'/y },
] as const

/** All tokens, the last one `<EOF>`; what cannot be read is added to `issues`. */
export function tokenize(source: string, issues: Issue[]): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    at += matchAt(skipped, source, at)
    if (at >= source.length) break
    const token = readToken(source, at)
    if (token === undefined) {
      const end = errorEnd(source, at)
      issues.push({
        offset: at,
        message: `Syntax error: token recognition error at: '${source.slice(at, end)}'`,
      })
      at = end
    } else {
      tokens.push(token)
      at += token.text.length
    }
  }
  tokens.push({ type: '<EOF>', text: '<EOF>', offset: source.length })
  return tokens
}

function matchAt(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(source) ? pattern.lastIndex - at : 0
}

function readToken(source: string, at: number): Token | undefined {
  const make = (type: TokenType, length: number): Token => ({ type, text: source.slice(at, at + length), offset: at })
  const literal = quotedLength(source, at)
  if (literal !== undefined) return make(literal.type, literal.length)
  const wordLength = matchAt(word, source, at)
  if (wordLength > 0) {
    const token = make('IDENTIFIER', wordLength)
    return isWordToken(token.text) ? { ...token, type: token.text } : token
  }
  const floatLength = matchAt(float, source, at)
  if (floatLength > 0) return make('NUM_FLOAT', floatLength)
  const integerLength = matchAt(integer, source, at)
  if (integerLength > 0) {
    const unsigned = /[uU]/.test(source.charAt(at + integerLength))
    return unsigned ? make('NUM_UINT', integerLength + 1) : make('NUM_INT', integerLength)
  }
  const symbol = symbols.find((candidate) => source.startsWith(candidate, at))
  if (symbol !== undefined) return make(symbol, symbol.length)
  const escapedLength = matchAt(escapedIdentifier, source, at)
  return escapedLength > 0 ? make('ESC_IDENTIFIER', escapedLength) : undefined
}

function isWordToken(text: string): text is Punctuation {
  return words.has(text)
}

type Quoted = { readonly type: 'STRING' | 'BYTES'; readonly length: number }

function quotedLength(source: string, at: number): Quoted | undefined {
  const prefix = quotePrefix(source, at)
  if (prefix === undefined) return undefined
  const start = at + prefix.length
  for (const quote of quotes) {
    if (!source.startsWith(quote.open, start)) continue
    const length = matchAt(prefix.raw ? quote.raw : quote.cooked, source, start + quote.open.length)
    if (length > 0) {
      return { type: prefix.bytes ? 'BYTES' : 'STRING', length: prefix.length + quote.open.length + length }
    }
  }
  return undefined
}

function quotePrefix(source: string, at: number): { length: number; raw: boolean; bytes: boolean } | undefined {
  const first = source.charAt(at)
  const bytes = first === 'b' || first === 'B'
  const second = source.charAt(bytes ? at + 1 : at)
  const raw = second === 'r' || second === 'R'
  const length = (bytes ? 1 : 0) + (raw ? 1 : 0)
  const quote = source.charAt(at + length)
  return quote === '"' || quote === "'" ? { length, raw, bytes } : undefined
}

/** Where ANTLR's lexer gives up: behind the first character with which no token can go on. */
function errorEnd(source: string, at: number): number {
  const quote = quotePrefix(source, at)
  if (quote !== undefined) return unterminatedEnd(source, at + quote.length, quote.raw)
  const first = source.charAt(at)
  if (first === '`') {
    const length = matchAt(/[A-Za-z0-9_.\-/ ]*/y, source, at + 1)
    return Math.min(source.length, at + 1 + length + 1)
  }
  const continues = first === '=' || first === '&' || first === '|'
  const next = codePointLength(source, at)
  return continues ? Math.min(source.length, at + next + codePointLength(source, at + next)) : at + next
}

function codePointLength(source: string, at: number): number {
  const point = source.codePointAt(at)
  return point !== undefined && point > 0xffff ? 2 : 1
}

function unterminatedEnd(source: string, open: number, raw: boolean): number {
  const inside = raw ? /[^"'\n\r]*/y : new RegExp(`(?:${escapeSequence}|[^\\\\\\n\\r])*`, 'y')
  const stop = open + 1 + matchAt(inside, source, open + 1)
  const end = source.charAt(stop) === '\\' ? badEscapeEnd(source, stop + 1) : stop + 1
  return Math.min(source.length, end)
}

/** How many digits an escape takes, and which. */
const escapeDigits: Readonly<Record<string, readonly [count: number, digits: RegExp]>> = {
  x: [2, /[0-9a-fA-F]/],
  X: [2, /[0-9a-fA-F]/],
  u: [4, /[0-9a-fA-F]/],
  U: [8, /[0-9a-fA-F]/],
  0: [2, /[0-7]/],
  1: [2, /[0-7]/],
  2: [2, /[0-7]/],
  3: [2, /[0-7]/],
}

function badEscapeEnd(source: string, at: number): number {
  const [count, digits] = escapeDigits[source.charAt(at)] ?? [0, /x/]
  let end = at + 1
  while (count > 0 && end <= at + count && digits.test(source.charAt(end))) end++
  return count === 0 ? end : end + 1
}
