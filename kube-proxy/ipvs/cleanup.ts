/** Takes everything of mode ipvs out of the kernel, ours or upstream's. The device tells whether there is anything. */

import { NetlinkUnavailableError } from '../../component-base/netlink/message.ts'
import { diffIpsets } from '../../netfilter/ipset.ts'
import type { Family, Iptables } from '../../netfilter/iptables.ts'
import { parseSave, renderRemoval } from '../../netfilter/iptables-restore.ts'
import {
  type Connections,
  diffVirtualServers,
  ipOfAddress,
  type VirtualServer,
  type VirtualServers,
} from '../../netfilter/ipvs.ts'
import type { Chains, Table } from '../../netfilter/ruleset.ts'
import type { ModeName } from '../mode.ts'
import { type IpvsTools, ownServers, ownSets } from './applier.ts'
import { diffAddresses, type ServiceDevice } from './device.ts'
import { chains } from './rules.ts'

export type CleanUpOptions = {
  readonly family: Family
  readonly tools: IpvsTools
  readonly iptables: Iptables
  readonly excludeCidrs: readonly string[]
  /** The mode that has taken over, if one has. */
  readonly next: ModeName | undefined
}

/** Mode iptables has chains of these names too, and has written its own rules into them. */
const sharedChains: ReadonlySet<string> = new Set([
  ...[chains.services, chains.postrouting, chains.markMasquerade, chains.forward, chains.proxyFirewall],
])
const ownChains: Readonly<Record<'filter' | 'nat', readonly string[]>> = {
  nat: [chains.services, chains.postrouting, chains.nodePort, chains.loadBalancer, chains.markMasquerade],
  filter: [
    ...[chains.forward, chains.nodePort, chains.proxyFirewall, chains.sourceRanges, chains.filter, chains.outFilter],
  ],
}

/**
 * First what takes packets (addresses, servers), then rules, then the sets that the rules refer to.
 *
 * A connection that IPVS has taken needs its virtual server, and the address, for as long as it lives: no other mode would know where its
 * packets go. When a mode has taken over, such servers stay, with weight 0: new connections meet the rules of that mode before they would
 * meet IPVS. Resolves to whether all is gone.
 */
export async function cleanUpIpvs(options: CleanUpOptions, signal: AbortSignal): Promise<boolean> {
  const { family, tools } = options
  const addresses = await addressesOf(tools.device, family)
  const isGone = addresses === undefined || (await removeServers(options, addresses, signal))
  await removeRules(options, signal)
  const sets = await tools.ipset.save(signal).catch((error: unknown) => {
    signal.throwIfAborted()
    // No tool or no such thing in the kernel: then there are no sets either.
    if (error instanceof Error) return new Map()
    throw error
  })
  await tools.ipset.restore(diffIpsets(ownSets(sets, family), new Map()).removals, signal)
  return isGone
}

async function removeServers(
  { family, tools, excludeCidrs, next }: CleanUpOptions,
  addresses: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<boolean> {
  const { servers, connections } = await tools.ipvs.list('all', signal)
  const own = ownServers(servers, { family, wanted: new Map(), excludeCidrs })
  const kept = next === undefined ? new Map<string, VirtualServer>() : connectedServers(own, connections)
  const keptIps = new Set([...kept.values()].map(({ address }) => ipOfAddress(address)))
  const stay = new Set([...addresses].filter((ip) => keptIps.has(ip)))
  const { additions, removals } = diffVirtualServers(own, new Map(), kept)
  await tools.ipvs.apply(additions, signal)
  await tools.device.change(diffAddresses(addresses, stay).removals, signal)
  await tools.ipvs.apply(removals, signal)
  if (kept.size > 0) return false
  const others = await tools.device.addresses(family === 'ip' ? 'ip6' : 'ip')
  if (others?.size === 0) await tools.device.remove()
  return true
}

/** The virtual servers that have established connections, set to take no new ones. */
export function connectedServers(servers: VirtualServers, connections: Connections): VirtualServers {
  const isConnected = (key: string) => [...(connections.get(key)?.values() ?? [])].some(({ active }) => active > 0)
  return new Map(
    [...servers]
      .filter(([key]) => isConnected(key))
      .map(([key, server]) => [
        key,
        { ...server, realServers: new Map([...server.realServers.keys()].map((address) => [address, 0])) },
      ]),
  )
}

/** Where nothing can be looked up, nothing of ours can be there. */
async function addressesOf(device: ServiceDevice, family: Family): Promise<ReadonlySet<string> | undefined> {
  try {
    return await device.addresses(family)
  } catch (error) {
    if (error instanceof NetlinkUnavailableError) return undefined
    throw error
  }
}

async function removeRules({ iptables, next }: CleanUpOptions, signal: AbortSignal): Promise<void> {
  const present = new Map<Table, Chains>()
  for (const table of ['filter', 'nat'] as const) {
    const saved = parseSave(await iptables.save(table, signal)).get(table)
    // Only together with a chain that no other mode has: else these are the chains of mode iptables.
    if (saved?.has(table === 'nat' ? chains.loadBalancer : chains.filter) === true) present.set(table, saved)
  }
  for (const script of renderIpvsRemoval(present, next)) await iptables.restore(script, signal)
}

/** Jumps as often as they are there, and then the chains. */
export function renderIpvsRemoval(present: ReadonlyMap<Table, Chains>, next: ModeName | undefined): readonly string[] {
  const isKept = (chain: string) => next === 'iptables' && sharedChains.has(chain)
  const isGoing = (table: Table, chain: string) =>
    (table === 'nat' || table === 'filter') && ownChains[table].includes(chain) && !isKept(chain)
  // Mode iptables has jumps of its own, with other comments, into the firewall that both have.
  const isGoingRule = (rule: string) => next === 'iptables' && rule.includes('"kube-proxy firewall rules"')
  return renderRemoval(present, isGoing, isGoingRule)
}
