/**
 * Source text to a syntax tree, macros expanded on the way. Recursive descent by CEL's grammar, with cel-go's limits.
 * Source: `CEL.g4`; cel-go `parser/parser.go` for places, limits and messages.
 */
import type { Expression, MapEntry, StructField } from './ast.ts'
import { AstBuilder, ExpansionError } from './ast-builder.ts'
import { type Environment, macroKey } from './environment.ts'
import {
  argumentStart,
  bracesEnd,
  fieldName,
  fieldStart,
  indexStart,
  listEnd,
  listStart,
  mapStart,
  operators,
  products,
  relations,
  reserved,
  sums,
} from './grammar.ts'
import type { Issue } from './issues.ts'
import { type Token, type TokenType, tokenize } from './lexer.ts'
import { literalValue } from './literals.ts'
import { MacroError } from './macro.ts'
import { LiteralError } from './string-literal.ts'
import { operandStart, SyntaxFailure, TokenStream } from './token-stream.ts'

/** cel-go's default; longer sources are refused unread. */
const maxCodePoints = 100_000
/** How deep each rule of the grammar, and all of them together, may nest. cel-go's default. */
const maxDepth = 250

export type Parsed = {
  readonly expression: Expression
  readonly offsets: ReadonlyMap<number, number>
  readonly issues: readonly Issue[]
}

/** Parses a source; with issues the expression means nothing. */
export function parse(environment: Environment, source: string): Parsed {
  const size = codePoints(source)
  if (size > maxCodePoints) {
    const message = `expression code point size exceeds limit: size: ${size}, limit ${maxCodePoints}`
    return { expression: nothing, offsets: new Map(), issues: [{ offset: -1, message }] }
  }
  const issues: Issue[] = []
  const tokens = new TokenStream(source, tokenize(source, issues), issues)
  const builder = new AstBuilder()
  try {
    const expression = new Parser(environment, tokens, builder, issues).start()
    return { expression, offsets: builder.offsets, issues }
  } catch (error) {
    if (error instanceof ExpansionError) issues.push({ offset: -1, message: error.message })
    else if (!(error instanceof SyntaxFailure)) throw error
    return { expression: nothing, offsets: builder.offsets, issues }
  }
}

const nothing: Expression = { kind: 'literal', id: 0, value: null }

function codePoints(text: string): number {
  let pairs = 0
  for (let i = 0; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) pairs++
  return text.length - pairs
}

type Rule = 'expr' | 'relation' | 'calc' | 'member'

class Parser {
  readonly #environment: Environment
  readonly #tokens: TokenStream
  readonly #builder: AstBuilder
  readonly #issues: Issue[]
  readonly #depth: Record<Rule, number> = { expr: 0, relation: 0, calc: 0, member: 0 }
  /** How many operators, selections and calls stand in one another below a node. */
  readonly #heights = new Map<Expression, number>()

  constructor(environment: Environment, tokens: TokenStream, builder: AstBuilder, issues: Issue[]) {
    this.#environment = environment
    this.#tokens = tokens
    this.#builder = builder
    this.#issues = issues
  }

  start(): Expression {
    const expression = this.#expr()
    const nothingMore: ReadonlySet<TokenType> = new Set()
    this.#tokens.expect('<EOF>', nothingMore)
    return expression
  }

