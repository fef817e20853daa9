/** The text that `nft -f -` takes as one transaction. */
import type { NftChain, NftSet } from './nft.ts'
import type { NftChange } from './nft-diff.ts'

/** What a table holds now, by name: as far as a rewrite has to know. */
export type NftPresent = { readonly chains: readonly string[]; readonly sets: ReadonlyMap<string, 'set' | 'map'> }

/** Of which table. */
export type NftTable = { readonly family: 'ip' | 'ip6'; readonly name: string; readonly comment: string }

/**
 * Applies a change. The order matters to the kernel: what rules refer to is there before them, and nothing refers any
 * more to a set that goes. Chains that go are only emptied: before Linux 6.2 a chain counts as in use until a little
 * after the map element that led to it has gone (`dropChains` follows later).
 */
export function renderChange(table: NftTable, { chains, sets, elements }: NftChange): string {
  const at = `${table.family} ${table.name}`
  const lines: string[] = []
  for (const [name, chain] of chains.write) lines.push(addChain(at, name, chain), `flush chain ${at} ${name}`)
  for (const name of chains.remove) lines.push(`flush chain ${at} ${name}`)
  for (const [name, { type }] of sets.remove) lines.push(`delete ${type} ${at} ${name}`)
  for (const [name, set] of sets.write) lines.push(addSet(at, name, set))
  for (const [name, { rules }] of chains.write) for (const rule of rules) lines.push(`add rule ${at} ${name} ${rule}`)
  for (const [set, { remove }] of elements) {
    if (remove.length > 0) lines.push(`delete element ${at} ${set} { ${remove.join(', ')} }`)
  }
  for (const [set, { add }] of elements) {
    if (add.length > 0) lines.push(`add element ${at} ${set} { ${elementsText(add)} }`)
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/**
 * Makes the table hold exactly what `change` (from nothing) says, whatever it held before; sets that the kernel fills
 * keep their elements.
 */
export function renderRewrite(table: NftTable, change: NftChange, present: NftPresent): string {
  const at = `${table.family} ${table.name}`
  const { chains, sets } = change
  const lines = [`add table ${at} { comment "${table.comment}"; }`]
  for (const name of present.chains) lines.push(`flush chain ${at} ${name}`)
  for (const [name, { hook }] of chains.write) {
    // A base chain that is there already may have another priority, which cannot be changed.
    if (hook !== undefined) lines.push(`add chain ${at} ${name}`, `delete chain ${at} ${name}`)
  }
  for (const [name, type] of present.sets) {
    if (sets.write.get(name)?.isDynamic !== true) lines.push(`delete ${type} ${at} ${name}`)
  }
  return `${lines.join('\n')}\n${renderChange(table, change)}`
}

/** Takes the whole table away and writes it anew: for a table in which something is not as anybody left it. */
export function renderReplacement(table: NftTable, change: NftChange): string {
  const at = `${table.family} ${table.name}`
  return `add table ${at}\ndelete table ${at}\n${renderRewrite(table, change, { chains: [], sets: new Map() })}`
}

/** Deletes chains that nothing refers to any more. */
export function dropChains({ family, name }: NftTable, chains: readonly string[]): string {
  return chains.map((chain) => `delete chain ${family} ${name} ${chain}\n`).join('')
}

function addChain(at: string, name: string, { hook }: NftChain): string {
  return hook === undefined ? `add chain ${at} ${name}` : `add chain ${at} ${name} { ${hook}; }`
}

function addSet(at: string, name: string, { type, definition }: NftSet): string {
  return `add ${type} ${at} ${name} { ${definition} }`
}

function elementsText(add: readonly string[]): string {
  let text = ''
  for (let at = 0; at < add.length; at += 2) {
    text += at === 0 ? '' : ', '
    text += add[at] ?? ''
    const rest = add[at + 1] ?? ''
    if (rest !== '') text += ` ${rest}`
  }
  return text
}
