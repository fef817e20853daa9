/**
 * A Corefile as server blocks: for which zones, and the directives with their own blocks. Snippets and imports are put in
 * place, `{$NAME}` stands for a variable of the environment. Errors have CoreDNS' words. Pure but for `source`.
 */
import { CorefileError, errorAt, isOnNewLine, type Token, tokensOf } from './tokens.ts'

/** A directive, or a line within one's block. */
export type Directive = {
  readonly name: string
  readonly args: readonly string[]
  readonly at: Token
  /** The last word of the line, which messages name. */
  readonly last: Token
  readonly block: readonly Directive[]
}

/** Directives that hold for the zones named by `keys`. */
export type ServerBlock = { readonly keys: readonly Token[]; readonly directives: readonly Directive[] }

/** Where text comes from. */
export type ParseOptions = {
  readonly file: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The files that match a pattern; empty when there is none. */
  readonly importFiles: (pattern: string) => readonly { readonly file: string; readonly text: string }[]
  readonly isDirective: (name: string) => boolean
}

/** Imports that one Corefile may cause, so that circles end (CoreDNS' own limit for snippets). */
const maxImports = 10_000
/** Words that one Corefile may grow to. */
const maxTokens = 200_000

/** Reads a Corefile. Throws `CorefileError`. */
export function parseCorefile(text: string, options: ParseOptions): readonly ServerBlock[] {
  return new Parser(text, options).parse()
}

class Parser {
  readonly #options: ParseOptions
  readonly #snippets = new Map<string, readonly Token[]>()
  #tokens: Token[]
  #at = 0
  #imports = 0

  constructor(text: string, options: ParseOptions) {
    this.#options = options
    this.#tokens = [...tokensOf(text, options.file)]
  }

