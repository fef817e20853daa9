/** NetworkPolicy's rules together with those of a mode that speaks iptables. */
import type { Jumps } from '../../netfilter/iptables-restore.ts'
import type { Blocks, Table } from '../../netfilter/ruleset.ts'

/** The blocks of both. */
export function withBlocks(own: Blocks, more: Blocks): Blocks {
  return more.size === 0 ? own : new Map([...own, ...more])
}

/** Policies come before Services' rules: what they forbid must not be accepted by those. */
export function withJumps(own: Jumps, first: Jumps): Jumps {
  const result = new Map<Table, ReadonlyMap<string, readonly string[]>>(own)
  for (const [table, chains] of first) {
    const merged = new Map(result.get(table))
    for (const [chain, rules] of chains) merged.set(chain, [...rules, ...(merged.get(chain) ?? [])])
    result.set(table, merged)
  }
  return result
}
