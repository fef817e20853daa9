/**
 * Tokens one after the other, with the repairs and the words of ANTLR's parsers: one token too many is dropped, one missing is
 * taken as there, anything else ends the parse. Source: ANTLR's default error strategy.
 */
import type { Issue } from './issues.ts'
import type { Token, TokenType } from './lexer.ts'

/** The parse cannot go on; its issue is reported already. */
export class SyntaxFailure extends Error {
  override readonly name = 'SyntaxFailure'
}

/** ANTLR lists expected tokens in the order in which the lexer's rules stand. */
const order: readonly TokenType[] = [
  '==',
  '!=',
  'in',
  '<',
  '<=',
  '>=',
  '>',
  '&&',
  '||',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  '.',
  ',',
  '-',
  '!',
  '?',
  ':',
  '+',
  '*',
  '/',
  '%',
  'true',
  'false',
  'null',
  'NUM_FLOAT',
  'NUM_INT',
  'NUM_UINT',
  'STRING',
  'BYTES',
  'IDENTIFIER',
  'ESC_IDENTIFIER',
]

/** What an operand can begin with. */
export const operandStart: ReadonlySet<TokenType> = new Set<TokenType>([
  '[',
  '{',
  '(',
  '.',
  '-',
  '!',
  'true',
  'false',
  'null',
  'NUM_FLOAT',
  'NUM_INT',
  'NUM_UINT',
  'STRING',
  'BYTES',
  'IDENTIFIER',
])

/** What can stand behind an operand wherever it is. */
const operandFollow: ReadonlySet<TokenType> = new Set<TokenType>([
  '==',
  '!=',
  'in',
  '<',
  '<=',
  '>=',
  '>',
  '&&',
  '||',
  '[',
  '.',
  '-',
  '?',
  '+',
  '*',
  '/',
  '%',
])

const named: ReadonlySet<TokenType> = new Set<TokenType>([
  '<EOF>',
  'NUM_FLOAT',
  'NUM_INT',
  'NUM_UINT',
  'STRING',
  'BYTES',
  'IDENTIFIER',
  'ESC_IDENTIFIER',
])

/** The tokens of a source and what goes wrong while they are read. */
export class TokenStream {
  readonly #source: string
  readonly #tokens: readonly Token[]
  readonly #issues: Issue[]
  #at = 0
  /** What may end the expressions that are being read, innermost last. */
  readonly #closers: (readonly TokenType[])[] = [['<EOF>']]

  constructor(source: string, tokens: readonly Token[], issues: Issue[]) {
    this.#source = source
    this.#tokens = tokens
    this.#issues = issues
  }

  /** The token `ahead` places on, without taking it. */
  peek(ahead = 0): Token {
    const token = this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1)
    if (token === undefined) throw new RangeError('a token stream ends with <EOF>')
    return token
  }

  /** The type of the next token. */
  get next(): TokenType {
    return this.peek().type
  }

  take(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  /** Takes the next token if it is of this type. */
  takeIf(type: TokenType): Token | undefined {
    return this.next === type ? this.take() : undefined
  }

  /** Reads something that ends where one of `closers` stands. */
  within<T>(closers: readonly TokenType[], read: () => T): T {
    this.#closers.push(closers)
    const result = read()
    this.#closers.pop()
    return result
  }

  /** Takes a token of this type; drops or invents one if that helps. `followedBy`: what may stand behind it. */
  expect(type: TokenType, followedBy?: ReadonlySet<TokenType>): Token {
    if (this.next === type) return this.take()
    if (this.peek(1).type === type) {
      this.#unexpected(new Set([type]))
      return this.take()
    }
    if (!this.#mayFollow(followedBy)) this.mismatch(new Set([type]))
    const token = this.peek()
    this.report(token, `missing ${show(type)} at ${quote(token.text)}`)
    return { type, text: `<missing ${show(type)}>`, offset: token.offset }
  }

  /** Makes sure that one of these comes next; drops one token if that helps. */
  sync(expected: ReadonlySet<TokenType>): void {
    if (expected.has(this.next)) return
    if (!expected.has(this.peek(1).type)) this.mismatch(expected)
    this.#unexpected(expected)
  }

  mismatch(expected: ReadonlySet<TokenType>): never {
    return this.fail(this.peek(), `mismatched input ${quote(this.peek().text)} expecting ${list(expected)}`)
  }

  extraneous(expected: ReadonlySet<TokenType>): never {
    return this.fail(this.peek(), `extraneous input ${quote(this.peek().text)} expecting ${list(expected)}`)
  }

  /** No rule goes on with what stands from `first` to the token `ahead`. */
  noAlternative(first: Token, ahead: number): never {
    const last = this.peek(ahead)
    const end = last.type === '<EOF>' ? this.#source.length : last.offset + last.text.length
    const text = this.#source.slice(first.offset, end)
    const reserved = /^.(true|false|null)$/s.exec(text)
    if (reserved !== null) this.fail(last, `mismatched input '${reserved[1]}' expecting IDENTIFIER`)
    return this.fail(last, `no viable alternative at input ${quote(first.type === '<EOF>' ? '<EOF>' : text)}`)
  }

  fail(token: Token, message: string): never {
    this.report(token, message)
    throw new SyntaxFailure(message)
  }

  report(token: Token, message: string): void {
    this.#issues.push({ offset: token.offset, message: `Syntax error: ${message}` })
  }

  #unexpected(expected: ReadonlySet<TokenType>): void {
    const token = this.take()
    this.report(token, `extraneous input ${quote(token.text)} expecting ${list(expected)}`)
  }

  #mayFollow(followedBy: ReadonlySet<TokenType> | undefined): boolean {
    if (followedBy !== undefined) return followedBy.has(this.next)
    return operandFollow.has(this.next) || (this.#closers.at(-1)?.includes(this.next) ?? false)
  }
}

function show(type: TokenType): string {
  return named.has(type) ? type : `'${type}'`
}

function list(expected: ReadonlySet<TokenType>): string {
  const shown = expected.has('<EOF>') ? ['<EOF>'] : []
  shown.push(...order.filter((type) => expected.has(type)).map(show))
  return shown.length === 1 ? (shown[0] ?? '') : `{${shown.join(', ')}}`
}

function quote(text: string): string {
  return `'${text.replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}
