/**
 * Follows a packet through rendered tables of nftables, as `trace.ts` does for iptables: what a test, or `kubets trace`,
 * wants to know is where the packet ends.
 *
 *   prerouting ─▶ here? ─ input ─▶ │      output ─▶ postrouting
 *                   └──── forward ─▶ postrouting
 */
import type { Family } from './iptables.ts'
import type { NftBlocks, NftChain } from './nft.ts'
import type { Packet, Trace } from './trace.ts'
import { applyNftRule, type NftFlow, type RuleContext, type TracedNftSet } from './trace-nft-rule.ts'

/** One table: what its blocks add up to. */
export type TracedNftTable = {
  readonly name: string
  readonly family: Family
  readonly chains: ReadonlyMap<string, NftChain>
  readonly sets: ReadonlyMap<string, TracedNftSet>
}

export type NftTraceOptions = {
  readonly tables: readonly TracedNftTable[]
  /** Addresses of the node: packets to them go to input, packets from them come from output. */
  readonly localAddresses: readonly string[]
  /** For `numgen`: a number from 0, below the one given. */
  readonly random?: (below: number) => number
  readonly ctstate?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID'
  readonly outInterface?: string
  /** What rules put into sets, by set and key; asked and filled. */
  readonly learned?: Map<string, Set<string>>
}

/** Adds up the blocks of a table. */
export function tableOf(name: string, family: Family, blocks: NftBlocks): TracedNftTable {
  const chains = new Map<string, NftChain>()
  const sets = new Map<string, { definition: string; elements: Map<string, string> }>()
  for (const block of blocks.values()) {
    for (const [chain, rules] of block.chains ?? []) chains.set(chain, rules)
    for (const [set, { definition }] of block.sets ?? []) sets.set(set, { definition, elements: new Map() })
  }
  for (const { elements } of blocks.values()) {
    for (const [set, added] of elements ?? []) {
      const all = sets.get(set)?.elements
      if (all === undefined) throw new Error(`no set ${set} in table ${name}`)
      for (const [key, rest] of added) all.set(key, rest)
    }
  }
  return { name, family, chains, sets }
}

type Hook = { readonly table: TracedNftTable; readonly chain: string; readonly priority: number }

/** The fate of the packet. */
export function traceNft(packet: Packet, options: NftTraceOptions): Trace {
  const flow: NftFlow = {
    destinationIp: packet.destinationIp,
    destinationPort: packet.destinationPort,
    isTranslated: false,
    isMasqueraded: false,
    mark: 0,
  }
  const path: string[] = []
  const isLocal = (ip: string) => options.localAddresses.includes(ip) || ip.startsWith('127.') || ip === '::1'
  const walk: Walk = { packet, options, flow, isLocal, path }
  const isFromHere = isLocal(packet.sourceIp) && packet.inInterface === undefined
  const end = (verdict: Trace['verdict']): Trace => ({
    verdict,
    destinationIp: flow.destinationIp,
    destinationPort: flow.destinationPort,
    isMasqueraded: flow.isMasqueraded,
    path,
  })
  const first = passHook(isFromHere ? 'output' : 'prerouting', walk)
  if (first !== 'ACCEPT') return end(first)
  const isForHere = isLocal(flow.destinationIp)
  if (!isFromHere) {
    const second = passHook(isForHere ? 'input' : 'forward', walk)
    if (second !== 'ACCEPT' || isForHere) return end(second)
  }
  return end(passHook('postrouting', walk))
}

type Walk = {
  readonly packet: Packet
  readonly options: NftTraceOptions
  readonly flow: NftFlow
  readonly isLocal: (ip: string) => boolean
  readonly path: string[]
}

/** All chains of a hook, in the order of their priorities: each may end the packet, none may save it from the next. */
function passHook(hook: string, walk: Walk): Trace['verdict'] {
  for (const { table, chain } of hooksOf(hook, walk)) {
    const verdict = walkChain(table, chain, walk)
    if (verdict === 'DROP' || verdict === 'REJECT') return verdict
  }
  return 'ACCEPT'
}

/** Names of priorities in the families `ip` and `ip6`. */
const priorities: Readonly<Record<string, number>> = {
  ...{ raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 },
}

const knownHooks = new WeakMap<readonly TracedNftTable[], Map<string, readonly Hook[]>>()

function hooksOf(hook: string, { options: { tables }, packet }: Walk): readonly Hook[] {
  const family = packet.sourceIp.includes(':') ? 'ip6' : 'ip'
  const of = knownHooks.get(tables) ?? new Map<string, readonly Hook[]>()
  knownHooks.set(tables, of)
  const hooks = of.get(`${family} ${hook}`) ?? findHooks(hook, family, tables)
  of.set(`${family} ${hook}`, hooks)
  return hooks
}

function findHooks(hook: string, family: Family, tables: readonly TracedNftTable[]): readonly Hook[] {
  const hooks: Hook[] = []
  for (const table of tables) {
    if (table.family !== family) continue
    for (const [chain, { hook: text }] of table.chains) {
      const [, name, base = '', sign, offset] = /hook (\w+) priority (-?\w+)(?: ([+-]) (\d+))?/.exec(text ?? '') ?? []
      if (name !== hook) continue
      const shift = Number(offset ?? 0) * (sign === '-' ? -1 : 1)
      hooks.push({ table, chain, priority: (priorities[base] ?? Number(base)) + shift })
    }
  }
  return hooks.toSorted((a, b) => a.priority - b.priority)
}

function walkChain(table: TracedNftTable, name: string, walk: Walk): Trace['verdict'] | undefined {
  const chain = table.chains.get(name)
  if (chain === undefined) throw new Error(`no chain ${name} in table ${table.name}`)
  walk.path.push(`${table.name}/${name}`)
  const context = contextOf(table, walk)
  for (const rule of chain.rules) {
    const verdict = applyNftRule(rule, context)
    if (verdict === undefined) continue
    if (verdict.type === 'return') return undefined
    if (verdict.type === 'jump' || verdict.type === 'goto') {
      const final = walkChain(table, verdict.chain, walk)
      if (final !== undefined || verdict.type === 'goto') return final
    } else return ({ accept: 'ACCEPT', drop: 'DROP', reject: 'REJECT' } as const)[verdict.type]
  }
  return undefined
}

function contextOf(table: TracedNftTable, { packet, options, flow, isLocal }: Walk): RuleContext {
  return {
    ...{ packet, flow, isLocal },
    ctstate: options.ctstate ?? 'NEW',
    outInterface: options.outInterface,
    random: options.random ?? (() => 0),
    setOf: (name) => {
      const set = table.sets.get(name)
      if (set === undefined) throw new Error(`no set ${name} in table ${table.name}`)
      const learned = options.learned?.get(name)
      if (learned === undefined) return set
      return { ...set, elements: new Map([...set.elements, ...[...learned].map((key): [string, string] => [key, ''])]) }
    },
    learn: (name, key) => {
      options.learned?.set(name, (options.learned.get(name) ?? new Set()).add(key))
    },
  }
}
