/** Takes everything of mode ipvs out of the kernel, ours or upstream's. The device tells whether there is anything. */

import { diffIpsets } from '../../netfilter/ipset.ts'
import type { Family, Iptables } from '../../netfilter/iptables.ts'
import { parseSave } from '../../netfilter/iptables-restore.ts'
import { diffVirtualServers } from '../../netfilter/ipvs.ts'
import type { Chains } from '../../netfilter/ruleset.ts'
import type { ModeName } from '../mode.ts'
import { type IpvsTools, ownServers, ownSets } from './applier.ts'
import { diffAddresses } from './device.ts'
import { chains, ipvsJumps } from './rules.ts'

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
  for (const table of ['filter', 'nat'] as const) {
    const present = parseSave(await iptables.save(table, signal)).get(table) ?? new Map()
    // Only together with a chain that no other mode has: else these are the chains of mode iptables.
    if (!present.has(table === 'nat' ? chains.loadBalancer : chains.filter)) continue
    await iptables.restore(renderRemoval(table, present, next), signal)
  }
}

/** One transaction that removes the jumps as often as they are there, and then the chains. */
export function renderRemoval(table: 'filter' | 'nat', present: Chains, next: ModeName | undefined): string {
  const isKept = (chain: string) => next === 'iptables' && sharedChains.has(chain)
  const remove = ownChains[table].filter((chain) => present.has(chain) && !isKept(chain))
  const jumps = [...(ipvsJumps.get(table) ?? [])].flatMap(([chain, rules]) =>
    (present.get(chain) ?? [])
      .filter((rule) => rules.includes(rule) && !isSharedJump(table, rule, isKept))
      .map((rule) => `-D ${chain} ${rule}`),
  )
  const headers = remove.map((chain) => `:${chain} - [0:0]`)
  return `${[`*${table}`, ...headers, ...jumps, ...remove.map((chain) => `-X ${chain}`), 'COMMIT'].join('\n')}\n`
}

/** Mode iptables jumps into the chains that both have with the same rules in table nat, but with other comments into the firewall. */
function isSharedJump(table: 'filter' | 'nat', rule: string, isKept: (chain: string) => boolean): boolean {
  const target = rule.slice(rule.lastIndexOf(' ') + 1)
  return isKept(target) && (table === 'nat' || target === chains.forward)
}
