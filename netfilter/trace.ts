/**
 * Follows a packet through rendered rules: what a test wants to know is where the packet ends, not how the rules read.
 * Understands the matches and targets that this project writes; anything else is an error, never a silent match.
 */
import { isIP } from 'node:net'
import type { Chains, Table } from './ruleset.ts'
import { type BaseChain, type Flow, followPath, type HookName, isLocalAddress, type Trace } from './trace-path.ts'

export type { Trace, TraceStep } from './trace-path.ts'

export type Packet = {
  readonly protocol: 'tcp' | 'udp' | 'sctp' | 'icmp' | 'ipv6-icmp'
  readonly sourceIp: string
  readonly destinationIp: string
  readonly destinationPort: number
  readonly inInterface?: string
  /** Whether it came in by a port of a bridge. */
  readonly isFromBridge?: boolean
}

/** One number of those whose weights are given, the weights adding up to 1. */
export type Choose = (weights: readonly number[]) => number

/** An ipset: its type, such as `hash:ip,port`, and its entries in ipset's words, such as `10.0.0.1,tcp:80`. */
export type TracedSet = { readonly type: string; readonly entries: ReadonlySet<string> }

export type TraceOptions = {
  readonly tables: ReadonlyMap<Table, Chains>
  /** Addresses of the node: packets to them go to INPUT, packets from them come from OUTPUT. */
  readonly localAddresses: readonly string[]
  /** What becomes of packets that reach the end of a kernel's chain, by `filter/FORWARD`: `ACCEPT` when not given. */
  readonly policies?: ReadonlyMap<string, string>
  /** For `-m statistic`: a rule matches when the number is below its probability. */
  readonly random?: () => number
  /** Instead of `random`: 0 when the rule matches. */
  readonly choose?: Choose
  /** Where a packet to the address leaves. */
  readonly routeTo?: (ip: string) => string | undefined
  /** Lists of `-m recent`, as `list` → source addresses. */
  readonly recent?: Map<string, Set<string>>
  /** Sets of `-m set`, by name. */
  readonly sets?: ReadonlyMap<string, TracedSet>
  readonly ctstate?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID'
}

/** The fate of the packet. */
export function tracePacket(packet: Packet, options: TraceOptions): Trace {
  return followPath(packet, iptablesChains(options), options)
}

/** Where the kernel calls tables, and when. Source: netfilter_ipv4.h, nf_ip_hook_priorities. */
const priorities: Readonly<Record<Table, Readonly<Partial<Record<HookName, number>>>>> = {
  raw: { prerouting: -300, output: -300 },
  mangle: { prerouting: -150, input: -150, forward: -150, output: -150, postrouting: -150 },
  nat: { prerouting: -100, output: -100, postrouting: 100, input: 100 },
  filter: { input: 0, forward: 0, output: 0 },
}

const knownChains = new WeakMap<TraceOptions, readonly BaseChain[]>()

/** The kernel's chains that have rules. */
export function iptablesChains(options: TraceOptions): readonly BaseChain[] {
  const known = knownChains.get(options)
  if (known !== undefined) return known
  const chains = findChains(options)
  knownChains.set(options, chains)
  return chains
}

function findChains(options: TraceOptions): readonly BaseChain[] {
  const chains: BaseChain[] = []
  const isLocal = (ip: string) => isLocalAddress(ip, options.localAddresses)
  for (const [table, of] of options.tables) {
    for (const [hook, priority] of Object.entries(priorities[table])) {
      const name = hook.toUpperCase()
      if (!of.has(name)) continue
      const isClosed = options.policies?.get(`${table}/${name}`) === 'DROP'
      const walk = (flow: Flow) => {
        const verdict = walkChain(table, name, { packet: flow.packet, options, flow, isLocal })
        if (verdict !== undefined && verdict !== 'RETURN') return verdict
        return isClosed ? dropByPolicy(flow, table, name) : undefined
      }
      // The keys above are names of hooks.
      chains.push({ hook: hook as HookName, priority, isNat: table === 'nat', walk })
    }
  }
  return chains
}

function dropByPolicy(flow: Flow, table: Table, chain: string): 'DROP' {
  flow.steps.push({ hook: flow.hook, table, chain, rule: `-P ${chain} DROP`, verdict: 'DROP' })
  return 'DROP'
}

type Walk = {
  readonly packet: Packet
  readonly options: TraceOptions
  readonly flow: Flow
  readonly isLocal: (ip: string) => boolean
}
type Verdict = 'ACCEPT' | 'DROP' | 'REJECT' | 'RETURN' | undefined

