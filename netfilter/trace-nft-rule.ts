/**
 * One rule of nftables held against a packet: reads the words of nft that this project writes; anything else is an
 * error, never a silent match.
 */
import { isIP } from 'node:net'
import { parseAddress } from '../component-base/ip-address.ts'
import type { NftElements } from './nft.ts'
import { isInside, type Packet } from './trace.ts'

/** What a packet carries while it is followed. */
export type NftFlow = {
  destinationIp: string
  destinationPort: number
  isTranslated: boolean
  isMasqueraded: boolean
  mark: number
}
export type TracedNftSet = { readonly definition: string; readonly elements: NftElements }

/** What a rule may look at. */
export type RuleContext = {
  readonly packet: Packet
  readonly flow: NftFlow
  readonly ctstate: string
  readonly isLocal: (ip: string) => boolean
  readonly outInterface: string | undefined
  readonly setOf: (name: string) => TracedNftSet
  /** For `numgen`: a number from 0, below the one given. */
  readonly random: (below: number) => number
  /** For `update @set { … }`. */
  readonly learn: (set: string, key: string) => void
}

export type RuleVerdict =
  /** `continue`: the rule holds, and has no verdict. */
  | { readonly type: 'accept' | 'drop' | 'reject' | 'return' | 'continue' }
  | { readonly type: 'jump' | 'goto'; readonly chain: string }

/** The verdict of the rule; `undefined` when it does not match. */
export function applyNftRule(rule: string, context: RuleContext): RuleVerdict | undefined {
  return new Reader(wordsOf(rule), rule, context).run()
}

const known = new Map<string, readonly string[]>()
const maxKnown = 20_000

/** Words; braces and commas stand alone, quotes stay. */
function wordsOf(rule: string): readonly string[] {
  const before = known.get(rule)
  if (before !== undefined) return before
  if (known.size >= maxKnown) known.clear()
  const words = rule.match(/"[^"]*"|[{},]|[^\s{},]+/g) ?? []
  known.set(rule, words)
  return words
}

/** A value of a packet; `undefined` when it has none, so that nothing matches. */
type Value = string | readonly string[] | undefined
type Step = 'next' | 'no match' | RuleVerdict

class Reader {
  #at = 0
  readonly #words: readonly string[]
  readonly #rule: string
  readonly #context: RuleContext

  constructor(words: readonly string[], rule: string, context: RuleContext) {
    this.#words = words
    this.#rule = rule
    this.#context = context
  }

  run(): RuleVerdict | undefined {
    while (this.#at < this.#words.length) {
      const step = this.#statement()
      if (step === 'no match') return undefined
      if (step !== 'next') return step
    }
    return { type: 'continue' }
  }

  #statement(): Step {
    const word = this.#peek()
    switch (word) {
      case 'accept':
      case 'drop':
      case 'return':
        return { type: word }
      case 'reject':
        return { type: 'reject' }
      case 'jump':
      case 'goto':
        this.#at += 1
        return { type: word, chain: this.#next() }
      case 'counter':
        this.#at += this.#words[this.#at + 1] === 'packets' ? 5 : 1
        return 'next'
      case 'comment':
        this.#at += 2
        return 'next'
      case 'masquerade':
        this.#context.flow.isMasqueraded = true
        return { type: 'accept' }
      case 'dnat':
        return this.#dnat()
      case 'update':
      case 'add':
        return this.#update()
      default:
        return this.#isMarkSet() ? this.#setMark() : this.#match()
    }
  }

