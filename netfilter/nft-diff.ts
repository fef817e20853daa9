/** What leads from one state of an nft table to another. */
import { forEachElement, type NftBlock, type NftBlocks, type NftChain, type NftSet } from './nft.ts'

/** What has to be done to a table. A chain whose text changed is in `write` again. */
export type NftChange = {
  readonly chains: { readonly write: ReadonlyMap<string, NftChain>; readonly remove: readonly string[] }
  readonly sets: { readonly write: ReadonlyMap<string, NftSet>; readonly remove: ReadonlyMap<string, NftSet> }
  /** By name of the set. A changed element is in both lists. */
  readonly elements: ReadonlyMap<string, ElementChange>
}
export type ElementChange = {
  /** Key, then what follows it, by turns: ten thousands of pairs would be as many objects. */
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** Knows what a table holds, and so what has to change. */
export class NftMemory {
  #applied: NftBlocks = new Map()
  /** How many blocks give an element, for shared sets. */
  #owners = new Map<string, Map<string, number>>()

  /** The way from what is remembered to `wanted`; call `commit` once the kernel has taken it. */
  diff(wanted: NftBlocks): { readonly change: NftChange; readonly commit: () => void } {
    const collected = new Collector(sharedSets(this.#applied, wanted))
    for (const [id, block] of wanted) {
      const before = this.#applied.get(id)
      if (before !== block) collected.compare(before, block)
    }
    for (const [id, block] of this.#applied) if (!wanted.has(id)) collected.compare(block, undefined)
    const owners = new Map<string, Map<string, number>>()
    const change = collected.change((set, key, difference) => {
      const before = this.#owners.get(set)?.get(key) ?? 0
      entryOf(owners, set, newMap).set(key, before + difference)
      return { before, after: before + difference }
    })
    const commit = () => {
      this.#applied = wanted
      for (const [set, counts] of owners) this.#count(set, counts)
    }
    return { change, commit }
  }

  #count(set: string, counts: ReadonlyMap<string, number>): void {
    const known = entryOf(this.#owners, set, newMap<number>)
    for (const [key, count] of counts) {
      if (count === 0) known.delete(key)
      else known.set(key, count)
    }
  }
}

type CountOwners = (set: string, key: string, difference: number) => { readonly before: number; readonly after: number }

class Collector {
  readonly #shared: ReadonlySet<string>
  readonly #chains = { write: new Map<string, NftChain>(), remove: new Map<string, NftChain>() }
  readonly #sets = { write: new Map<string, NftSet>(), remove: new Map<string, NftSet>() }
  readonly #add = new Map<string, string[]>()
  readonly #remove = new Map<string, Map<string, string>>()
  readonly #differences = new Map<string, Map<string, number>>()

  constructor(shared: ReadonlySet<string>) {
    this.#shared = shared
  }

  compare(before: NftBlock | undefined, after: NftBlock | undefined): void {
    compareNamed(before?.chains, after?.chains, isSameChain, this.#chains)
    compareNamed(before?.sets, after?.sets, isSameSet, this.#sets)
    if (before?.elements === after?.elements && before?.scattered === after?.scattered) return
    const left = new Map<string, string>()
    if (before !== undefined) forEachElement(before, (set, key, rest) => left.set(`${set} ${key}`, rest))
    if (after !== undefined) {
      forEachElement(after, (set, key, rest) => {
        // Names of sets have no spaces, so that the two together are never those of another element.
        if (left.size === 0 || left.get(`${set} ${key}`) !== rest) this.#added(set, key, rest)
        else left.delete(`${set} ${key}`)
      })
    }
    for (const [text, rest] of left) {
      const space = text.indexOf(' ')
      this.#removed(text.slice(0, space), text.slice(space + 1), rest)
    }
  }

  change(countOwners: CountOwners): NftChange {
    for (const [set, differences] of this.#differences) this.#settleShared(set, differences, countOwners)
    const sets = { write: this.#sets.write, remove: gone(this.#sets) }
    const elements = new Map<string, ElementChange>()
    for (const set of new Set([...this.#remove.keys(), ...this.#add.keys()])) {
      // The elements of a set that goes, go with it.
      if (sets.remove.has(set)) continue
      const change = withoutMoves(this.#add.get(set) ?? [], this.#remove.get(set))
      if (change.add.length > 0 || change.remove.length > 0) elements.set(set, change)
    }
    return { chains: { write: this.#chains.write, remove: [...gone(this.#chains).keys()] }, sets, elements }
  }

  #added(set: string, key: string, rest: string): void {
    if (this.#shared.has(set)) this.#differ(set, key, 1)
    else entryOf(this.#add, set, newList).push(key, rest)
  }

  #removed(set: string, key: string, rest: string): void {
    if (this.#shared.has(set)) this.#differ(set, key, -1)
    else entryOf(this.#remove, set, newMap).set(key, rest)
  }

  #differ(set: string, key: string, by: number): void {
    const differences = entryOf(this.#differences, set, newMap<number>)
    differences.set(key, (differences.get(key) ?? 0) + by)
  }

  #settleShared(set: string, differences: ReadonlyMap<string, number>, countOwners: CountOwners): void {
    for (const [key, difference] of differences) {
      if (difference === 0) continue
      const { before, after } = countOwners(set, key, difference)
      if (before === 0 && after > 0) entryOf(this.#add, set, newList).push(key, '')
      if (before > 0 && after === 0) entryOf(this.#remove, set, newMap).set(key, '')
    }
  }
}

/** An element may move from one block to another; unless what follows its key differs, nothing happens. */
function withoutMoves(add: readonly string[], remove: ReadonlyMap<string, string> | undefined): ElementChange {
  if (remove === undefined) return { add, remove: [] }
  const left = new Map(remove)
  const added: string[] = []
  for (let at = 0; at < add.length; at += 2) {
    const [key = '', rest = ''] = [add[at], add[at + 1]]
    if (remove.get(key) === rest) left.delete(key)
    else added.push(key, rest)
  }
  return { add: added, remove: [...left.keys()] }
}

function sharedSets(...states: readonly NftBlocks[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const blocks of states) {
    for (const { sets } of blocks.values()) {
      if (sets === undefined) continue
      for (const [name, { isShared }] of sets) if (isShared === true) names.add(name)
    }
  }
  return names
}

function compareNamed<T>(
  before: ReadonlyMap<string, T> | undefined,
  after: ReadonlyMap<string, T> | undefined,
  isSame: (left: T, right: T) => boolean,
  into: { readonly write: Map<string, T>; readonly remove: Map<string, T> },
): void {
  if (before === after) return
  for (const [name, value] of after ?? []) {
    const old = before?.get(name)
    if (old === undefined || !isSame(old, value)) into.write.set(name, value)
  }
  for (const [name, value] of before ?? []) if (after?.has(name) !== true) into.remove.set(name, value)
}

/** What may have moved from one block to another is not gone. */
function gone<T>({ write, remove }: { write: ReadonlyMap<string, T>; remove: ReadonlyMap<string, T> }): Map<string, T> {
  return new Map([...remove].filter(([name]) => !write.has(name)))
}

function isSameChain(left: NftChain, right: NftChain): boolean {
  if (left === right) return true
  const { hook, rules } = right
  return left.hook === hook && left.rules.length === rules.length && left.rules.every((rule, at) => rule === rules[at])
}

function isSameSet(left: NftSet, right: NftSet): boolean {
  return left.type === right.type && left.definition === right.definition
}

function newMap<V>(): Map<string, V> {
  return new Map()
}

function newList(): string[] {
  return []
}

function entryOf<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