function walkChain(table: Table, chain: string, walk: Walk): Verdict {
  const rules = walk.options.tables.get(table)?.get(chain)
  if (rules === undefined) {
    if (chain === chain.toUpperCase() && !chain.includes('-')) return undefined
    throw new Error(`no chain ${chain} in table ${table}`)
  }
  walk.flow.path.push(`${table}/${chain}`)
  for (const rule of rules) {
    const verdict = applyRule(table, chain, rule, walk)
    if (verdict === 'RETURN') return undefined
    if (verdict !== undefined) return verdict
  }
  return undefined
}

type Rule = {
  readonly matches: readonly Match[]
  readonly target: string | undefined
  /** `-g`: who returns from the target returns from the chain of this rule too. */
  readonly isGoto: boolean
  readonly options: Options
}
type Match = { readonly name: string; readonly values: readonly string[]; readonly isNegated: boolean }
type Options = ReadonlyMap<string, string>

/** Options that take no value. */
const bare = new Set(['--rcheck', '--set', '--reap', '--random-fully', '--rsource', '--physdev-is-in'])

/** The same rules are met by many packets. */
const parsed = new Map<string, Rule>()
const maxParsed = 20_000

function parseRule(text: string): Rule {
  const known = parsed.get(text)
  if (known !== undefined) return known
  if (parsed.size >= maxParsed) parsed.clear()
  const rule = readRule(text)
  parsed.set(text, rule)
  return rule
}

function readRule(text: string): Rule {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  const matches: Match[] = []
  const options = new Map<string, string>()
  let target: string | undefined
  let isGoto = false
  let isNegated = false
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '!') {
      isNegated = true
      continue
    }
    const value = bare.has(word) ? '' : (words[++at] ?? '')
    if (word === '-j' || word === '-g') {
      target = value
      isGoto = word === '-g'
    } else if (target !== undefined) options.set(word, value)
    else if (word === '--match-set') matches.push({ name: word, values: [value, words[++at] ?? ''], isNegated })
    else if (word !== '-m' && word !== '--comment') matches.push({ name: word, values: [value], isNegated })
    isNegated = false
  }
  return { matches, target, isGoto, options }
}

function applyRule(table: Table, chain: string, text: string, walk: Walk): Verdict {
  const rule = parseRule(text)
  if (!rule.matches.every((match) => holds(match, rule, walk) !== match.isNegated)) return undefined
  recordRecent(rule, walk)
  const { flow } = walk
  flow.steps.push({ hook: flow.hook, table, chain, rule: text, verdict: describeTarget(rule) })
  switch (rule.target) {
    case undefined:
      return undefined
    case 'ACCEPT':
    case 'DROP':
    case 'REJECT':
    case 'RETURN':
      return rule.target
    case 'MARK':
      flow.mark = markedBy(rule.options, flow.mark)
      return undefined
    case 'MASQUERADE':
      flow.isMasqueraded = true
      return 'ACCEPT'
    case 'DNAT':
      translate(rule.options, flow)
      return 'ACCEPT'
    default: {
      const verdict = walkChain(table, rule.target, walk)
      return verdict === undefined && rule.isGoto ? 'RETURN' : verdict
    }
  }
}

const verdicts = new Set(['ACCEPT', 'DROP', 'REJECT', 'RETURN', 'MARK', 'MASQUERADE'])

function describeTarget({ target, isGoto, options }: Rule): string {
  if (target === undefined) return 'continue'
  if (target === 'DNAT') return `DNAT ${options.get('--to-destination') ?? ''}`
  return verdicts.has(target) ? target : `${isGoto ? 'goto' : 'jump'} ${target}`
}

function holds(
  { name, values: [value = '', second = ''] }: Match,
  rule: Rule,
  { packet, options, flow, isLocal }: Walk,
): boolean {
  switch (name) {
    case '-p':
      return packet.protocol === value
    case '-s':
      return isInside(packet.sourceIp, value)
    case '-d':
      return isInside(flow.destinationIp, value)
    case '--dport':
    case '--dports':
      return value.split(',').some((range) => {
        const [first = 0, last = first] = range.split(':').map(Number)
        return flow.destinationPort >= first && flow.destinationPort <= last
      })
    case '--match-set':
      return isInSet(setOf(options, value), second.split(','), packet, flow)
    case '--icmpv6-type':
      // The tracer knows echo requests only.
      return packet.protocol === 'ipv6-icmp' && Number(value) === 128
    case '-i':
      return value.endsWith('+')
        ? (packet.inInterface ?? '').startsWith(value.slice(0, -1))
        : packet.inInterface === value
    case '--dst-type':
      return isLocal(flow.destinationIp)
    case '--src-type':
      return isLocal(packet.sourceIp)
    case '--ctstate':
      return value
        .split(',')
        .some((state) => state === (options.ctstate ?? 'NEW') || (state === 'DNAT' && flow.isTranslated))
    case '--mark': {
      const [mark = 0, mask = 0xffffffff] = value.split('/').map(Number)
      return (flow.mark & mask) === mark
    }
    case '--mode':
      return true
    case '--probability':
      return isDrawn(options, Number(value))
    case '-o':
      return value.endsWith('+')
        ? (flow.outInterface ?? '').startsWith(value.slice(0, -1))
        : flow.outInterface === value
    case '--physdev-is-in':
      return packet.isFromBridge === true
    case '--vaddr':
      return flow.virtual?.ip === value
    case '--vport':
      return flow.virtual?.port === Number(value)
    case '--vproto':
      return flow.virtual !== undefined && packet.protocol === value
    case '--rcheck':
      return options.recent?.get(optionOf(rule, '--name'))?.has(packet.sourceIp) ?? false
    case '--name':
    case '--seconds':
    case '--reap':
    case '--set':
    case '--rsource':
    case '--mask':
      return true
    default:
      throw new Error(`cannot trace match ${name}`)
  }
}

