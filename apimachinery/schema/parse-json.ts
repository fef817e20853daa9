/**
 * JSON as the API server reads it: `JSON.parse` for the value, and a second pass over the text, only where asked for, that finds
 * doubled fields (a strict client wants to know) and the place and words of a syntax error.
 */
import { goQuote } from '../field-errors.ts'
import type { Json } from '../json.ts'

export type ParsedJson = {
  readonly value: Json
  readonly duplicates: readonly StrictProblem[]
}

/** What a strict client wants to know about a text that is good JSON or YAML. */
export type StrictProblem = {
  /** Such as `duplicate field "spec.replicas"`. */
  readonly text: string
  /** Where it stands: per level the number of the list's item or the object's distinct key; halves lie between two. */
  readonly rank: readonly number[]
}

/** Go's limit for nested JSON; deeper bodies are attacks. */
const maxDepth = 10_000
const maxDuplicates = 100

/** A body that is no JSON; the message is in the words of Go's decoder. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError'
}

/** Parses a body. With `duplicates: true` also finds doubled fields. */
export function parseJson(text: string, options: { readonly duplicates: boolean } = { duplicates: false }): ParsedJson {
  let value: Json
  try {
    value = JSON.parse(hasSurrogates.test(text) ? wellFormed(text) : text) as Json
  } catch {
    throw new JsonSyntaxError(syntaxProblem(text))
  }
  return { value, duplicates: options.duplicates ? new Scanner(text).duplicates() : [] }
}

const hasSurrogates = /\\u[dD][89a-fA-F]/

/** Half of a pair alone is no character: Go puts the replacement character in its place. */
function wellFormed(text: string): string {
  const escapes = /\\\\|\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}/g
  return text.replace(escapes, (found) => (found.length === 6 ? '\\ufffd' : found))
}

/** What Go's scanner says about a text that is no JSON. */
export function syntaxProblem(text: string): string {
  try {
    new Scanner(text).duplicates()
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message
    throw error
  }
  return 'unexpected end of JSON input'
}

