/** Takes everything of mode ipvs out of the kernel, ours or upstream's. The device tells whether there is anything. */

import { diffIpsets } from '../../netfilter/ipset.ts'
import type { Family, Iptables } from '../../netfilter/iptables.ts'
import { parseSave, renderRemoval } from '../../netfilter/iptables-restore.ts'
import { diffVirtualServers } from '../../netfilter/ipvs.ts'
import type { Chains, Table } from '../../netfilter/ruleset.ts'
import type { ModeName } from '../mode.ts'
import { type IpvsTools, ownServers, ownSets } from './applier.ts'
import { diffAddresses } from './device.ts'
import { chains } from './rules.ts'

export type CleanUpOptions = {
  readonly family: Family
  readonly tools: IpvsTools
  readonly iptables: Iptables
  readonly excludeCidrs: readonly string[]
  /** The mode that has taken over, if one has. */
  readonly next: ModeName | undefined
}

/** Mode iptables has chains of these names too, and has written its own rules into them. */
const sharedChains: ReadonlySet<string> = new Set([
  ...[chains.services, chains.postrouting, chains.markMasquerade, chains.forward, chains.proxyFirewall],
])
const ownChains: Readonly<Record<'filter' | 'nat', readonly string[]>> = {
  nat: [chains.services, chains.postrouting, chains.nodePort, chains.loadBalancer, chains.markMasquerade],
  filter: [
    ...[chains.forward, chains.nodePort, chains.proxyFirewall, chains.sourceRanges, chains.filter, chains.outFilter],
  ],
}

/** First what takes packets (addresses, servers), then rules, then the sets that the rules refer to. */
export async function cleanUpIpvs(options: CleanUpOptions, signal: AbortSignal): Promise<void> {
  const { family, tools, excludeCidrs } = options
  const addresses = await tools.device.addresses(family, signal)
  if (addresses !== undefined) {
    const servers = ownServers(await tools.ipvs.save(signal), { family, wanted: new Map(), excludeCidrs })
    await tools.device.change(diffAddresses(addresses, new Set()).removals, signal)
    await tools.ipvs.restore(diffVirtualServers(servers, new Map(), new Map()).removals, signal)
    const others = await tools.device.addresses(family === 'ip' ? 'ip6' : 'ip', signal)
    if (others?.size === 0) await tools.device.remove(signal)
  }
  await removeRules(options, signal)
  const sets = await tools.ipset.save(signal).catch((error: unknown) => {
    signal.throwIfAborted()
    // No tool or no such thing in the kernel: then there are no sets either.
    if (error instanceof Error) return new Map()
    throw error
  })
  await tools.ipset.restore(diffIpsets(ownSets(sets, family), new Map()).removals, signal)
}

async function removeRules({ iptables, next }: CleanUpOptions, signal: AbortSignal): Promise<void> {
  const present = new Map<Table, Chains>()
  for (const table of ['filter', 'nat'] as const) {
    const saved = parseSave(await iptables.save(table, signal)).get(table)
    // Only together with a chain that no other mode has: else these are the chains of mode iptables.
    if (saved?.has(table === 'nat' ? chains.loadBalancer : chains.filter) === true) present.set(table, saved)
  }
  for (const script of renderIpvsRemoval(present, next)) await iptables.restore(script, signal)
}

/** Jumps as often as they are there, and then the chains. */
export function renderIpvsRemoval(present: ReadonlyMap<Table, Chains>, next: ModeName | undefined): readonly string[] {
  const isKept = (chain: string) => next === 'iptables' && sharedChains.has(chain)
  const isGoing = (table: Table, chain: string) =>
    (table === 'nat' || table === 'filter') && ownChains[table].includes(chain) && !isKept(chain)
  // Mode iptables has jumps of its own, with other comments, into the firewall that both have.
  const isGoingRule = (rule: string) => next === 'iptables' && rule.includes('"kube-proxy firewall rules"')
  return renderRemoval(present, isGoing, isGoingRule)
}
