/** From the node and its ports to everything that mode ipvs has in the kernel. Pure; `planner.ts` remembers what it can. */
import { isIPv4 } from 'node:net'
import type { Ipset, Ipsets } from '../../netfilter/ipset.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { keyOf, type VirtualServer, type VirtualServers } from '../../netfilter/ipvs.ts'
import type { Block } from '../../netfilter/ruleset.ts'
import { renderOptionsOf } from '../iptables/options.ts'
import type { ModeSettings } from '../mode.ts'
import type { NodeState } from '../plan/node.ts'
import type { PlannedPort } from '../plan/planner.ts'
import { type IpvsSurroundings, type RenderedIpvs, renderIpvsPort } from './port.ts'
import { renderIpvsRules } from './rules.ts'
import { type SetKey, setKeys, setName, setType } from './sets.ts'
import type { IpvsSettings } from './settings.ts'

export type IpvsPlan = {
  readonly servers: VirtualServers
  readonly sets: Ipsets
  /** On `kube-ipvs0`. */
  readonly addresses: ReadonlySet<string>
  readonly rules: Block
}

export type IpvsInputs = {
  readonly node: NodeState
  readonly ports: readonly PlannedPort[]
  readonly settings: ModeSettings
  readonly ipvs: IpvsSettings
  /** All addresses of the node's interfaces, both families; those of `kube-ipvs0` do not count. */
  readonly hostIps: readonly string[]
}

/** The plan for one family. */
export function planIpvs(inputs: IpvsInputs): IpvsPlan {
  const surroundings = surroundingsOf(inputs)
  return assemble(
    inputs.ports.map((port) => renderIpvsPort(port, surroundings)),
    inputs,
  )
}

/** Everything from the renderings of all ports. */
export function assemble(rendered: readonly RenderedIpvs[], { node, settings }: IpvsInputs): IpvsPlan {
  const servers = new Map<string, VirtualServer>()
  const addresses = new Set<string>()
  const entries = new Map<SetKey, Set<string>>(setKeys.map((key) => [key, new Set()]))
  for (const port of rendered) {
    for (const server of port.servers) {
      const key = keyOf(server)
      // Two Services may claim one external address: the first one, in the order of their names, has it.
      if (!servers.has(key)) servers.set(key, server)
    }
    for (const [key, entry] of port.entries) entries.get(key)?.add(entry)
    for (const ip of port.bound) addresses.add(ip)
  }
  entries.set('bound', addresses)
  return {
    servers,
    addresses,
    sets: new Map([...entries].map(([key, values]) => [setName(key, node.family), ipsetOf(key, node.family, values)])),
    rules: renderIpvsRules({
      options: renderOptionsOf(node, settings),
      filled: new Set(setKeys.filter((key) => (entries.get(key)?.size ?? 0) > 0)),
      closedToNode: rendered.flatMap(({ closedToNode }) => closedToNode),
    }),
  }
}

/** The set of that name in the kernel. */
export function ipsetOf(key: SetKey, family: Family, entries: ReadonlySet<string>): Ipset {
  return { name: setName(key, family), type: setType(key), family, entries }
}

/** What the rendering of every port depends on. */
export function surroundingsOf({ node, ipvs, hostIps }: IpvsInputs): IpvsSurroundings {
  const own = [...new Set(hostIps.filter((ip) => isIPv4(ip) === (node.family === 'ip') && !isLinkLocal(ip)))].toSorted()
  const chosen = node.nodePortAddresses === 'all' ? own : node.nodePortAddresses
  return {
    scheduler: ipvs.scheduler,
    hostIps: own,
    nodePortIps: chosen.filter((ip) => !isLoopback(ip)),
    nodeIp: node.nodeIps[0],
  }
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.')
}

function isLinkLocal(ip: string): boolean {
  return /^fe[89ab]/.test(ip)
}
