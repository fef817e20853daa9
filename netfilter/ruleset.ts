/**
 * Wanted rules as data, and the difference between two states of them. Chains come in blocks, one for each owner (a
 * Service port, a policy, the common ones). A block that is the same object as before is not looked into, so that one
 * change among ten thousand Services costs one block.
 */
import { type ChainEdit, editBetween } from './chain-edit.ts'

export type Table = 'filter' | 'mangle' | 'nat' | 'raw'
/** Rules by chain, without the leading `-A CHAIN`. */
export type Chains = ReadonlyMap<string, readonly string[]>
export type Block = { readonly [Name in Table]?: Chains }
export type Blocks = ReadonlyMap<string, Block>

/** What has to be done to one table: chains to (re)write, long chains to edit, chains to remove. */
export type TableChange = {
  readonly write: Chains
  readonly edit: ReadonlyMap<string, ChainEdit>
  readonly remove: readonly string[]
}
export type Change = ReadonlyMap<Table, TableChange>

const tables: readonly Table[] = ['filter', 'mangle', 'nat', 'raw']

/** What leads from `applied` to `wanted`. Chains whose rules are equal do not appear. */
export function diffBlocks(applied: Blocks, wanted: Blocks): Change {
  const found = new Findings()
  for (const [id, block] of wanted) {
    const before = applied.get(id)
    if (before !== block) diffBlock(before ?? {}, block, found)
  }
  for (const [id, block] of applied) if (!wanted.has(id)) diffBlock(block, {}, found)
  return changeOf(found, found.removals)
}

/** Everything written anew, and chains removed that exist and are not wanted. */
export function rewriteAll(wanted: Blocks, stale: ReadonlyMap<Table, readonly string[]>): Change {
  const found = new Findings()
  for (const block of wanted.values()) diffBlock({}, block, found)
  return changeOf(found, stale)
}

/** All chains of all blocks, table by table. */
export function flatten(blocks: Blocks): ReadonlyMap<Table, Chains> {
  const found = new Findings()
  for (const block of blocks.values()) diffBlock({}, block, found)
  return found.writes
}

/** What a comparison of blocks comes upon, table by table. */
class Findings {
  readonly writes = new Map<Table, Map<string, readonly string[]>>()
  readonly edits = new Map<Table, Map<string, ChainEdit>>()
  readonly removals = new Map<Table, string[]>()
}

function changeOf(
  { writes, edits }: Findings,
  removals: ReadonlyMap<Table, readonly string[]>,
): Map<Table, TableChange> {
  const change = new Map<Table, TableChange>()
  for (const table of tables) {
    const write = writes.get(table) ?? new Map()
    const edit = edits.get(table) ?? new Map()
    // A chain may move from one block to another: then it is written, not removed.
    const remove = (removals.get(table) ?? []).filter((chain) => !write.has(chain))
    if (write.size + edit.size + remove.length > 0) change.set(table, { write, edit, remove })
  }
  return change
}

function diffBlock(before: Block, after: Block, { writes, edits, removals }: Findings): void {
  for (const table of tables) {
    const [old, next] = [before[table], after[table]]
    if (old === next) continue
    for (const [chain, rules] of next ?? []) {
      const known = old?.get(chain)
      if (isSame(known, rules)) continue
      const edit = known === undefined ? undefined : editBetween(known, rules)
      if (edit === undefined) entryOf(writes, table, () => new Map()).set(chain, rules)
      else entryOf(edits, table, () => new Map()).set(chain, edit)
    }
    for (const chain of old?.keys() ?? []) {
      if (next?.has(chain) !== true) entryOf(removals, table, () => []).push(chain)
    }
  }
}

function entryOf<V>(map: Map<Table, V>, table: Table, make: () => V): V {
  const known = map.get(table)
  if (known !== undefined) return known
  const made = make()
  map.set(table, made)
  return made
}

function isSame(left: readonly string[] | undefined, right: readonly string[]): boolean {
  if (left === right) return true
  return left?.length === right.length && left.every((rule, index) => rule === right[index])
}
