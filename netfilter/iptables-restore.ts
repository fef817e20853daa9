/** The text that `iptables-restore --noflush` takes in one transaction, and the text that `iptables-save` gives. */
import { editLines } from './chain-edit.ts'
import type { Chains, Change, Table, TableChange } from './ruleset.ts'

/** Rules to put at the top of chains that are not ours, by table and chain. */
export type Jumps = ReadonlyMap<Table, Chains>

/**
 * iptables-nft keeps the chains that a script names in a sorted list which it walks for every line: the cost grows with
 * the square of their number, to minutes for a thousand Services. A command about *all* chains makes it give up that list.
 * `-S` is the one that changes nothing; what it prints is not read. Seen with 1.8.9: 21 s without, 1.8 s with it.
 * After it, rules cannot be inserted into built-in chains that nobody has used yet: jumps need a script of their own.
 */
const manyChains = 200
/** The same helps a script with a long chain: three seconds become one and a half for a chain of 10,000 rules. */
const manyRules = 2_000

/**
 * Renders a change. Naming a chain in the header empties it (or makes it), so such a chain is rewritten whole; chains that are
 * not named stay as they are, or are edited.
 */
export function renderRestore(change: Change, jumps: Jumps = new Map()): string {
  const tables = [...new Set([...change.keys(), ...jumps.keys()])].sort()
  const lines: string[] = []
  for (const table of tables) {
    const { write, edit, remove } = change.get(table) ?? nothing
    lines.push(`*${table}`)
    if (write.size + remove.length > manyChains || countRules(write) > manyRules) lines.push('-S')
    for (const chain of write.keys()) lines.push(`:${chain} - [0:0]`)
    for (const chain of remove) lines.push(`:${chain} - [0:0]`)
    for (const [chain, rules] of jumps.get(table) ?? []) {
      for (const rule of rules.toReversed()) lines.push(`-I ${chain} 1 ${rule}`)
    }
    for (const [chain, each] of edit) for (const line of editLines(chain, each)) lines.push(line)
    for (const [chain, rules] of write) for (const rule of rules) lines.push(`-A ${chain} ${rule}`)
    for (const chain of remove) lines.push(`-X ${chain}`)
    lines.push('COMMIT')
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

const nothing: TableChange = { write: new Map(), edit: new Map(), remove: [] }

function countRules(chains: Chains): number {
  let count = 0
  for (const rules of chains.values()) count += rules.length
  return count
}

/**
 * Scripts that take away chains, every rule elsewhere that leads to one of them, and rules that `isGoingRule` knows: first
 * the rules, then the chains. Empty when there is nothing.
 */
export function renderRemoval(
  present: ReadonlyMap<Table, Chains>,
  isGoing: (table: Table, chain: string) => boolean,
  isGoingRule: (rule: string) => boolean = () => false,
): readonly string[] {
  const change = new Map<Table, TableChange>()
  const lines: string[] = []
  for (const [table, chains] of present) {
    const remove = [...chains.keys()].filter((chain) => isGoing(table, chain))
    if (remove.length === 0) continue
    change.set(table, { ...nothing, remove })
    const going = new Set(remove)
    const jumps = [...chains].flatMap(([chain, rules]) =>
      going.has(chain)
        ? []
        : rules.filter((rule) => going.has(targetOf(rule)) || isGoingRule(rule)).map((rule) => `-D ${chain} ${rule}`),
    )
    if (jumps.length > 0) lines.push(`*${table}`, ...jumps, 'COMMIT')
  }
  return [lines.length === 0 ? '' : `${lines.join('\n')}\n`, renderRestore(change)].filter((script) => script !== '')
}

function targetOf(rule: string): string {
  return /(?:^| )-[jg] (\S+)/.exec(rule)?.[1] ?? ''
}

/** Reads what `iptables-save` printed for all tables it printed. */
export function parseSave(text: string): ReadonlyMap<Table, Chains> {
  const tables = new Map<Table, Map<string, string[]>>()
  let chains = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      chains = new Map()
      // The boundary to the tool: it prints names of tables only.
      tables.set(line.slice(1).trim() as Table, chains)
    } else if (line.startsWith(':')) chains.set(line.slice(1).split(' ', 1)[0] ?? '', [])
    else if (line.startsWith('-A ')) {
      const [, chain = '', rule = ''] = /^-A (\S+) ?(.*)$/.exec(line) ?? []
      chains.get(chain)?.push(rule.trimEnd())
    }
  }
  return tables
}

/** Jumps of `wanted` that the chains do not have yet. */
export function missingJumps(wanted: Jumps, present: ReadonlyMap<Table, Chains>): Jumps {
  const missing = new Map<Table, Map<string, readonly string[]>>()
  for (const [table, chains] of wanted) {
    for (const [chain, rules] of chains) {
      const there = new Set(present.get(table)?.get(chain) ?? [])
      const absent = rules.filter((rule) => !there.has(rule))
      if (absent.length === 0) continue
      const byChain = missing.get(table) ?? new Map<string, readonly string[]>()
      missing.set(table, byChain.set(chain, absent))
    }
  }
  return missing
}
