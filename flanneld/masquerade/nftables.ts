/** Our tables in nftables, for `EnableNFTables`. */
import { ExecError, run } from '../../component-base/exec.ts'
import { type Family, families, familyFacts } from '../family.ts'
import type { ChainRules } from './rules.ts'
import type { Firewall } from './sync.ts'

/** Names, places and comments are upstream's. Never a policy to drop: that would cut the node off. */
const chains = {
  masquerade: {
    chain: 'postrtg',
    hook: 'type nat hook postrouting priority srcnat',
    comment: 'chain to manage traffic masquerading by flannel',
  },
  forward: {
    chain: 'forward',
    hook: 'type filter hook forward priority filter',
    comment: 'chain to accept flannel traffic',
  },
} as const

type Kind = ChainRules['kind']

/** Chains of nftables, which the kernel calls by their hooks. */
export const nftablesFirewall: Firewall = {
  list: async ({ family, kind }, signal) => {
    try {
      const args = ['list', 'chain', ...tableOf(family), chains[kind].chain]
      return { rules: rulesOf((await run('nft', args, { signal })).stdout), isReached: true }
    } catch (error) {
      if (error instanceof ExecError && error.exitCode === 1) return { rules: [], isReached: false }
      throw error
    }
  },
  write: async ({ family, kind }, rules, signal) => {
    await run('nft', ['-f', '-'], { input: renderChain(family, kind, rules), signal })
  },
  cleanUp: async (signal) => {
    await run('nft', ['-f', '-'], { input: renderCleanUp(), signal })
  },
}

function tableOf(family: Family): readonly [string, string] {
  return [familyFacts[family].nft, `flannel-${family}`]
}

/** A script for `nft -f` that fills one chain, in one transaction. Pure. */
export function renderChain(family: Family, kind: Kind, rules: readonly string[]): string {
  const [, name] = tableOf(family)
  const table = tableOf(family).join(' ')
  const { chain, hook, comment } = chains[kind]
  return [
    `add table ${table} { comment "rules for ${name}" ; }`,
    `add chain ${table} ${chain} { ${hook} ; comment "${comment}" ; }`,
    `flush chain ${table} ${chain}`,
    ...rules.map((rule) => `add rule ${table} ${chain} ${rule}`),
    '',
  ].join('\n')
}

/** A script that leaves neither table, whether it was there or not. Pure. */
export function renderCleanUp(): string {
  const lines = families.flatMap((family) => [
    `add table ${tableOf(family).join(' ')}`,
    `delete table ${tableOf(family).join(' ')}`,
  ])
  return [...lines, ''].join('\n')
}

/** The rules in what `nft list chain` prints: everything in the chain but its hook and comment. Pure. */
export function rulesOf(listing: string): readonly string[] {
  const lines = listing.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !/[{}]$/.test(line) && !/^(?:type|comment) /.test(line))
}