type Level = {
  readonly fields: Set<string> | undefined
  /** The item's number; of an object, the key's rank. */
  index: number
  key: string
}

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Walks the whole text without recursion; throws at the first wrong character. */
  duplicates(): readonly StrictProblem[] {
    const found: StrictProblem[] = []
    const levels: Level[] = []
    for (;;) {
      const opened = this.#value()
      if (opened !== undefined) {
        levels.push(opened)
        if (levels.length > maxDepth) {
          throw new JsonSyntaxError(`invalid character '${opened.fields === undefined ? '[' : '{'}' exceeded max depth`)
        }
        if (this.#closes(opened)) levels.pop()
        else {
          if (opened.fields !== undefined) this.#key(opened, levels, found)
          continue
        }
      }
      for (;;) {
        const level = levels.at(-1)
        if (level === undefined) {
          this.#end()
          return found
        }
        if (!this.#next(level)) {
          levels.pop()
          continue
        }
        if (level.fields !== undefined) this.#key(level, levels, found)
        break
      }
    }
  }

  /** Reads a scalar, or opens an object or array. */
  #value(): Level | undefined {
    const character = this.#peek()
    if (character === '{' || character === '[') {
      this.#at++
      return { fields: character === '{' ? new Set() : undefined, index: 0, key: '' }
    }
    if (character === '"') this.#string()
    else if (character === '-' || (character >= '0' && character <= '9')) this.#number()
    else this.#literal(character)
    return undefined
  }

  #closes(level: Level): boolean {
    const closes = this.#peek() === (level.fields === undefined ? ']' : '}')
    if (closes) this.#at++
    return closes
  }

  /** After a value: true when a comma leads on to another one. */
  #next(level: Level): boolean {
    const character = this.#peek()
    if (character === ',') {
      this.#at++
      if (level.fields === undefined) level.index++
      return true
    }
    if (character === (level.fields === undefined ? ']' : '}')) {
      this.#at++
      return false
    }
    throw this.#invalid(character, `after ${level.fields === undefined ? 'array element' : 'object key:value pair'}`)
  }

  #key(level: Level, levels: readonly Level[], found: StrictProblem[]): void {
    const character = this.#peek()
    if (character !== '"') throw this.#invalid(character, 'looking for beginning of object key string')
    const start = this.#at
    this.#string()
    const raw = this.#text.slice(start, this.#at)
    level.key = raw.includes('\\') ? String(JSON.parse(raw)) : raw.slice(1, -1)
    const colon = this.#peek()
    if (colon !== ':') throw this.#invalid(colon, 'after object key')
    this.#at++
    const { fields } = level
    if (fields === undefined) return
    const isDoubled = fields.has(level.key)
    // A doubled key stands after all that came before it.
    level.index = isDoubled ? fields.size - 0.5 : fields.size
    if (isDoubled && found.length < maxDuplicates) {
      const text = `duplicate field ${goQuote(pathOf(levels))}`
      if (!found.some((problem) => problem.text === text)) found.push({ text, rank: levels.map(({ index }) => index) })
    }
    fields.add(level.key)
  }

  #string(): void {
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 34) {
        this.#at++
        return
      }
      if (code < 32) throw this.#invalid(this.#text.charAt(this.#at), 'in string literal')
      if (code === 92) this.#escape()
    }
    throw new JsonSyntaxError('unexpected end of JSON input')
  }

  #escape(): void {
    const character = this.#text.charAt(++this.#at)
    if (character === '') throw new JsonSyntaxError('unexpected end of JSON input')
    if (!'"\\/bfnrtu'.includes(character)) throw this.#invalid(character, 'in string escape code')
    if (character !== 'u') return
    for (let i = 0; i < 4; i++) {
      const digit = this.#text.charAt(++this.#at)
      if (digit === '') throw new JsonSyntaxError('unexpected end of JSON input')
      if (!/[0-9a-fA-F]/.test(digit)) throw this.#invalid(digit, 'in \\u hexadecimal character escape')
    }
  }

  #number(): void {
    if (this.#text[this.#at] === '-') this.#at++
    if (this.#text[this.#at] === '0') this.#at++
    else this.#digits('in numeric literal')
    if (this.#text[this.#at] === '.') {
      this.#at++
      this.#digits('after decimal point in numeric literal')
    }
    const exponent = this.#text[this.#at]
    if (exponent !== 'e' && exponent !== 'E') return
    this.#at++
    const sign = this.#text[this.#at]
    if (sign === '-' || sign === '+') this.#at++
    this.#digits('in exponent of numeric literal')
  }

  #digits(where: string): void {
    const start = this.#at
    while (this.#at < this.#text.length && isDigit(this.#text.charCodeAt(this.#at))) this.#at++
    if (this.#at === start) throw this.#invalid(this.#text.charAt(this.#at), where)
  }

  #literal(first: string): void {
    const word = first === 't' ? 'true' : first === 'f' ? 'false' : first === 'n' ? 'null' : ''
    if (word === '') throw this.#invalid(first, 'looking for beginning of value')
    for (let i = 1; i < word.length; i++) {
      const character = this.#text.charAt(this.#at + i)
      if (character !== word[i]) throw this.#invalid(character, `in literal ${word} (expecting '${word[i]}')`)
    }
    this.#at += word.length
  }

  #end(): void {
    const character = this.#peek()
    if (character !== '') throw this.#invalid(character, 'after top-level value')
  }

  #peek(): string {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return this.#text.charAt(this.#at)
      this.#at++
    }
  }

  #invalid(character: string, where: string): JsonSyntaxError {
    if (character === '') return new JsonSyntaxError('unexpected end of JSON input')
    return new JsonSyntaxError(`invalid character ${quoteCharacter(character)} ${where}`)
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

function quoteCharacter(character: string): string {
  if (character === "'") return `'\\''`
  if (character === '"') return `'"'`
  const code = character.charCodeAt(0)
  if (character === '\n') return `'\\n'`
  if (character === '\t') return `'\\t'`
  return code < 32 ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${character}'`
}

function pathOf(levels: readonly Level[]): string {
  let path = ''
  for (const { fields, index, key } of levels) {
    path += fields === undefined ? `[${index}]` : `${path === '' ? '' : '.'}${key}`
  }
  return path
}
