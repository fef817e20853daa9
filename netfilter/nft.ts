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

export type NftBlock = {
  readonly chains?: ReadonlyMap<string, NftChain>
  readonly sets?: ReadonlyMap<string, NftSet>
  /** By name of the set. */
  readonly elements?: ReadonlyMap<string, NftElements>
}
export type NftBlocks = ReadonlyMap<string, NftBlock>
