/** What leads from one state of an nft table to another. */
import type { NftBlock, NftBlocks, NftChain, NftSet } from './nft.ts'

/** What has to be done to a table. A chain whose text changed is in `write` again. */
export type NftChange = {
  readonly chains: { readonly write: ReadonlyMap<string, NftChain>; readonly remove: readonly string[] }
  readonly sets: { readonly write: ReadonlyMap<string, NftSet>; readonly remove: ReadonlyMap<string, NftSet> }
  /** By name of the set. A changed element is in both lists. */
  readonly elements: ReadonlyMap<string, ElementChange>
}
export type ElementChange = { readonly add: ReadonlyMap<string, string>; readonly remove: readonly string[] }

/** Knows what a table holds, and so what has to change. */
export class NftMemory {
  #applied: NftBlocks = new Map()
  /** How many blocks give an element, for shared sets. */
  #owners = new Map<string, Map<string, number>>()

  /** The way from what is remembered to `wanted`; call `commit` once the kernel has taken it. */
  diff(wanted: NftBlocks): { readonly change: NftChange; readonly commit: () => void } {
    const collected = new Collector(this.#sharedSets(wanted))
    for (const [id, block] of wanted) {
      const before = this.#applied.get(id)
      if (before !== block) collected.compare(before ?? {}, block)
    }
    for (const [id, block] of this.#applied) if (!wanted.has(id)) collected.compare(block, {})
    const owners = new Map<string, Map<string, number>>()
    const change = collected.change((set, key, difference) => {
      const before = this.#owners.get(set)?.get(key) ?? 0
      entryOf(owners, set).set(key, before + difference)
      return { before, after: before + difference }
    })
    const commit = () => {
      this.#applied = wanted
      for (const [set, counts] of owners) this.#count(set, counts)
    }
    return { change, commit }
  }

  #count(set: string, counts: ReadonlyMap<string, number>): void {
    const known = entryOf(this.#owners, set)
    for (const [key, count] of counts) {
      if (count === 0) known.delete(key)
      else known.set(key, count)
    }
  }

  #sharedSets(wanted: NftBlocks): ReadonlySet<string> {
    const names = new Set<string>()
    for (const blocks of [this.#applied, wanted]) {
      for (const { sets } of blocks.values()) {
        if (sets === undefined) continue
        for (const [name, { isShared }] of sets) if (isShared === true) names.add(name)
      }
    }
    return names
  }
}

type CountOwners = (set: string, key: string, difference: number) => { readonly before: number; readonly after: number }

class Collector {
  readonly #shared: ReadonlySet<string>
  readonly #chains = { write: new Map<string, NftChain>(), remove: new Map<string, NftChain>() }
  readonly #sets = { write: new Map<string, NftSet>(), remove: new Map<string, NftSet>() }
  readonly #add = new Map<string, Map<string, string>>()
  readonly #remove = new Map<string, Map<string, string>>()
  readonly #differences = new Map<string, Map<string, number>>()

  constructor(shared: ReadonlySet<string>) {
    this.#shared = shared
  }

  compare(before: NftBlock, after: NftBlock): void {
    compareNamed(before.chains, after.chains, isSameChain, this.#chains)
    compareNamed(before.sets, after.sets, isSameSet, this.#sets)
    if (before.elements === after.elements) return
    for (const [set, elements] of after.elements ?? []) this.#compareElements(set, before.elements?.get(set), elements)
    for (const [set, elements] of before.elements ?? []) {
      if (after.elements?.has(set) !== true) this.#compareElements(set, elements, undefined)
    }
  }

  change(countOwners: CountOwners): NftChange {
    for (const [set, differences] of this.#differences) this.#settleShared(set, differences, countOwners)
    const elements = new Map<string, ElementChange>()
    // The elements of a set that goes, go with it.
    const isGone = (set: string) => this.#sets.remove.has(set) && !this.#sets.write.has(set)
    for (const set of new Set([...this.#remove.keys(), ...this.#add.keys()])) {
      if (isGone(set)) continue
      const add = this.#add.get(set) ?? new Map<string, string>()
      // An element may move from one block to another; unless what follows its key differs, nothing happens.
      const remove: string[] = []
      for (const [key, rest] of this.#remove.get(set) ?? []) {
        if (add.get(key) === rest) add.delete(key)
        else remove.push(key)
      }
      if (add.size > 0 || remove.length > 0) elements.set(set, { add, remove })
    }
    return {
      chains: { write: this.#chains.write, remove: [...gone(this.#chains).keys()] },
      sets: { write: this.#sets.write, remove: gone(this.#sets) },
      elements,
    }
  }

  #compareElements(
    set: string,
    before: ReadonlyMap<string, string> | undefined,
    after: ReadonlyMap<string, string> | undefined,
  ): void {
    if (before === after) return
    if (this.#shared.has(set)) {
      const differences = entryOf(this.#differences, set)
      for (const key of after?.keys() ?? []) differences.set(key, (differences.get(key) ?? 0) + 1)
      for (const key of before?.keys() ?? []) differences.set(key, (differences.get(key) ?? 0) - 1)
      return
    }
    for (const [key, rest] of after ?? []) if (before?.get(key) !== rest) entryOf(this.#add, set).set(key, rest)
    for (const [key, rest] of before ?? []) if (after?.get(key) !== rest) entryOf(this.#remove, set).set(key, rest)
  }

  #settleShared(set: string, differences: ReadonlyMap<string, number>, countOwners: CountOwners): void {
    for (const [key, difference] of differences) {
      if (difference === 0) continue
      const { before, after } = countOwners(set, key, difference)
      if (before === 0 && after > 0) entryOf(this.#add, set).set(key, '')
      if (before > 0 && after === 0) entryOf(this.#remove, set).set(key, '')
    }
  }
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

function entryOf<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = new Map<string, V>()
  map.set(key, made)
  return made
}
