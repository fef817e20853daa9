/** Jumps of several owners in one kernel's chains, as `kubets trace` has to see them. */
import type { Jumps } from '../../netfilter/iptables-restore.ts'
import type { Table } from '../../netfilter/ruleset.ts'

/** `first` before `own` in each chain, as when it was put at the top later. */
export function withJumps(own: Jumps, first: Jumps): Jumps {
  const result = new Map<Table, ReadonlyMap<string, readonly string[]>>(own)
  for (const [table, chains] of first) {
    const merged = new Map(result.get(table))
    for (const [chain, rules] of chains) merged.set(chain, [...rules, ...(merged.get(chain) ?? [])])
    result.set(table, merged)
  }
  return result
}
