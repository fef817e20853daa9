/** Takes every rule of kube-proxy out of the kernel: `--cleanup`. Rules of others, also the kubelet's, stay. */

import type { Iptables } from '../../netfilter/iptables.ts'
import { type Jumps, parseSave, renderRestore } from '../../netfilter/iptables-restore.ts'
import type { Table, TableChange } from '../../netfilter/ruleset.ts'
import * as chains from './chains.ts'

const ownChains: ReadonlySet<string> = new Set([
  ...[chains.services, chains.nodePorts, chains.externalServices, chains.proxyFirewall, chains.forward],
  ...[chains.postrouting, chains.markMasquerade, chains.canary],
])

/** Jumps first, each by itself; then all chains at once. */
export async function cleanUp(iptables: Iptables, jumps: Jumps, signal: AbortSignal): Promise<void> {
  for (const [table, byChain] of jumps) {
    for (const [chain, rules] of byChain) {
      for (const rule of rules) await deleteAll(iptables, table, chain, rule, signal)
    }
  }
  const change = new Map<Table, TableChange>()
  for (const table of ['filter', 'mangle', 'nat'] as const) {
    const present = parseSave(await iptables.save(table, signal)).get(table) ?? new Map()
    const remove = [...present.keys()].filter(isOwn)
    if (remove.length > 0) change.set(table, { write: new Map(), remove })
  }
  const script = renderRestore(change)
  if (script !== '') await iptables.restore(script, signal)
}

/** A rule may be there more than once. */
async function deleteAll(iptables: Iptables, table: Table, chain: string, rule: string, signal: AbortSignal) {
  if (rule.includes(chains.firewall)) return
  const words = [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  while (await iptables.deleteRule(table, chain, words, signal)) signal.throwIfAborted()
}

function isOwn(chain: string): boolean {
  return ownChains.has(chain) || chains.ownPrefixes.some((prefix) => chain.startsWith(prefix))
}