  #expr(): Expression {
    return this.#nested('expr', () => {
      const condition = this.#logical('||')
      const question = this.#tokens.takeIf('?')
      return question === undefined ? condition : this.#conditional(condition, question)
    })
  }

  #conditional(condition: Expression, question: Token): Expression {
    const whenTrue = this.#tokens.within([':'], () => this.#logical('||'))
    this.#tokens.expect(':', operandStart)
    const whenFalse = this.#expr()
    return this.#call(question.offset, '_?_:_', [condition, whenTrue, whenFalse], 1)
  }

  /** `a && b && c` becomes a balanced tree, because either order gives the same result. */
  #logical(operator: '||' | '&&'): Expression {
    const operand = (): Expression => (operator === '||' ? this.#logical('&&') : this.#relation())
    const terms = [operand()]
    const offsets: number[] = []
    for (let token = this.#tokens.takeIf(operator); token !== undefined; token = this.#tokens.takeIf(operator)) {
      offsets.push(token.offset)
      terms.push(operand())
    }
    return this.#balance(`_${operator}_`, terms, offsets, 0, offsets.length - 1)
  }

  #balance(
    name: string,
    terms: readonly Expression[],
    offsets: readonly number[],
    low: number,
    high: number,
  ): Expression {
    if (high < low) return terms[low] ?? nothing
    const middle = (low + high + 1) >> 1
    const left = this.#balance(name, terms, offsets, low, middle - 1)
    const right = this.#balance(name, terms, offsets, middle + 1, high)
    const call = this.#builder.call(offsets[middle] ?? 0, name, [left, right])
    this.#heights.set(call, Math.max(this.#height(left), this.#height(right)))
    return call
  }

  #relation(): Expression {
    return this.#nested('relation', () =>
      this.#leftAssociative(relations, this.#sum(), () => this.#nested('relation', () => this.#sum())),
    )
  }

  #sum(): Expression {
    return this.#nested('calc', () =>
      this.#leftAssociative(sums, this.#product(), () => this.#nested('calc', () => this.#product())),
    )
  }

  #product(): Expression {
    return this.#leftAssociative(products, this.#unary(), () => this.#nested('calc', () => this.#unary()))
  }

  #leftAssociative(types: ReadonlySet<TokenType>, first: Expression, operand: () => Expression): Expression {
    let expression = first
    while (types.has(this.#tokens.next)) {
      const operator = this.#tokens.take()
      expression = this.#call(operator.offset, operators[operator.type] ?? '', [expression, operand()], 1)
    }
    return expression
  }

  #unary(): Expression {
    if (!this.#tokens.sync(operandStart)) return this.#nothing()
    const { type } = this.#tokens.peek()
    if (type === '!') return this.#negation()
    if (type === '-' && !this.#signedNumber()) return this.#minus()
    return this.#member()
  }

  /** Stands where something could not be read. */
  #nothing(): Expression {
    return this.#builder.literal(this.#tokens.peek().offset, null)
  }

  #signedNumber(): boolean {
    const { type } = this.#tokens.peek(1)
    return type === 'NUM_INT' || type === 'NUM_FLOAT'
  }

  #negation(): Expression {
    const { offset } = this.#tokens.take()
    let count = 1
    while (this.#tokens.takeIf('!') !== undefined) count++
    if (this.#startsMember()) return this.#prefix(offset, '!_', count)
    this.#tokens.extraneous(operandStart)
    return this.#nothing()
  }

  #minus(): Expression {
    const { offset } = this.#tokens.peek()
    let count = 0
    while (this.#tokens.next === '-') {
      const { type } = this.#tokens.peek(1)
      if (type === '!' || !operandStart.has(type)) {
        this.#tokens.noAlternative(1)
        return this.#nothing()
      }
      this.#tokens.take()
      count++
    }
    return this.#prefix(offset, '-_', count)
  }

  /** An even number of signs cancels out. */
  #prefix(offset: number, name: string, count: number): Expression {
    const operand = this.#member()
    return count % 2 === 0 ? operand : this.#call(offset, name, [operand], 0)
  }

  #startsMember(): boolean {
    const { next } = this.#tokens
    return next === '-' ? this.#signedNumber() : next !== '!' && operandStart.has(next)
  }

  #member(): Expression {
    return this.#nested('member', () => {
      let expression = this.#primary()
      for (;;) {
        const { next } = this.#tokens
        const longer = next === '.' ? this.#selection(expression) : next === '[' ? this.#index(expression) : undefined
        if (longer === undefined) return expression
        expression = longer
      }
    })
  }

  /** `undefined` when what follows the dot is no name. */
  #selection(operand: Expression): Expression | undefined {
    const { type } = this.#tokens.peek(1)
    if (type !== '?' && !fieldName.has(type)) {
      this.#tokens.noAlternative(1)
      return undefined
    }
    const dot = this.#tokens.take()
    if (this.#tokens.takeIf('?') !== undefined) return this.#optionalSelection(operand, dot)
    const name = this.#tokens.take()
    if (name.type === 'IDENTIFIER' && this.#tokens.next === '(') return this.#memberCall(operand, name.text)
    const id = this.#builder.id(dot.offset)
    return this.#raise({ kind: 'select', id, operand, field: this.#fieldName(name), test: false }, [operand], 1)
  }

  #optionalSelection(operand: Expression, dot: Token): Expression {
    if (!this.#tokens.sync(fieldName)) {
      this.#issues.push({ offset: this.#tokens.peek().offset, message: 'unsupported ident kind' })
      return this.#nothing()
    }
    const name = this.#tokens.take()
    const field = this.#builder.literal(name.offset, this.#fieldName(name))
    return this.#raise(this.#builder.call(dot.offset, '_?._', [operand, field]), [operand], 1)
  }

  /** Kubernetes does not switch on names in backticks. */
  #fieldName(name: Token): string {
    if (name.type === 'ESC_IDENTIFIER') {
      this.#issues.push({ offset: name.offset, message: "unsupported syntax: '`'" })
    }
    return name.text
  }

  #memberCall(target: Expression, name: string): Expression {
    const open = this.#tokens.take()
    return this.#call(open.offset, name, this.#arguments(), 1, target)
  }

  #arguments(): readonly Expression[] {
    this.#tokens.sync(argumentStart)
    const args: Expression[] = []
    if (this.#tokens.next !== ')') {
      do args.push(this.#tokens.within([',', ')'], () => this.#expr()))
      while (this.#tokens.takeIf(',') !== undefined)
    }
    this.#tokens.expect(')')
    return args
  }

  #index(operand: Expression): Expression {
    const open = this.#tokens.take()
    this.#tokens.sync(indexStart)
    const optional = this.#tokens.takeIf('?') !== undefined
    const index = this.#tokens.within([']'], () => this.#expr())
    this.#tokens.expect(']')
    return this.#call(open.offset, optional ? '_[?_]' : '_[_]', [operand, index], 1)
  }

  #primary(): Expression {
    const token = this.#tokens.peek()
    switch (token.type) {
      case '(':
        return this.#parenthesized()
      case '[':
        return this.#list()
      case '{':
        return this.#map()
      case '.':
        return this.#rooted()
      case 'IDENTIFIER':
        return this.#named()
      default:
        return this.#literal()
    }
  }

  #parenthesized(): Expression {
    this.#tokens.take()
    const expression = this.#tokens.within([')'], () => this.#expr())
    this.#tokens.expect(')')
    return expression
  }

  #list(): Expression {
    const id = this.#builder.id(this.#tokens.take().offset)
    const elements: Expression[] = []
    const optionalIndices: number[] = []
    this.#separated([']', ','], listStart, listEnd, () => {
      if (!this.#startsElement()) return false
      if (this.#tokens.takeIf('?') !== undefined) optionalIndices.push(elements.length)
      elements.push(this.#expr())
      return true
    })
    this.#tokens.expect(']')
    return this.#raise({ kind: 'list', id, elements, optionalIndices }, elements, 0)
  }

  /** Elements with commas between them, one more comma allowed at the end; `read` answers whether there was one. */
  #separated(
    closers: readonly TokenType[],
    start: ReadonlySet<TokenType>,
    end: ReadonlySet<TokenType>,
    read: () => boolean,
  ): void {
    this.#tokens.sync(start)
    this.#tokens.within(closers, () => {
      let count = 0
      while (read()) {
        count++
        this.#tokens.sync(end)
        if (this.#tokens.takeIf(',') === undefined) return
      }
      if (count === 0) this.#tokens.takeIf(',')
    })
  }

  #startsElement(): boolean {
    return this.#tokens.next === '?' || operandStart.has(this.#tokens.next)
  }

  #map(): Expression {
    const id = this.#builder.id(this.#tokens.take().offset)
    const entries: MapEntry[] = []
    this.#separated(['}', ','], mapStart, bracesEnd, () => {
      if (!this.#startsElement()) return false
      entries.push(this.#mapEntry())
      return true
    })
    this.#tokens.expect('}')
    const parts = entries.flatMap(({ key, value }) => [key, value])
    return this.#raise({ kind: 'map', id, entries }, parts, 0)
  }

  #mapEntry(): MapEntry {
    const optional = this.#tokens.takeIf('?') !== undefined
    const key = this.#tokens.within([':'], () => this.#expr())
    const colon = this.#tokens.expect(':', operandStart)
    const value = this.#expr()
    return { id: this.#builder.id(colon.offset), key, value, optional }
  }

  /** A name that is looked up from the root: `.a`. */
  #rooted(): Expression {
    if (this.#tokens.peek(1).type === 'IDENTIFIER') return this.#named()
    this.#tokens.noAlternative(1)
    return this.#nothing()
  }

  /** A variable, a call or `Name{…}`. */
  #named(): Expression {
    const length = this.#structNameLength()
    if (length > 0) return this.#struct(length)
    const dot = this.#tokens.takeIf('.')
    const name = this.#tokens.take()
    const full = dot === undefined ? name.text : `.${name.text}`
    const { offset } = dot ?? name
    const isReserved = reserved.has(name.text)
    if (isReserved) this.#issues.push({ offset, message: `reserved identifier: ${name.text}` })
    if (this.#tokens.next === '(') {
      const open = this.#tokens.take()
      return this.#call(open.offset, full, this.#arguments(), 0)
    }
    if (isReserved) return this.#builder.literal(offset, null)
    return { kind: 'identifier', id: this.#builder.id(name.offset), name: full }
  }

  /** How many tokens stand before the `{` of `a.b.Name{`; 0 when this is no struct. */
  #structNameLength(): number {
    let at = this.#tokens.next === '.' ? 1 : 0
    for (;;) {
      if (this.#tokens.peek(at).type !== 'IDENTIFIER') return 0
      at++
      if (this.#tokens.peek(at).type === '{') return at
      if (this.#tokens.peek(at).type !== '.') return 0
      at++
    }
  }

  #struct(length: number): Expression {
    let name = ''
    for (let i = 0; i < length; i++) name += this.#tokens.take().text
    const id = this.#builder.id(this.#tokens.take().offset)
    const fields: StructField[] = []
    this.#separated(['}', ','], fieldStart, bracesEnd, () => {
      if (this.#tokens.next !== '?' && !fieldName.has(this.#tokens.next)) return false
      fields.push(this.#structField())
      return true
    })
    this.#tokens.expect('}')
    const values = fields.map((field) => field.value)
    return this.#raise({ kind: 'struct', id, name, fields }, values, 0)
  }

  #structField(): StructField {
    const optional = this.#tokens.takeIf('?') !== undefined
    const name = this.#tokens.sync(fieldName) ? this.#fieldName(this.#tokens.take()) : ''
    const colon = this.#tokens.expect(':', operandStart)
    const value = this.#expr()
    return { id: this.#builder.id(colon.offset), name, value, optional }
  }

  #literal(): Expression {
    const sign = this.#tokens.takeIf('-')
    const token = this.#tokens.take()
    const { offset } = sign ?? token
    try {
      return this.#builder.literal(offset, literalValue(token, sign?.text ?? ''))
    } catch (error) {
      if (!(error instanceof LiteralError)) throw error
      this.#issues.push({ offset, message: error.message })
      return this.#builder.literal(offset, null)
    }
  }

  /** A call, or what its macro makes of it. `by`: whether it counts as a level of depth. */
  #call(offset: number, name: string, args: readonly Expression[], by: 0 | 1, target?: Expression): Expression {
    const parts = target === undefined ? args : [target, ...args]
    const { macros } = this.#environment
    const macro =
      macros.get(macroKey(name, args.length, target !== undefined)) ??
      macros.get(macroKey(name, '*', target !== undefined))
    try {
      const expanded = macro?.expand(this.#builder.macroContext(offset), target, args)
      if (expanded !== undefined) return this.#raise(expanded, parts, by)
    } catch (error) {
      if (!(error instanceof MacroError)) throw error
      this.#issues.push({ offset: this.#builder.offsetOf(error.nodeId), message: error.message })
      return nothing
    }
    return this.#raise(this.#builder.call(offset, name, args, target), parts, by)
  }

  /** Counts how deep a rule stands in itself. */
  #nested(rule: Rule, read: () => Expression): Expression {
    this.#depth[rule]++
    if (this.#depth[rule] > maxDepth) this.#tooDeep(`expression recursion limit exceeded: ${maxDepth}`)
    const expression = read()
    this.#depth[rule]--
    return expression
  }

  #tooDeep(message: string): never {
    this.#issues.push({ offset: -1, message })
    throw new SyntaxFailure(message)
  }

  #raise(expression: Expression, parts: readonly Expression[], by: 0 | 1): Expression {
    const height = by + parts.reduce((highest, part) => Math.max(highest, this.#height(part)), 0)
    if (height > maxDepth) this.#tooDeep('max recursion depth exceeded')
    this.#heights.set(expression, height)
    return expression
  }

  #height(expression: Expression): number {
    return this.#heights.get(expression) ?? 0
  }
}
