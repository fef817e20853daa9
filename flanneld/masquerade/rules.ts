/** Rules that let pod traffic through and hide it from the outside world, in the words of iptables and of nft. Pure. */
import { formatSubnet, type Subnet } from '../../component-base/ip-address.ts'
import { type Family, familyFacts } from '../family.ts'

/** One chain of ours. */
export type ChainRules = {
  readonly family: Family
  readonly kind: 'masquerade' | 'forward'
  readonly rules: readonly string[]
  /** Rules that an earlier run may have left: they go. */
  readonly stale: readonly string[]
}

/** What masquerading depends on. */
export type Masquerade = {
  readonly family: Family
  readonly network: Subnet
  readonly subnet: Subnet
  /** Whether source ports are drawn at random, which keeps connections that start together apart. */
  readonly isRandom: boolean
}

/** kube-proxy's mark for packets that it masquerades itself. */
const kubeMark = '0x4000'

/**
 * Masquerading for `--ip-masq`: whatever leaves the pod network, or enters it from
 * outside through this host, takes this host's address; pod to pod is never touched.
 */
export function iptablesMasquerade({ family, network, subnet, isRandom }: Masquerade): readonly string[] {
  const [all, own] = [formatSubnet(network), formatSubnet(subnet)]
  const comment = '-m comment --comment "flanneld masq"'
  const hide = isRandom ? '-j MASQUERADE --random-fully' : '-j MASQUERADE'
  return [
    `-m mark --mark ${kubeMark}/${kubeMark} ${comment} -j RETURN`,
    `-s ${own} -d ${all} ${comment} -j RETURN`,
    `-s ${all} -d ${own} ${comment} -j RETURN`,
    `! -s ${all} -d ${own} ${comment} -j RETURN`,
    // Replies to multicast would not find back.
    `-s ${all} ! -d ${familyFacts[family].multicast} ${comment} ${hide}`,
    `! -s ${all} -d ${all} ${comment} ${hide}`,
  ]
}

/** The same for nft. */
export function nftMasquerade({ family, network, subnet, isRandom }: Masquerade): readonly string[] {
  const { nft, multicast } = familyFacts[family]
  const [all, own] = [formatSubnet(network), formatSubnet(subnet)]
  const hide = isRandom ? 'masquerade fully-random' : 'masquerade'
  const mark = `0x${kubeMark.slice(2).padStart(8, '0')}`
  return [
    `meta mark & ${mark} == ${mark} return`,
    `${nft} saddr ${own} ${nft} daddr ${all} return`,
    `${nft} saddr ${all} ${nft} daddr ${own} return`,
    // Upstream 0.28 lets everything towards the network pass here, so that its last rule never matches.
    `${nft} saddr != ${all} ${nft} daddr ${own} return`,
    `${nft} saddr ${all} ${nft} daddr != ${multicast} ${hide}`,
    `${nft} saddr != ${all} ${nft} daddr ${all} ${hide}`,
  ]
}

/** Forwarding for the pod network, for hosts whose FORWARD policy is to drop. */
export function iptablesForward(network: Subnet): readonly string[] {
  const all = formatSubnet(network)
  const comment = '-m comment --comment "flanneld forward"'
  return [`-s ${all} ${comment} -j ACCEPT`, `-d ${all} ${comment} -j ACCEPT`]
}

/** The same for nft. */
export function nftForward(family: Family, network: Subnet): readonly string[] {
  const { nft } = familyFacts[family]
  const all = formatSubnet(network)
  return [`${nft} saddr ${all} accept`, `${nft} daddr ${all} accept`]
}

/**
 * What a chain should hold: our rules in front and in their order, then those of other flannelds of this host, which
 * share the chain. Settled when it holds that already, also with others' rules in between: two of them never take turns.
 */
export function mergeChain(
  wanted: readonly string[],
  stale: readonly string[],
  present: readonly string[],
): { readonly isSettled: boolean; readonly others: readonly string[] } {
  const ours = new Set(wanted)
  const old = new Set(stale.filter((rule) => !ours.has(rule)))
  const mine = present.filter((rule) => ours.has(rule))
  const isSettled =
    mine.length === wanted.length &&
    mine.every((rule, index) => rule === wanted[index]) &&
    !present.some((rule) => old.has(rule))
  return { isSettled, others: present.filter((rule) => !ours.has(rule) && !old.has(rule)) }
}
