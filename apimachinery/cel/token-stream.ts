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

/** cel-go's limits of what it repairs. */
const maxRepairs = 30
const maxSkippedTokens = 256

/** The tokens of a source and what goes wrong while they are read. */
export class TokenStream {
  readonly #source: string
  readonly #tokens: readonly Token[]
  readonly #issues: Issue[]
  #at = 0
  #repairs = 0
  /** After an error nothing more is reported until a token was as expected. */
  #recovering = false
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

  /** The next token, which is as expected. */
  take(): Token {
    const token = this.peek()
    this.#at++
    this.#recovering = false
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
    this.#countRepair()
    if (this.peek(1).type === type) {
      this.#drop(new Set([type]))
      return this.take()
    }
    const token = this.peek()
    if (this.#mayFollow(followedBy)) this.#report(token, `missing ${show(type)} at ${quote(token.text)}`)
    else this.#mismatch(new Set([type]))
    return { type, text: `<missing ${show(type)}>`, offset: token.offset }
  }

  /** Whether one of these comes next; drops one token if that helps, and skips to where one can go on if not. */
  sync(expected: ReadonlySet<TokenType>): boolean {
    if (expected.has(this.next)) return true
    if (!this.#recovering && expected.has(this.peek(1).type)) {
      this.#drop(expected)
      this.#recovering = false
      return true
    }
    this.#mismatch(expected)
    return false
  }

  /** A loop meets a token that neither goes on nor ends it. */
  extraneous(expected: ReadonlySet<TokenType>): void {
    this.#report(this.peek(), `extraneous input ${quote(this.peek().text)} expecting ${list(expected)}`)
    this.#recover()
  }

  /** No rule goes on with what stands from the next token to the one `ahead` places on. */
  noAlternative(ahead: number, from = 0): void {
    const last = this.peek(ahead)
    const text = this.peek(from).type === '<EOF>' ? '<EOF>' : this.#textBetween(from, ahead)
    const reserved = /^.(true|false|null)$/s.exec(text)
    if (reserved === null) this.#report(last, `no viable alternative at input ${quote(text)}`)
    else this.#report(last, `mismatched input '${reserved[1]}' expecting IDENTIFIER`)
    this.#recover()
  }

  /** The tokens with the blanks between them; what the lexer refused is left out. */
  #textBetween(from: number, to: number): string {
    let text = ''
    let end = this.peek(from).offset
    for (let i = from; i <= to && this.peek(i).type !== '<EOF>'; i++) {
      const token = this.peek(i)
      text += blanks(this.#source.slice(end, token.offset)) + token.text
      end = token.offset + token.text.length
    }
    return text
  }

  #mismatch(expected: ReadonlySet<TokenType>): void {
    this.#report(this.peek(), `mismatched input ${quote(this.peek().text)} expecting ${list(expected)}`)
    this.#recover()
  }

  /** Skips to a token with which some enclosing rule can go on. */
  #recover(): void {
    this.#countRepair()
    for (let skipped = 0; !this.#canGoOn(this.next); skipped++) {
      if (skipped >= maxSkippedTokens) {
        const message = `error recovery token lookahead limit exceeded: ${maxSkippedTokens}`
        this.#issues.push({ offset: -1, message })
        throw new SyntaxFailure(message)
      }
      this.#at++
    }
  }

  #canGoOn(type: TokenType): boolean {
    return type === '<EOF>' || operandFollow.has(type) || this.#closers.some((closers) => closers.includes(type))
  }

  #countRepair(): void {
    this.#repairs++
    if (this.#repairs <= maxRepairs) return
    const message = `error recovery attempt limit exceeded: ${maxRepairs}`
    this.#issues.push({ offset: this.peek().offset, message: `Syntax error: ${message}` })
    throw new SyntaxFailure(message)
  }

  #drop(expected: ReadonlySet<TokenType>): void {
    const token = this.peek()
    this.#report(token, `extraneous input ${quote(token.text)} expecting ${list(expected)}`)
    this.#at++
  }

  #report(token: Token, message: string): void {
    if (!this.#recovering) this.#issues.push({ offset: token.offset, message: `Syntax error: ${message}` })
    this.#recovering = true
  }

  #mayFollow(followedBy: ReadonlySet<TokenType> | undefined): boolean {
    if (followedBy !== undefined) return followedBy.has(this.next)
    return this.next === '.' || this.next === '[' || this.#canEnd(this.next)
  }

  #canEnd(type: TokenType): boolean {
    return operandFollow.has(type) || (this.#closers.at(-1)?.includes(type) ?? false)
  }
}

function blanks(gap: string): string {
  return gap.replace(/[^\t \r\n\f]/g, '')
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
