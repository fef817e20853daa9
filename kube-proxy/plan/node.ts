/** What the rules need to know of this node. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Node } from '../../api/core/v1.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { isInside } from '../../netfilter/trace.ts'
import type { DetectLocal } from '../config.ts'
import type { LocalDetector, RenderOptions } from '../render/options.ts'

/** Addresses of one family. */
function ofFamily(ips: readonly string[], family: Family): readonly string[] {
  return ips.filter(family === 'ip' ? isIPv4 : isIPv6)
}

/** The node's addresses of one family, as its status says. */
export function nodeIpsOf(node: Node | undefined, family: Family): readonly string[] {
  const addresses = (node?.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
  return ofFamily([...new Set(addresses.map(({ address }) => address))], family)
}

/** How to tell pods from others; `undefined` when nobody said how. */
export function localDetectorOf(
  detect: DetectLocal,
  node: Node | undefined,
  family: Family,
): LocalDetector | undefined {
  const bySource = (cidrs: readonly string[]): LocalDetector | undefined => {
    const own = cidrs.find((cidr) => ofFamily([cidr.split('/')[0] ?? ''], family).length > 0)
    return own === undefined ? undefined : { isLocal: `-s ${own}`, isNotLocal: `! -s ${own}` }
  }
  switch (detect.type) {
    case 'none':
      return undefined
    case 'source':
      return bySource(detect.cidrs)
    case 'nodeCidr':
      return bySource(node?.spec?.podCIDRs ?? (node?.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]))
    case 'interface':
      return { isLocal: `-i ${detect.name}`, isNotLocal: `! -i ${detect.name}` }
  }
}

/** `--nodeport-addresses` against the addresses that the node really has. */
export function nodePortAddressesOf(
  ranges: readonly string[],
  hostIps: readonly string[],
  primaryIps: readonly string[],
  family: Family,
): RenderOptions['nodePortAddresses'] {
  if (ranges.includes('primary')) return ofFamily(primaryIps, family).slice(0, 1)
  const own = ranges.filter((range) => ofFamily([range.split('/')[0] ?? ''], family).length > 0)
  if (own.length === 0 || own.some((range) => range.endsWith('/0'))) return 'all'
  return ofFamily(hostIps, family)
    .filter((ip) => own.some((range) => isInside(ip, range)))
    .toSorted()
}

/** The pods of this node by source address, for the node whose kernel does not show bridged packets to iptables. */
export function podSourcesOf(node: Node | undefined, family: Family): string | undefined {
  const cidrs = node?.spec?.podCIDRs ?? (node?.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
  return cidrs.find((cidr) => ofFamily([cidr.split('/')[0] ?? ''], family).length > 0)
}
