/** The rules of one node, of every sort, and a packet's way through them. Pure. */
import type { VirtualServers } from '../../netfilter/ipvs.ts'
import type { Chains, Table } from '../../netfilter/ruleset.ts'
import { type Choose, iptablesChains, type Packet, type Trace, type TracedSet } from '../../netfilter/trace.ts'
import { ipvsChains } from '../../netfilter/trace-ipvs.ts'
import { nftChains, type TracedNftTable } from '../../netfilter/trace-nft.ts'
import { followPath } from '../../netfilter/trace-path.ts'
import { type NodeNetwork, routeFor } from './network.ts'

/** Of one address family. */
export type NodeRules = {
  readonly source: 'kernel' | 'rendered'
  readonly tables: ReadonlyMap<Table, Chains>
  /** Policies of the kernel's chains, by `filter/FORWARD`. */
  readonly policies: ReadonlyMap<string, string>
  readonly sets: ReadonlyMap<string, TracedSet>
  readonly nft: readonly TracedNftTable[]
  readonly servers: VirtualServers
}

/** Follows a packet through one node. */
export function followOnNode(packet: Packet, rules: NodeRules, network: NodeNetwork, choose: Choose): Trace {
  const localAddresses = network.addresses
  const routeTo = (ip: string) => routeFor(network, ip)?.device
  const { tables, policies, sets, nft, servers } = rules
  const chains = [
    ...iptablesChains({ tables, policies, sets, localAddresses, choose }),
    ...nftChains({ tables: nft, localAddresses, choose }, packet.sourceIp.includes(':') ? 'ip6' : 'ip'),
    ...(servers.size === 0 ? [] : ipvsChains({ servers, choose })),
  ]
  return followPath(packet, chains, { localAddresses, routeTo })
}