  #dnat(): Step {
    const { flow } = this.#context
    this.#at += 1
    while (this.#next() !== 'to') if (this.#at >= this.#words.length) throw this.#trouble('dnat')
    const target = isField(this.#peek()) ? this.#mapped() : this.#next()
    if (target === undefined) return 'no match'
    const concatenated = target.split(' . ')
    const [ip = '', port] = concatenated.length > 1 ? concatenated : splitAddress(target)
    flow.destinationIp = ip
    if (port !== undefined) flow.destinationPort = Number(port)
    flow.isTranslated = true
    return { type: 'accept' }
  }

  #mapped(): string | undefined {
    const key = this.#fields()
    if (this.#next() !== 'map') throw this.#trouble('map')
    return this.#lookUp(key)
  }

  #update(): Step {
    this.#at += 1
    const set = this.#next().slice(1)
    if (this.#next() !== '{') throw this.#trouble('update')
    const key = this.#fields()
    while (this.#next() !== '}') if (this.#at > this.#words.length) throw this.#trouble('update')
    if (typeof key === 'string') this.#context.learn(set, key)
    return 'next'
  }

  #isMarkSet(): boolean {
    const at = this.#peek() === 'meta' ? this.#at + 1 : this.#at
    return this.#words[at] === 'mark' && this.#words[at + 1] === 'set'
  }

  #setMark(): Step {
    this.#at += this.#peek() === 'meta' ? 3 : 2
    const value = isField(this.#peek()) ? this.#fields() : this.#next()
    this.#context.flow.mark = Number(value) >>> 0
    return 'next'
  }

  #match(): Step {
    const value = this.#fields()
    if (this.#peek() === 'vmap') {
      this.#at += 1
      const verdict = this.#lookUp(value)
      return verdict === undefined ? 'no match' : verdictOf(verdict)
    }
    const isNegated = this.#peek() === '!='
    if (isNegated || this.#peek() === '==') this.#at += 1
    const isAmong = this.#isAmong(value)
    return value !== undefined && isAmong !== isNegated ? 'next' : 'no match'
  }

  #isAmong(value: Value): boolean {
    if (this.#peek().startsWith('@') || this.#peek() === '{') return this.#lookUp(value) !== undefined
    const patterns = [this.#concatenation()]
    while (this.#peek() === ',') {
      this.#at += 1
      patterns.push(this.#next())
    }
    const values = typeof value === 'string' ? [value] : (value ?? [])
    return values.some((each) => patterns.some((pattern) => fits(each, pattern)))
  }

  /** What follows the key in a set or map that comes next; '' in a set. */
  #lookUp(value: Value): string | undefined {
    const word = this.#next()
    const { definition, elements } = word === '{' ? this.#anonymous() : this.#context.setOf(word.slice(1))
    if (typeof value !== 'string') return undefined
    const rest = elements.get(value)
    if (rest !== undefined) return meaningOf(rest)
    if (!definition.includes('interval')) return undefined
    for (const [key, each] of elements) if (fits(value, key)) return meaningOf(each)
    return undefined
  }

  /** Elements between braces; read once for each rule. */
  #anonymous(): TracedNftSet {
    const from = this.#at
    const sets =
      anonymousSets.get(this.#words) ?? new Map<number, { readonly set: TracedNftSet; readonly end: number }>()
    const before = sets.get(from)
    if (before !== undefined) {
      this.#at = before.end
      return before.set
    }
    const set = this.#readElements()
    anonymousSets.set(this.#words, sets.set(from, { set, end: this.#at }))
    return set
  }

  #readElements(): TracedNftSet {
    const elements = new Map<string, string>()
    while (this.#peek() !== '}') {
      const element: string[] = []
      while (this.#peek() !== ',' && this.#peek() !== '}') element.push(this.#next())
      const colon = element.indexOf(':')
      const [key, rest] = colon < 0 ? [element, []] : [element.slice(0, colon), element.slice(colon)]
      elements.set(key.join(' '), rest.join(' '))
      if (this.#peek() === ',') this.#at += 1
    }
    this.#at += 1
    return { definition: 'flags interval;', elements }
  }

  #concatenation(): string {
    let text = this.#next()
    while (this.#peek() === '.') {
      this.#at += 1
      text += ` . ${this.#next()}`
    }
    return text
  }

  /** Fields joined by dots, as the key of a set. */
  #fields(): Value {
    const values = [this.#field()]
    while (this.#peek() === '.') {
      this.#at += 1
      values.push(this.#field())
    }
    if (values.length === 1) return values[0]
    return values.every((value) => typeof value === 'string') ? values.join(' . ') : undefined
  }

  #field(): Value {
    const { packet, flow } = this.#context
    const word = this.#next()
    switch (word) {
      case 'ip':
      case 'ip6':
        return this.#address(word === 'ip' ? 4 : 6)
      case 'tcp':
      case 'udp':
      case 'sctp':
      case 'th': {
        if (this.#next() !== 'dport') throw this.#trouble(word)
        const hasPorts = !packet.protocol.includes('icmp')
        return hasPorts && (word === 'th' || packet.protocol === word) ? String(flow.destinationPort) : undefined
      }
      case 'meta':
        return this.#field()
      case 'l4proto':
        return packet.protocol
      case 'mark':
        return this.#arithmetic(flow.mark)
      case 'iifname':
        return packet.inInterface ?? ''
      case 'oifname':
        return this.#context.outInterface ?? ''
      case 'ct':
        return this.#connection()
      case 'fib':
        return this.#route()
      case 'numgen':
        // `random mod N`, `inc mod N`.
        this.#at += 2
        return String(this.#context.random(Number(this.#next())))
      case 'icmpv6':
      case 'icmp':
        this.#at += 1
        return packet.protocol === (word === 'icmp' ? 'icmp' : 'ipv6-icmp') ? 'echo-request' : undefined
      default:
        throw this.#trouble(word)
    }
  }

  #address(version: 4 | 6): Value {
    const { packet, flow } = this.#context
    const side = this.#next()
    if (side !== 'saddr' && side !== 'daddr') throw this.#trouble(side)
    const ip = side === 'saddr' ? packet.sourceIp : flow.destinationIp
    return isIP(ip) === version ? ip : undefined
  }

  #connection(): Value {
    const what = this.#next()
    if (what === 'state') return [this.#context.ctstate.toLowerCase()]
    if (what === 'status') return this.#context.flow.isTranslated ? ['dnat'] : []
    throw this.#trouble(`ct ${what}`)
  }

  #route(): Value {
    const { packet, flow, isLocal } = this.#context
    const side = this.#next()
    if (this.#next() !== 'type') throw this.#trouble('fib')
    return isLocal(side === 'saddr' ? packet.sourceIp : flow.destinationIp) ? 'local' : 'unicast'
  }

  #arithmetic(mark: number): string {
    const operators: Readonly<Record<string, (left: number, right: number) => number>> = {
      and: (left, right) => left & right,
      '&': (left, right) => left & right,
      or: (left, right) => left | right,
      '|': (left, right) => left | right,
      xor: (left, right) => left ^ right,
      '^': (left, right) => left ^ right,
    }
    const operate = operators[this.#peek()]
    if (operate === undefined) return String(mark)
    this.#at += 1
    return String(operate(mark, Number(this.#next())) >>> 0)
  }

  #peek(): string {
    return this.#words[this.#at] ?? ''
  }

  #next(): string {
    return this.#words[this.#at++] ?? ''
  }

  #trouble(word: string): Error {
    return new Error(`cannot trace "${word}" in rule: ${this.#rule}`)
  }
}

const anonymousSets = new WeakMap<
  readonly string[],
  Map<number, { readonly set: TracedNftSet; readonly end: number }>
>()
const fieldWords = new Set(['ip', 'ip6', 'tcp', 'udp', 'sctp', 'th', 'meta', 'mark', 'ct', 'fib', 'numgen'])

function isField(word: string): boolean {
  return fieldWords.has(word)
}

/** What an element of a map stands for: after its comment and colon. */
function meaningOf(rest: string): string {
  return /(?:^|\s): (.*)$/.exec(rest)?.[1] ?? ''
}

function verdictOf(text: string): RuleVerdict | 'next' {
  const [type = '', chain = ''] = text.split(' ')
  switch (type) {
    case 'accept':
    case 'drop':
    case 'return':
      return { type }
    case 'jump':
    case 'goto':
      return { type, chain }
    case 'continue':
      return 'next'
    default:
      throw new Error(`cannot trace verdict ${text}`)
  }
}

/** `10.0.0.1:80`, `[fd00::1]:80`, or an address alone. */
function splitAddress(text: string): readonly [string, string | undefined] {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? []
  return [bracketed ?? plain ?? text, port]
}

/** Whether a value (of a packet) is what an element or word says: itself, a subnet, a range, a beginning. */
function fits(value: string, pattern: string): boolean {
  if (!pattern.includes(' . ')) return fitsPart(value, pattern)
  const [values, patterns] = [value.split(' . '), pattern.split(' . ')]
  return values.length === patterns.length && values.every((each, index) => fitsPart(each, patterns[index] ?? ''))
}

function fitsPart(value: string, pattern: string): boolean {
  if (value === pattern) return true
  const text = pattern.startsWith('"') ? pattern.slice(1, -1) : pattern
  if (text.endsWith('*')) return value.startsWith(text.slice(0, -1))
  if (text.includes('/')) return isInside(value, text)
  const [first = '', last] = text.split('-')
  if (last !== undefined && /^\d+$/.test(first)) return Number(value) >= Number(first) && Number(value) <= Number(last)
  if (last !== undefined && isIP(first) !== 0 && isIP(last) === isIP(first)) return isBetween(value, first, last)
  return value === text || (/^(0x)?[\da-f]+$/i.test(text) && value !== '' && Number(value) === Number(text))
}

/** nft lists neighbouring addresses as ranges. */
function isBetween(ip: string, first: string, last: string): boolean {
  const [address, from, to] = [parseAddress(ip), parseAddress(first), parseAddress(last)]
  if (address === undefined || from === undefined || to === undefined || address.bits !== from.bits) return false
  return address.value >= from.value && address.value <= to.value
}