  parse(): readonly ServerBlock[] {
    const blocks: ServerBlock[] = []
    while (this.#peek() !== undefined) {
      const keys = this.#keys()
      const [first] = keys
      if (first === undefined) {
        // Nothing but empty words: CoreDNS has no zone to serve, either.
        const token = this.#peek()
        if (token === undefined) break
        throw errorAt(token, `Unexpected '${token.text}' where a zone should stand`)
      }
      if (keys.length === 1 && /^\(.*\)$/s.test(first.text)) this.#snippet(first)
      else blocks.push({ keys, directives: this.#body() })
    }
    return blocks
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  #startsLine(): boolean {
    const token = this.#peek()
    return token !== undefined && isOnNewLine(this.#tokens[this.#at - 1], token)
  }

  /** The last word of the file, for errors at its end. */
  #end(): Token {
    return this.#tokens.at(-1) ?? { text: '', file: this.#options.file, line: 1 }
  }

  #keys(): readonly Token[] {
    const keys: Token[] = []
    let isAnotherDue = false
    for (;;) {
      const token = this.#peek()
      if (token === undefined) {
        if (isAnotherDue) throw errorAt(this.#end(), 'Unexpected EOF')
        return keys
      }
      if (token.text === 'import' && this.#startsLine()) {
        this.#import()
        continue
      }
      const text = this.#expand(token.text)
      if (text === '{') {
        if (isAnotherDue) throw errorAt(token, `Expected another address but had '${text}' - check for extra comma`)
        return keys
      }
      if (keys.length > 0 && !isAnotherDue && this.#startsLine()) return keys
      isAnotherDue = text.endsWith(',')
      const key = isAnotherDue ? text.slice(0, -1) : text
      if (key !== '') keys.push({ ...token, text: key })
      this.#at += 1
    }
  }

  #snippet(key: Token): void {
    const name = key.text.slice(1, -1)
    if (this.#snippets.has(name)) throw errorAt(key, `redeclaration of previously declared snippet ${name}`)
    const open = this.#peek()
    if (open?.text !== '{') throw syntaxError(open ?? this.#end(), '{')
    const start = this.#at + 1
    let depth = 1
    while (depth > 0) {
      this.#at += 1
      const token = this.#peek()
      if (token === undefined) throw syntaxError(this.#end(), '}')
      if (token.text === '{') depth += 1
      if (token.text === '}') depth -= 1
    }
    this.#snippets.set(name, this.#tokens.slice(start, this.#at))
    this.#at += 1
  }

  /** Directives between braces, or up to the end of the file where a lone block has none. */
  #body(): readonly Directive[] {
    const isBraced = this.#peek()?.text === '{'
    if (isBraced) this.#at += 1
    const directives: Directive[] = []
    for (;;) {
      const token = this.#peek()
      if (token === undefined) {
        if (isBraced) throw syntaxError(this.#end(), '}')
        return directives
      }
      if (token.text === '}') {
        this.#at += 1
        if (!isBraced) throw syntaxError(token, '{')
        return directives
      }
      if (token.text === 'import') {
        this.#import()
        continue
      }
      const name = this.#expand(token.text)
      if (!this.#options.isDirective(name)) throw errorAt(token, `Unknown directive '${name}'`)
      directives.push(this.#line())
    }
  }

  /** One line, with the block that opens at its end. */
  #line(): Directive {
    const at = this.#take()
    const args: string[] = []
    let last = at
    let block: readonly Directive[] = []
    for (;;) {
      const token = this.#peek()
      if (token === undefined || this.#startsLine()) break
      if (token.text === '}') {
        // `name { a }` on one line: the brace belongs to whoever opened it.
        break
      }
      if (token.text === '{') {
        block = this.#nested()
        break
      }
      last = this.#take()
      args.push(last.text)
    }
    return { name: at.text, args, at, last, block }
  }

  #nested(): readonly Directive[] {
    this.#at += 1
    const lines: Directive[] = []
    for (;;) {
      const token = this.#peek()
      if (token === undefined) throw errorAt(this.#end(), 'Unexpected EOF')
      if (token.text === '}') {
        this.#at += 1
        return lines
      }
      if (token.text === 'import' && this.#startsLine()) this.#import()
      else if (token.text === '{') throw errorAt(token, "Unexpected token '{', expecting argument")
      else lines.push(this.#line())
    }
  }

  #take(): Token {
    const token = this.#peek() ?? this.#end()
    this.#at += 1
    return { ...token, text: this.#expand(token.text) }
  }

  /** Puts a snippet or files in the place of `import NAME`. */
  #import(): void {
    const at = this.#take()
    const hasArgument = this.#peek() !== undefined && !this.#startsLine()
    if (!hasArgument) throw errorAt(at, `Wrong argument count or unexpected line ending after '${at.text}'`)
    const { text: pattern } = this.#take()
    if (pattern === '') throw errorAt(at, 'Import requires a non-empty filepath')
    const next = this.#peek()
    if (next !== undefined && !this.#startsLine() && next.text !== '}')
      throw errorAt(next, 'Import takes only one argument (glob pattern or file)')
    this.#imports += 1
    const found = this.#snippets.get(pattern) ?? this.#filesOf(pattern, at)
    const isTooMuch = this.#imports > maxImports || this.#tokens.length + found.length > maxTokens
    if (isTooMuch) throw errorAt(at, `maximum snippet import depth (${maxImports}) exceeded`)
    this.#at -= 2
    this.#tokens = [...this.#tokens.slice(0, this.#at), ...found, ...this.#tokens.slice(this.#at + 2)]
  }

  #filesOf(pattern: string, at: Token): readonly Token[] {
    const files = this.#options.importFiles(pattern)
    if (files.length === 0 && !/[*?[\]]/.test(pattern)) throw errorAt(at, `File to import not found: ${pattern}`)
    return files.flatMap(({ file, text }) => tokensOf(text, file))
  }

  /** `{$NAME}` and `{%NAME%}`. */
  #expand(text: string): string {
    if (!text.includes('{')) return text
    const value = (_: string, name: string): string => this.#options.environment[name] ?? ''
    return text.replaceAll(/\{%([^%}]+)%\}/g, value).replaceAll(/\{\$([^}]+)\}/g, value)
  }
}

function syntaxError({ file, line, text }: Token, expected: string): CorefileError {
  return new CorefileError(`${file}:${line} - Syntax error: Unexpected token '${text}', expecting '${expected}'`)
}

/** The error for too few or too many words. */
export function argumentError({ last }: Directive): CorefileError {
  return errorAt(last, `Wrong argument count or unexpected line ending after '${last.text}'`)
}

/** The error for a line of a block that the plugin does not know. */
export function unknownProperty({ at }: Directive): CorefileError {
  return errorAt(at, `unknown property '${at.text}'`)
}
