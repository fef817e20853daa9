/**
 * What one Service port needs: a virtual server for each of its addresses, and its entries in the sets.
 *
 *   cluster IP ── KUBE-CLUSTER-IP        external IP ── KUBE-EXTERNAL-IP (-LOCAL)
 *   load balancer ── KUBE-LOAD-BALANCER (-LOCAL, -FW and sources)        node port ── KUBE-NODE-PORT-TCP/UDP/SCTP (-LOCAL)
 */
import { contains, formatAddress, formatSubnet, parseAddress, parseSubnet } from '../../component-base/ip-address.ts'
import { joinAddress, type RealServers, type VirtualServer } from '../../netfilter/ipvs.ts'
import type { PlannedPort } from '../plan/planner.ts'
import { addressOf, type Endpoint } from '../state/endpoints.ts'
import type { ServicePort } from '../state/service-port.ts'
import type { SetKey } from './sets.ts'

/** What a port's servers depend on besides the port. */
export type IpvsSurroundings = {
  readonly scheduler: string
  /** Addresses of the node's interfaces but `kube-ipvs0`, of one family. */
  readonly hostIps: readonly string[]
  /** Those that serve node ports. */
  readonly nodePortIps: readonly string[]
  /** The node's own address; source ranges that hold it let the node through. */
  readonly nodeIp: string | undefined
}

export type RenderedIpvs = {
  readonly servers: readonly VirtualServer[]
  /** Addresses for `kube-ipvs0`. */
  readonly bound: readonly string[]
  readonly entries: readonly (readonly [set: SetKey, entry: string])[]
  /** Load balancers that the node itself may not use. */
  readonly closedToNode: readonly ClosedAddress[]
}
export type ClosedAddress = { readonly ip: string; readonly port: number; readonly protocol: string }

/** Every real server counts the same: upstream's weight. */
const weight = 1
const nodePortSets = {
  tcp: ['nodePortTcp', 'nodePortLocalTcp'],
  udp: ['nodePortUdp', 'nodePortLocalUdp'],
  sctp: ['nodePortSctp', 'nodePortLocalSctp'],
} as const satisfies Readonly<Record<string, readonly [SetKey, SetKey]>>

/** Renders a port. */
export function renderIpvsPort({ port, endpoints }: PlannedPort, surroundings: IpvsSurroundings): RenderedIpvs {
  const collected: Collected = { servers: [], bound: [], entries: [], closedToNode: [] }
  const serverAt = (ip: string, at: number, realServers: RealServers): VirtualServer => ({
    protocol: port.protocol,
    address: joinAddress(ip, at),
    scheduler: surroundings.scheduler,
    // Hashes the source port too, or all connections of a client would meet the same endpoint. Source: upstream, FlagSourceHash.
    schedulerFlags: surroundings.scheduler === 'mh' ? 'mh-port' : '',
    persistentSeconds: port.affinitySeconds,
    realServers,
  })
  const internal = realServersOf(pick(port.isInternalLocal, endpoints))
  // One object for all external addresses: thousands of node ports times addresses share it.
  const external = realServersOf(pick(port.isExternalLocal, endpoints))
  const bind = (ip: string) => {
    if (!surroundings.hostIps.includes(ip)) collected.bound.push(ip)
  }
  for (const { ip, port: at } of endpoints.reachable.filter(({ isLocal }) => isLocal).map(plain)) {
    collected.entries.push(['loopBack', `${entryOf(ip, at, port)},${ip}`])
  }
  const clusterIp = canonical(port.clusterIp)
  collected.entries.push(['clusterIp', entryOf(clusterIp, port.port, port)])
  collected.servers.push(serverAt(clusterIp, port.port, internal))
  collected.bound.push(clusterIp)
  for (const ip of port.externalIps.map(canonical)) {
    collected.entries.push([port.isExternalLocal ? 'externalIpLocal' : 'externalIp', entryOf(ip, port.port, port)])
    collected.servers.push(serverAt(ip, port.port, external))
    bind(ip)
  }
  for (const ip of port.loadBalancerIps.map(canonical)) {
    renderLoadBalancer(ip, port, surroundings, collected)
    collected.servers.push(serverAt(ip, port.port, external))
    bind(ip)
  }
  renderNodePort(port, surroundings, collected)
  if (port.nodePort !== 0) {
    for (const ip of surroundings.nodePortIps) collected.servers.push(serverAt(ip, port.nodePort, external))
  }
  if (port.healthCheckNodePort !== 0) {
    collected.entries.push(['healthCheckNodePort', String(port.healthCheckNodePort)])
  }
  return collected
}

