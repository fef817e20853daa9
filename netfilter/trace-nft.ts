/**
 * Follows a packet through rendered tables of nftables, as `trace.ts` does for iptables: what a test, or `kubets trace`,
 * wants to know is where the packet ends.
 *
 *   prerouting ─▶ here? ─ input ─▶ │      output ─▶ postrouting
 *                   └──── forward ─▶ postrouting
 */
import type { Family } from './iptables.ts'
import { joinAddress } from './ipvs.ts'
import { flattenNft, type NftBlocks, type NftChain } from './nft.ts'
import type { Choose, Packet } from './trace.ts'
import { applyNftRule, type RuleContext, type RuleVerdict, type TracedNftSet } from './trace-nft-rule.ts'
import {
  type BaseChain,
  type ChainVerdict,
  type Flow,
  followPath,
  type HookName,
  isLocalAddress,
  type Trace,
} from './trace-path.ts'

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
  /** Instead of `random`. */
  readonly choose?: Choose
  readonly ctstate?: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID'
  readonly outInterface?: string
  /** Where a packet to the address leaves. */
  readonly routeTo?: (ip: string) => string | undefined
  /** What rules put into sets, by set and key; asked and filled. */
  readonly learned?: Map<string, Set<string>>
}

/** Adds up the blocks of a table. */
export function tableOf(name: string, family: Family, blocks: NftBlocks): TracedNftTable {
  const { chains, sets: declared, elements } = flattenNft(blocks)
  const sets = new Map<string, TracedNftSet>()
  for (const [set, { definition }] of declared) {
    sets.set(set, { definition, elements: elements.get(set) ?? new Map<string, string>() })
  }
  for (const set of elements.keys()) if (!sets.has(set)) throw new Error(`no set ${set} in table ${name}`)
  return { name, family, chains, sets }
}

/** The fate of the packet. */
export function traceNft(packet: Packet, options: NftTraceOptions): Trace {
  return followPath(packet, nftChains(options, packet.sourceIp.includes(':') ? 'ip6' : 'ip'), options)
}

const knownChains = new WeakMap<NftTraceOptions, Map<Family, readonly BaseChain[]>>()

/** The chains that the kernel calls. */
export function nftChains(options: NftTraceOptions, family: Family): readonly BaseChain[] {
  const of = knownChains.get(options) ?? new Map<Family, readonly BaseChain[]>()
  knownChains.set(options, of)
  const chains = of.get(family) ?? findHooks(family, options.tables).map((hooked) => baseChainOf(hooked, options))
  of.set(family, chains)
  return chains
}

function baseChainOf({ table, chain, hook, priority, isNat, isClosed }: Hooked, options: NftTraceOptions): BaseChain {
  const isLocal = (ip: string) => isLocalAddress(ip, options.localAddresses)
  const walk = (flow: Flow): ChainVerdict => {
    const verdict = walkChain(table, chain, { packet: flow.packet, options, flow, isLocal })
    if (verdict !== undefined || !isClosed) return verdict
    flow.steps.push({ hook, table: table.name, chain, rule: 'policy drop', verdict: 'DROP' })
    return 'DROP'
  }
  return { hook, priority, isNat, walk }
}

type Hooked = {
  readonly table: TracedNftTable
  readonly chain: string
  readonly hook: HookName
  readonly priority: number
  readonly isNat: boolean
  /** Whether what reaches its end is dropped. */
  readonly isClosed: boolean
}
type Walk = {
  readonly packet: Packet
  readonly options: NftTraceOptions
  readonly flow: Flow
  readonly isLocal: (ip: string) => boolean
}

/** Names of priorities in the families `ip` and `ip6`. */
const priorities: Readonly<Record<string, number>> = {
  ...{ raw: -300, mangle: -150, dstnat: -100, filter: 0, security: 50, srcnat: 100 },
}

const hookNames: readonly string[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'] satisfies HookName[]

function findHooks(family: Family, tables: readonly TracedNftTable[]): readonly Hooked[] {
  const hooks: Hooked[] = []
  for (const table of tables) {
    if (table.family !== family) continue
    for (const [chain, { hook: text = '' }] of table.chains) {
      const [, name = '', base = '', sign, offset] =
        /hook (\w+) (?:device \S+ )?priority (-?\w+)(?: ([+-]) (\d+))?/.exec(text) ?? []
      if (!hookNames.includes(name)) continue
      const shift = Number(offset ?? 0) * (sign === '-' ? -1 : 1)
      hooks.push({
        ...{ table, chain },
        // Looked up in the list of names above.
        hook: name as HookName,
        priority: (priorities[base] ?? Number(base)) + shift,
        isNat: text.includes('type nat'),
        isClosed: text.includes('policy drop'),
      })
    }
  }
  return hooks
}

function walkChain(table: TracedNftTable, name: string, walk: Walk): ChainVerdict {
  const chain = table.chains.get(name)
  if (chain === undefined) throw new Error(`no chain ${name} in table ${table.name}`)
  const { flow } = walk
  flow.path.push(`${table.name}/${name}`)
  const context = contextOf(table, walk)
  for (const rule of chain.rules) {
    const { mark, isMasqueraded, isTranslated } = flow
    const verdict = applyNftRule(rule, context)
    if (verdict === undefined) continue
    flow.steps.push({
      hook: flow.hook,
      table: table.name,
      chain: name,
      rule,
      verdict: describe(verdict, { mark, isMasqueraded, isTranslated }, flow),
    })
    if (verdict.type === 'continue') continue
    if (verdict.type === 'return') return undefined
    if (verdict.type === 'jump' || verdict.type === 'goto') {
      const final = walkChain(table, verdict.chain, walk)
      if (final !== undefined || verdict.type === 'goto') return final
    } else return ({ accept: 'ACCEPT', drop: 'DROP', reject: 'REJECT' } as const)[verdict.type]
  }
  return undefined
}

function describe(
  verdict: RuleVerdict,
  before: Pick<Flow, 'mark' | 'isMasqueraded' | 'isTranslated'>,
  flow: Flow,
): string {
  if ('chain' in verdict) return `${verdict.type} ${verdict.chain}`
  if (flow.isMasqueraded && !before.isMasqueraded) return 'MASQUERADE'
  if (flow.isTranslated && !before.isTranslated) return `DNAT ${joinAddress(flow.destinationIp, flow.destinationPort)}`
  if (verdict.type === 'continue') return flow.mark === before.mark ? 'continue' : 'MARK'
  return verdict.type.toUpperCase()
}

function contextOf(table: TracedNftTable, { packet, options, flow, isLocal }: Walk): RuleContext {
  return {
    ...{ packet, flow, isLocal },
    ctstate: options.ctstate ?? 'NEW',
    outInterface: options.outInterface ?? flow.outInterface,
    random: (below) => options.choose?.(Array.from({ length: below }, () => 1 / below)) ?? options.random?.(below) ?? 0,
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
