/**
 * Label selectors, as text (`app=web,tier in (a,b),!old`) and as `metav1.LabelSelector`. Both become one list of requirements
 * that must all hold. Messages are upstream's.
 * Source: apimachinery `pkg/labels/selector.go`, whose doc comment has the grammar.
 */
import { goQuote } from '../field-errors.ts'
import { isLabelValue, isQualifiedName } from '../names.ts'
import { badRequest } from '../status.ts'

export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt'
export type Requirement = { readonly key: string; readonly operator: Operator; readonly values: readonly string[] }
/** All requirements hold. `undefined` in the place of a list: matches nothing. */
export type Selector = { readonly requirements: readonly Requirement[] | undefined }
/** A selector read from text. */
export type LabelSelector = Selector
/** `metav1.LabelSelector` as it stands in objects. */
export type LabelSelectorObject = {
  readonly matchLabels?: Readonly<Record<string, string>>
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}

/** Matches every object. */
export const everything: Selector = { requirements: [] }
/** Matches no object. */
export const nothing: Selector = { requirements: undefined }

/** Reads a selector from text; throws BadRequest in upstream's words. */
export function parseLabelSelector(text: string): LabelSelector {
  if (text === '') return everything
  return { requirements: new Parser(text).parse().toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)) }
}

/** The selector of an object's field: absent matches nothing, `{}` everything. Throws BadRequest for an unknown operator. */
export function selectorFromLabelSelector(selector: LabelSelectorObject | undefined): Selector {
  if (selector === undefined) return nothing
  const labels = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): Requirement => ({ key, operator: '=', values: [value] }),
  )
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }): Requirement => {
    const known = expressionOperators.get(operator)
    if (known === undefined) throw badRequest(`${goQuote(operator)} is not a valid label selector operator`)
    return { key, operator: known, values: (values ?? []).toSorted() }
  })
  return { requirements: [...labels, ...expressions] }
}

/** The selector of a plain map, as `Service.spec.selector`; an absent or empty map matches everything. */
export function selectorFromLabels(labels: Readonly<Record<string, string>> | undefined): Selector {
  return selectorFromLabelSelector({ matchLabels: labels ?? {} })
}

const expressionOperators = new Map<string, Operator>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
])

/** Whether labels fulfil the selector. */
export function matches(selector: Selector, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (selector.requirements === undefined) return false
  for (const requirement of selector.requirements) if (!fulfils(requirement, labels)) return false
  return true
}

function fulfils(
  { key, operator, values }: Requirement,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value)
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt':
      return value !== undefined && compares(operator, value, values[0] ?? '')
  }
}

function compares(operator: 'gt' | 'lt', value: string, limit: string): boolean {
  if (!isInteger(value) || !isInteger(limit)) return false
  return operator === 'gt' ? BigInt(value) > BigInt(limit) : BigInt(value) < BigInt(limit)
}

function isInteger(text: string): boolean {
  return /^-?\d{1,19}$/.test(text)
}

/** The selector as text; parses back to the same selector. */
export function formatSelector(selector: Selector): string {
  return (selector.requirements ?? []).map(formatRequirement).join(',')
}