type Collected = {
  readonly servers: VirtualServer[]
  readonly bound: string[]
  readonly entries: [SetKey, string][]
  readonly closedToNode: ClosedAddress[]
}

/**
 * Under policy Local without an endpoint here, external traffic goes to all endpoints with its own address as source: pods of this node
 * get their answer, the outside does not. Source: kubernetes/kubernetes#97081.
 */
function pick(isLocalOnly: boolean, { cluster, local }: PlannedPort['endpoints']): readonly Endpoint[] {
  return isLocalOnly && local.length > 0 ? local : cluster
}

function realServersOf(endpoints: readonly Endpoint[]): RealServers {
  return new Map(endpoints.map((endpoint) => [addressOf(plain(endpoint)), weight]))
}

function plain({ ip, port }: Endpoint): { readonly ip: string; readonly port: number } {
  return { ip: canonical(ip), port }
}

/** As the kernel prints it, so that what is read back compares equal. */
function canonical(ip: string): string {
  if (!ip.includes(':')) return ip
  const address = parseAddress(ip)
  return address === undefined ? ip : formatAddress(address)
}

function entryOf(ip: string, at: number, { protocol }: ServicePort): string {
  return `${ip},${protocol}:${at}`
}

function renderLoadBalancer(ip: string, port: ServicePort, { nodeIp }: IpvsSurroundings, collected: Collected): void {
  const entry = entryOf(ip, port.port, port)
  collected.entries.push(['loadBalancer', entry])
  if (port.isExternalLocal) collected.entries.push(['loadBalancerLocal', entry])
  const ranges = port.loadBalancerSourceRanges.flatMap((range) => parseSubnet(range) ?? [])
  if (ranges.length === 0) return
  collected.entries.push(['loadBalancerFirewall', entry])
  for (const range of ranges) {
    const isOne = range.prefix === range.base.bits
    collected.entries.push([
      'loadBalancerSourceCidr',
      // A single address is printed without its prefix length.
      `${entry},${isOne ? formatAddress(range.base) : formatSubnet(range)}`,
    ])
  }
  const own = nodeIp === undefined ? undefined : parseAddress(nodeIp)
  // From the node itself a packet has the load balancer's address as source as well: it is on kube-ipvs0.
  if (own !== undefined && ranges.some((range) => contains(range, own))) {
    collected.entries.push(['loadBalancerSourceIp', `${entry},${ip}`])
  } else collected.closedToNode.push({ ip, port: port.port, protocol: port.protocol })
}

function renderNodePort(port: ServicePort, { nodePortIps }: IpvsSurroundings, collected: Collected): void {
  if (port.nodePort === 0 || nodePortIps.length === 0) return
  const [all, local] = nodePortSets[port.protocol]
  // The kernel has no set of SCTP ports alone. Source: upstream, KUBE-NODE-PORT-SCTP-HASH.
  const entries =
    port.protocol === 'sctp' ? nodePortIps.map((ip) => entryOf(ip, port.nodePort, port)) : [String(port.nodePort)]
  for (const entry of entries) {
    collected.entries.push([all, entry])
    if (port.isExternalLocal) collected.entries.push([local, entry])
  }
}
