/** Takes what mode iptables, ours or upstream's, has written out of the kernel. Rules of others stay. */

import type { Iptables } from '../../netfilter/iptables.ts'
import { parseSave, renderRemoval } from '../../netfilter/iptables-restore.ts'
import type { Chains, Table } from '../../netfilter/ruleset.ts'
import type { ModeName } from '../mode.ts'
import * as chains from './chains.ts'

/** KUBE-FIREWALL is not among them: the kubelet has it too. */
const ownChains: ReadonlySet<string> = new Set([
  ...[chains.services, chains.nodePorts, chains.externalServices, chains.proxyFirewall, chains.forward],
  ...[chains.postrouting, chains.markMasquerade, chains.canary, chains.hairpin],
])

/** Chains that mode ipvs has too, under the same names in the same tables; it has written them anew by now. */
const sharedWithIpvs: ReadonlySet<string> = new Set([
  ...[`nat/${chains.services}`, `nat/${chains.postrouting}`, `nat/${chains.markMasquerade}`],
  ...[`filter/${chains.forward}`, `filter/${chains.proxyFirewall}`],
])

/** Removes the chains and all jumps to them. */
export async function cleanUp(iptables: Iptables, next: ModeName | undefined, signal: AbortSignal): Promise<void> {
  const present = new Map<Table, Chains>()
  for (const table of ['filter', 'mangle', 'nat'] as const) {
    const saved = parseSave(await iptables.save(table, signal)).get(table)
    if (saved !== undefined) present.set(table, saved)
  }
  const isGoing = (table: Table, chain: string) =>
    isOwn(chain) && !(next === 'ipvs' && sharedWithIpvs.has(`${table}/${chain}`))
  // Mode ipvs has a jump of its own, with another comment, into the chain that both have.
  const isGoingRule = (rule: string) => next === 'ipvs' && rule.includes('"kubernetes load balancer firewall"')
  for (const script of renderRemoval(present, isGoing, isGoingRule)) await iptables.restore(script, signal)
}

function isOwn(chain: string): boolean {
  return ownChains.has(chain) || chains.ownPrefixes.some((prefix) => chain.startsWith(prefix))
}
