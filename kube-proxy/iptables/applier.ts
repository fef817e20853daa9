/** Brings rules into the kernel: only what differs from what we put there, or everything when that is not known. */

import type { Iptables } from '../../netfilter/iptables.ts'
import { type Jumps, missingJumps, parseSave, renderRestore } from '../../netfilter/iptables-restore.ts'
import { type Blocks, type Change, diffBlocks, rewriteAll, type Table } from '../../netfilter/ruleset.ts'
import type { SyncResult } from '../mode.ts'
import * as chains from './chains.ts'

const tables: readonly Table[] = ['filter', 'mangle', 'nat']

/** One transaction. */
type Step = { readonly change: Change; readonly jumps: Jumps }

/** Keeps in mind what is in the kernel, for one address family. */
export class Applier {
  readonly #iptables: Iptables
  readonly #isOwn: (chain: string) => boolean
  #applied: Blocks | undefined

  /** Chains that `isOwnChain` knows and nobody wants any more are removed. */
  constructor(iptables: Iptables, isOwnChain: (chain: string) => boolean = isOwn) {
    this.#iptables = iptables
    this.#isOwn = isOwnChain
  }

  /**
   * Makes the kernel hold exactly the wanted rules of ours. All chains change in one transaction; jumps to them, which
   * are missing only at the very start or after a flush, follow in a second, when there is something to jump to.
   */
  async apply(wanted: Blocks, jumps: Jumps, signal: AbortSignal): Promise<SyncResult> {
    const before = this.#applied
    const steps: readonly Step[] =
      before === undefined
        ? await this.#fullSteps(wanted, jumps, signal)
        : [{ change: diffBlocks(before, wanted), jumps: new Map() }]
    const pending = steps.map((step) => renderRestore(step.change, step.jumps)).filter((script) => script !== '')
    // After a failure the state of the kernel is in doubt, so the next attempt writes everything.
    this.#applied = undefined
    for (const script of pending) await this.#iptables.restore(script, signal)
    this.#applied = wanted
    const type = pending.length === 0 ? 'none' : before === undefined ? 'full' : 'partial'
    const lines = pending.reduce((sum, script) => sum + countLines(script), 0)
    return { type, lines, rules: rulesIn(steps[0]?.change ?? new Map()) }
  }

  /** Rules in the kernel, by table. */
  counts(): Readonly<Record<string, number>> {
    return rulesIn(rewriteAll(this.#applied ?? new Map(), new Map()))
  }

  /** The next `apply` looks at the kernel and writes everything. */
  forget(): void {
    this.#applied = undefined
  }

  /** Whether somebody has flushed a table since. */
  async isFlushed(signal: AbortSignal): Promise<boolean> {
    for (const table of tables) if (!(await this.#iptables.hasChain(table, chains.canary, signal))) return true
    return false
  }

  async #fullSteps(wanted: Blocks, jumps: Jumps, signal: AbortSignal): Promise<readonly Step[]> {
    const present = new Map<Table, ReadonlyMap<string, readonly string[]>>()
    for (const table of tables) {
      const saved = parseSave(await this.#iptables.save(table, signal)).get(table)
      if (saved !== undefined) present.set(table, saved)
    }
    const known = new Set([...wanted.values()].flatMap((block) => tables.flatMap((table) => keysOf(table, block))))
    const stale = new Map(
      tables.map((table) => {
        const names = [...(present.get(table)?.keys() ?? [])].filter(this.#isOwn)
        return [table, names.filter((name) => !known.has(`${table}/${name}`))]
      }),
    )
    return [
      { change: rewriteAll(wanted, stale), jumps: new Map() },
      { change: new Map(), jumps: missingJumps(jumps, present) },
    ]
  }
}

function rulesIn(change: Change): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const [table, { write, edit }] of change) {
    let count = 0
    for (const rules of write.values()) count += rules.length
    for (const { remove, insert } of edit.values()) count += remove.length + insert.length
    counts[table] = count
  }
  return counts
}

function keysOf(table: Table, block: { readonly [Name in Table]?: ReadonlyMap<string, unknown> }): readonly string[] {
  return [...(block[table]?.keys() ?? [])].map((chain) => `${table}/${chain}`)
}

function isOwn(chain: string): boolean {
  return chain === chains.hairpin || chains.ownPrefixes.some((prefix) => chain.startsWith(prefix))
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
