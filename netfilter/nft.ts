/**
 * nftables' rules as data. Like `ruleset.ts`, things come in blocks, one for each owner; a block that is the same object
 * as before is not looked into. One block may add elements to a set that another block declares.
 */

/** A chain: with a hook the kernel calls it, without it is called by rules. Rules are nft's own words. */
export type NftChain = {
  /** Such as `type nat hook prerouting priority dstnat`. */
  readonly hook?: string
  readonly rules: readonly string[]
}

/** A set or map: `definition` is what stands between its braces, such as `type ipv4_addr . inet_proto : verdict`. */
export type NftSet = { readonly type: 'set' | 'map'; readonly definition: string }

/** Elements of one set: key → value, where a set (unlike a map) has the empty value. */
export type NftElements = ReadonlyMap<string, string>

export type NftBlock = {
  readonly chains?: ReadonlyMap<string, NftChain>
  readonly sets?: ReadonlyMap<string, NftSet>
  /** By name of the set. */
  readonly elements?: ReadonlyMap<string, NftElements>
}
export type NftBlocks = ReadonlyMap<string, NftBlock>