function isDrawn({ choose, random }: TraceOptions, probability: number): boolean {
  return choose === undefined ? (random?.() ?? 0) < probability : choose([probability, 1 - probability]) === 0
}

function setOf({ sets }: TraceOptions, name: string): TracedSet {
  const set = sets?.get(name)
  if (set === undefined) throw new Error(`no set ${name}`)
  return set
}

/** Whether the packet's values for the dimensions of the set, each from its side, are an entry of it. */
function isInSet({ type, entries }: TracedSet, sides: readonly string[], packet: Packet, flow: Flow): boolean {
  const dimensions = type.slice(type.indexOf(':') + 1).split(',')
  const values = dimensions.map((dimension, index) => {
    const isSource = sides[index] === 'src'
    if (dimension === 'ip' || dimension === 'net') return isSource ? packet.sourceIp : flow.destinationIp
    if (dimension !== 'port' || isSource) throw new Error(`cannot trace ${sides[index]} ${dimension} of ${type}`)
    return type.startsWith('bitmap:') ? String(flow.destinationPort) : `${packet.protocol}:${flow.destinationPort}`
  })
  if (entries.has(values.join(','))) return true
  if (!dimensions.includes('net')) return false
  return [...entries].some((entry) => {
    const parts = entry.split(',')
    return values.every((value, index) => {
      const part = parts[index] ?? ''
      return dimensions[index] === 'net' ? isInside(value, part) : value === part
    })
  })
}

function optionOf({ matches }: Rule, name: string): string {
  return matches.find((match) => match.name === name)?.values[0] ?? ''
}

function recordRecent(rule: Rule, { packet, options }: Walk): void {
  if (options.recent === undefined || !rule.matches.some(({ name }) => name === '--set')) return
  const list = optionOf(rule, '--name')
  options.recent.set(list, (options.recent.get(list) ?? new Set()).add(packet.sourceIp))
}

function markedBy(options: Options, mark: number): number {
  const bitsOf = (name: string) => Number(options.get(name)?.split('/')[0] ?? 0)
  if (options.has('--or-mark')) return mark | bitsOf('--or-mark')
  if (options.has('--xor-mark')) return mark ^ bitsOf('--xor-mark')
  // As iptables-save prints all of them: bits to clear, then bits to turn.
  const [bits = 0, mask = 0xffffffff] = (options.get('--set-xmark') ?? '').split('/').map(Number)
  if (options.has('--set-xmark')) return ((mark & ~mask) ^ bits) >>> 0
  throw new Error(`cannot trace MARK ${[...options.keys()].join(' ')}`)
}

function translate(options: Options, flow: Flow): void {
  const destination = options.get('--to-destination') ?? ''
  const colon = destination.lastIndexOf(':')
  flow.destinationIp = destination.slice(0, colon).replace(/^\[|\]$/g, '')
  flow.destinationPort = Number(destination.slice(colon + 1))
  flow.isTranslated = true
}

/** Whether the address lies in the CIDR (or is the address). */
export function isInside(ip: string, cidr: string): boolean {
  const [network = '', prefixText] = cidr.split('/')
  const family = isIP(network)
  if (isIP(ip) !== family) return false
  const bits = family === 4 ? 32 : 128
  const shift = BigInt(bits - (prefixText === undefined ? bits : Number(prefixText)))
  return numberOf(ip) >> shift === numberOf(network) >> shift
}

function numberOf(ip: string): bigint {
  if (isIP(ip) === 4) return ip.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  const [head = '', tail] = ip.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [left, right] = [groups(head), groups(tail ?? '')]
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...middle, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
}
