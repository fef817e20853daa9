/**
 * nftables' rules as data. Like `ruleset.ts`, things come in blocks, one for each owner; a block that is the same object
 * as before is not looked into. One block may add elements to a set that another block declares.
 */

/** A chain: with a hook the kernel calls it, without it is called by rules. Rules are nft's own words. */
export type NftChain = {
  /** Such as `type nat hook prerouting priority -100`. */
  readonly hook?: string
  readonly rules: readonly string[]
}

/** A set or map: `definition` is what stands between its braces, such as `type ipv4_addr . inet_proto : verdict;`. It never changes under one name. */
export type NftSet = {
  readonly type: 'set' | 'map'
  readonly definition: string
  /** Several blocks may give the same element; it stays until the last of them takes it back. */
  readonly isShared?: true
  /** The kernel adds elements by itself; they survive a full rewrite. */
  readonly isDynamic?: true
}

/** Elements of one set: the key, and what follows it: nothing in a set, `: VALUE` in a map, before it perhaps `comment "…"`. */
export type NftElements = ReadonlyMap<string, string>

/** One element of a set. */
export type NftElement = { readonly set: string; readonly key: string; readonly rest: string }

export type NftBlock = {
  readonly chains?: ReadonlyMap<string, NftChain>
  readonly sets?: ReadonlyMap<string, NftSet>
  /** By name of the set. */
  readonly elements?: ReadonlyMap<string, NftElements>
  /** For an owner that has a few elements in each of many sets, where a map for each would cost more than what it holds. */
  readonly scattered?: readonly NftElement[]
}
export type NftBlocks = ReadonlyMap<string, NftBlock>

/** A whole table, by name; elements by set. */
export type NftWhole = {
  readonly chains: ReadonlyMap<string, NftChain>
  readonly sets: ReadonlyMap<string, NftSet>
  readonly elements: ReadonlyMap<string, NftElements>
}

/** All blocks together. */
export function flattenNft(blocks: NftBlocks): NftWhole {
  const chains = new Map<string, NftChain>()
  const sets = new Map<string, NftSet>()
  const elements = new Map<string, Map<string, string>>()
  for (const block of blocks.values()) {
    for (const [name, chain] of block.chains ?? []) chains.set(name, chain)
    for (const [name, set] of block.sets ?? []) sets.set(name, set)
    forEachElement(block, (set, key, rest) => {
      const known = elements.get(set)
      if (known === undefined) elements.set(set, new Map([[key, rest]]))
      else known.set(key, rest)
    })
  }
  return { chains, sets, elements }
}

/** Every element of a block, wherever it stands. */
export function forEachElement(
  { elements, scattered }: NftBlock,
  visit: (set: string, key: string, rest: string) => void,
): void {
  if (elements !== undefined) {
    for (const [set, byKey] of elements) for (const [key, rest] of byKey) visit(set, key, rest)
  }
  if (scattered !== undefined) for (const { set, key, rest } of scattered) visit(set, key, rest)
}