function formatRequirement({ key, operator, values }: Requirement): string {
  switch (operator) {
    case 'exists':
      return key
    case '!':
      return `!${key}`
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.toSorted().join(',')})`
    case 'gt':
      return `${key}>${values[0] ?? ''}`
    case 'lt':
      return `${key}<${values[0] ?? ''}`
    case '=':
    case '==':
    case '!=':
      return `${key}${operator}${values[0] ?? ''}`
  }
}

type Token = { readonly type: 'identifier' | 'end' | 'error' | Symbol; readonly text: string }
type Symbol = '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '>' | '<' | 'in' | 'notin'
const symbols: ReadonlySet<string> = new Set(['(', ')', ',', '!', '=', '==', '!=', '>', '<'])
const special = new Set('=!(),><')
const blank = new Set(' \t\r\n')

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    const character = text.charAt(at)
    if (blank.has(character)) {
      at++
      continue
    }
    const token = special.has(character) ? symbolAt(text, at) : wordAt(text, at)
    tokens.push(token)
    at += token.text.length
  }
  return [...tokens, { type: 'end', text: '' }]
}

function symbolAt(text: string, at: number): Token {
  const two = text.slice(at, at + 2)
  const found = two.length === 2 && symbols.has(two) ? two : text.charAt(at)
  return { type: found as Symbol, text: found }
}

function wordAt(text: string, at: number): Token {
  let end = at
  while (end < text.length && !special.has(text.charAt(end)) && !blank.has(text.charAt(end))) end++
  const word = text.slice(at, end)
  return { type: word === 'in' || word === 'notin' ? word : 'identifier', text: word }
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
  }

  parse(): readonly Requirement[] {
    const requirements: Requirement[] = []
    for (;;) {
      const token = this.#peek()
      if (token.type === 'end') return requirements
      if (token.type !== 'identifier' && token.type !== '!') {
        throw found(token, `!, identifier, or 'end of string'`)
      }
      requirements.push(this.#requirement())
      const next = this.#take()
      if (next.type === 'end') return requirements
      if (next.type !== ',') throw found(next, `',' or 'end of string'`)
      const after = this.#peek()
      if (after.type !== 'identifier' && after.type !== '!') throw found(after, `identifier after ','`)
    }
  }

  #requirement(): Requirement {
    const negated = this.#peek().type === '!'
    if (negated) this.#take()
    const token = this.#take()
    if (token.type !== 'identifier') throw unparsable(`found '${token.text}', expected: identifier`)
    const problems = isQualifiedName(token.text)
    if (problems.length > 0) {
      throw unparsable(`<nil>: Invalid value: ${goQuote(token.text)}: ${problems.join('; ')}`)
    }
    const next = this.#peek().type
    if (negated) return { key: token.text, operator: '!', values: [] }
    if (next === 'end' || next === ',') return { key: token.text, operator: 'exists', values: [] }
    const operator = this.#operator()
    const values = operator === 'in' || operator === 'notin' ? this.#list() : [this.#value()]
    return validated({ key: token.text, operator, values })
  }

  #operator(): Operator {
    const { type, text } = this.#take(true)
    switch (type) {
      case 'in':
      case 'notin':
      case '=':
      case '==':
      case '!=':
        return type
      case '>':
        return 'gt'
      case '<':
        return 'lt'
      default:
        throw unparsable(`found '${text}', expected: in, notin, =, ==, !=, gt, lt`)
    }
  }

  #value(): string {
    const { type, text } = this.#peek()
    if (type === 'end' || type === ',') return ''
    this.#take()
    if (type !== 'identifier') throw unparsable(`found '${text}', expected: identifier`)
    return text
  }

  /** `(a,b)`; an empty place between commas is the empty value. */
  #list(): readonly string[] {
    const open = this.#take()
    if (open.type !== '(') throw unparsable(`found '${open.text}' expected: '('`)
    const first = this.#peek()
    if (first.type !== 'identifier' && first.type !== ',' && first.type !== ')') {
      throw unparsable(`found '${first.text}', expected: ',', ')' or identifier`)
    }
    if (first.type === ')') {
      this.#take()
      return ['']
    }
    const values = new Set<string>()
    let wantsValue = true
    for (;;) {
      const { type, text } = this.#take()
      if (type === 'identifier' && wantsValue) {
        values.add(text)
        wantsValue = false
      } else if (type === ',') {
        if (wantsValue) values.add('')
        wantsValue = true
      } else if (type === ')') {
        if (wantsValue) values.add('')
        return [...values].toSorted()
      } else {
        throw unparsable(`found '${text}', expected: ${wantsValue ? "',', or identifier" : "',' or ')'"}`)
      }
    }
  }

  /** Outside the operator's place, `in` and `notin` are ordinary words. */
  #peek(asOperator = false): Token {
    const token = this.#tokens[this.#at] ?? { type: 'end', text: '' }
    return !asOperator && (token.type === 'in' || token.type === 'notin') ? { ...token, type: 'identifier' } : token
  }

  #take(asOperator = false): Token {
    const token = this.#peek(asOperator)
    this.#at++
    return token
  }
}

function validated(requirement: Requirement): Requirement {
  const { key, operator, values } = requirement
  if ((operator === 'in' || operator === 'notin') && values.length === 0) {
    throw unparsable(`values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty`)
  }
  if ((operator === 'gt' || operator === 'lt') && !isInteger(values[0] ?? '')) {
    throw unparsable(
      `values[0]: Invalid value: ${goQuote(values[0] ?? '')}: for 'Gt', 'Lt' operators, the value must be an integer`,
    )
  }
  values.forEach((value, index) => {
    const problems = isLabelValue(value)
    if (problems.length === 0) return
    throw unparsable(`values[${index}][${key}]: Invalid value: ${goQuote(value)}: ${problems.join('; ')}`)
  })
  return requirement
}

function found({ text }: Token, expected: string): Error {
  return badRequest(`found '${text}', expected: ${expected}`)
}

function unparsable(message: string): Error {
  return badRequest(`unable to parse requirement: ${message}`)
}
