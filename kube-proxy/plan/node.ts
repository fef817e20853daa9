/** What the rules need to know of this node, for one address family. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Node } from '../../api/core/v1.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { isInside } from '../../netfilter/trace.ts'
import type { DetectLocal } from '../config.ts'
import type { Topology } from './categorize.ts'

/** How to tell traffic of this node's (or the cluster's) pods from other traffic. */
export type PodTraffic =
  | { readonly type: 'source'; readonly cidr: string }
  | { readonly type: 'interface'; readonly name: string }
  | { readonly type: 'interfacePrefix'; readonly prefix: string }

export type NodeState = {
  readonly family: Family
  readonly topology: Topology
  /** `undefined` when nobody said how to tell pods from others. */
  readonly podTraffic: PodTraffic | undefined
  /** The node's own addresses, as its Node object says. */
  readonly nodeIps: readonly string[]
  /** `all`: every address of the node; else exactly these. */
  readonly nodePortAddresses: 'all' | readonly string[]
  /** The range of this node's pods. */
  readonly podCidr: string | undefined
  /** The ranges that cluster IPs come from, as the ServiceCIDR objects say. */
  readonly serviceCidrs: readonly string[]
}

export type NodeFacts = {
  readonly nodeName: string
  readonly node: Node | undefined
  readonly detectLocal: DetectLocal
  readonly nodePortAddresses: readonly string[]
  readonly hostIps: readonly string[]
  readonly serviceCidrs: readonly string[]
  /** The node's primary address, where the Node object is not to be believed. */
  readonly bindAddress?: string | undefined
}

/** The state of the node as one family sees it. */
export function nodeStateOf(facts: NodeFacts, family: Family): NodeState {
  const { node, nodeName, detectLocal, nodePortAddresses, hostIps, serviceCidrs, bindAddress } = facts
  const own = bindAddress === undefined ? [] : ofFamily([bindAddress], family)
  const nodeIps = [...new Set([...own, ...nodeIpsOf(node, family)])]
  return {
    family,
    topology: { nodeName, zone: node?.metadata.labels?.['topology.kubernetes.io/zone'] ?? '' },
    podTraffic: podTrafficOf(detectLocal, node, family),
    nodeIps,
    nodePortAddresses: nodePortAddressesOf(nodePortAddresses, hostIps, nodeIps, family),
    podCidr: podCidrOf(node, family),
    serviceCidrs: serviceCidrs.filter((cidr) => ofFamily([cidr.split('/')[0] ?? ''], family).length > 0).toSorted(),
  }
}

/** Addresses of one family. */
function ofFamily(ips: readonly string[], family: Family): readonly string[] {
  return ips.filter(family === 'ip' ? isIPv4 : isIPv6)
}

function firstCidr(cidrs: readonly string[], family: Family): string | undefined {
  return cidrs.find((cidr) => ofFamily([cidr.split('/')[0] ?? ''], family).length > 0)
}

function podCidrOf(node: Node | undefined, family: Family): string | undefined {
  return firstCidr(node?.spec?.podCIDRs ?? (node?.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR]), family)
}

function nodeIpsOf(node: Node | undefined, family: Family): readonly string[] {
  const addresses = (node?.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
  return ofFamily([...new Set(addresses.map(({ address }) => address))], family)
}

function podTrafficOf(detect: DetectLocal, node: Node | undefined, family: Family): PodTraffic | undefined {
  const bySource = (cidr: string | undefined): PodTraffic | undefined =>
    cidr === undefined ? undefined : { type: 'source', cidr }
  switch (detect.type) {
    case 'none':
      return undefined
    case 'source':
      return bySource(firstCidr(detect.cidrs, family))
    case 'nodeCidr':
      return bySource(podCidrOf(node, family))
    case 'interface':
    case 'interfacePrefix':
      return detect
  }
}

/** `--nodeport-addresses` against the addresses that the node really has. */
export function nodePortAddressesOf(
  ranges: readonly string[],
  hostIps: readonly string[],
  primaryIps: readonly string[],
  family: Family,
): NodeState['nodePortAddresses'] {
  if (ranges.includes('primary')) return ofFamily(primaryIps, family).slice(0, 1)
  const own = ranges.filter((range) => ofFamily([range.split('/')[0] ?? ''], family).length > 0)
  if (own.length === 0 || own.some((range) => range.endsWith('/0'))) return 'all'
  return ofFamily(hostIps, family)
    .filter((ip) => own.some((range) => isInside(ip, range)))
    .toSorted()
}
