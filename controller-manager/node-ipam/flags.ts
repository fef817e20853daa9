/** Ranges of `--cluster-cidr` and the sizes of nodes' parts. Pure. */
import { formatSubnet, parseSubnet, type Subnet } from '../../component-base/ip-address.ts'

export type MaskFlags = {
  readonly 'node-cidr-mask-size': number
  readonly 'node-cidr-mask-size-ipv4': number
  readonly 'node-cidr-mask-size-ipv6': number
}

/** Parts of more bits than this below their range are too many to keep count of. Source: upstream's `cidrset`. */
const maxSubnetBits = 16

/** What is wrong with the ranges that nodes get parts of. Source: upstream's `newNodeIpamController`, `setNodeCIDRMaskSizes`, `NewCIDRSet`. */
export function nodeCidrProblems(flags: MaskFlags, texts: readonly string[]): readonly string[] {
  const ranges = texts.map(parseSubnet)
  const bad = texts.find((_, index) => ranges[index] === undefined)
  if (bad !== undefined) return [`invalid CIDR address: ${bad}`]
  const families = new Set(ranges.map((range) => range?.base.bits))
  if (ranges.length > 1 && families.size < 2) {
    // The bracket is left open upstream, too.
    return [
      `len of ClusterCIDRs==${ranges.length} and they are not configured as dual stack (at least one from each IPFamily`,
    ]
  }
  if (ranges.length > 2) return [`length of clusterCIDRs is:${ranges.length} more than max allowed of 2`]
  const problems = maskProblems(flags, ranges.length === 2, families.has(128))
  return problems.length > 0 ? problems : sizeProblems(flags, ranges)
}

function maskProblems(flags: MaskFlags, isDual: boolean, hasIpv6: boolean): readonly string[] {
  const { 'node-cidr-mask-size': both, 'node-cidr-mask-size-ipv4': ipv4, 'node-cidr-mask-size-ipv6': ipv6 } = flags
  if (isDual) return both === 0 ? [] : ['usage of --node-cidr-mask-size is not allowed with dual-stack clusters']
  if (both !== 0 && (ipv4 !== 0 || ipv6 !== 0)) {
    return [
      'usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if --node-cidr-mask-size is set. For dual-stack clusters please unset it and use IPFamily specific flags',
    ]
  }
  return [
    ...(ipv4 !== 0 && hasIpv6
      ? ['usage of --node-cidr-mask-size-ipv4 is not allowed for a single-stack IPv6 cluster']
      : []),
    ...(ipv6 !== 0 && !hasIpv6
      ? ['usage of --node-cidr-mask-size-ipv6 is not allowed for a single-stack IPv4 cluster']
      : []),
  ]
}

function sizeProblems(flags: MaskFlags, ranges: readonly (Subnet | undefined)[]): readonly string[] {
  const { ipv4, ipv6 } = nodeMasks(flags)
  return ranges.flatMap((range) => {
    if (range === undefined) return []
    const mask = range.base.bits === 32 ? ipv4 : ipv6
    if (mask < range.prefix || mask > range.base.bits) {
      return [`mask size ${mask} of a node does not fit into the cluster CIDR ${formatSubnet(range)}`]
    }
    const isTooMany = range.base.bits === 128 && mask - range.prefix > maxSubnetBits
    return isTooMany ? ['New CIDR set failed; the node CIDR size is too big'] : []
  })
}

/** The size of a node's part, by family. */
export function nodeMasks(flags: MaskFlags): { readonly ipv4: number; readonly ipv6: number } {
  const both = flags['node-cidr-mask-size']
  return {
    ipv4: flags['node-cidr-mask-size-ipv4'] || both || 24,
    ipv6: flags['node-cidr-mask-size-ipv6'] || both || 64,
  }
}
