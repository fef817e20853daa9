/**
 * What the kernel has to know of other hosts to carry packets in VXLAN: for each a route to its
 * subnet by way of its tunnel end, that end's hardware address, and the host where that address
 * is. Nothing is learned from traffic. A diff of wanted and observed. Pure.
 *
 *   10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink     route
 *   10.244.2.0 lladdr 0a:…                                neighbour
 *   0a:… dst 172.31.240.12                                forwarding entry
 */
import { formatIpv4, type Subnet } from '../ipv4.ts'
import { planRoutes, type Route, renderRouteAction } from '../routes/plan.ts'
import type { Lease } from '../subnet/lease.ts'

/** Another host's tunnel end. */
export type Vtep = { readonly subnet: Subnet; readonly mac: string; readonly publicIp: string }

/** An address that is known by hardware address. */
export type Neighbour = { readonly address: string; readonly mac: string }

/** A hardware address that is known by host. */
export type ForwardingEntry = { readonly mac: string; readonly host: string }

/** What the kernel has for our device. */
export type VxlanState = {
  readonly routes: readonly Route[]
  readonly neighbours: readonly Neighbour[]
  readonly forwarding: readonly ForwardingEntry[]
}

/** What stays the same while the daemon runs. */
export type VxlanFacts = {
  readonly device: string
  readonly external: string
  readonly network: Subnet
  /** Whether a host is on our link, so that it needs no tunnel. */
  readonly isDirect: (publicIp: string) => boolean
}

/** Lines of `ip -batch` and of `bridge -batch`, the latter to be run first. */
export type VxlanPlan = { readonly bridge: readonly string[]; readonly ip: readonly string[] }

/** Hosts with a usable tunnel end in this virtual network. */
export function vtepsOf(leases: readonly Lease[], vni: number): readonly Vtep[] {
  return leases.flatMap(({ subnet, publicIp, backendType, backendData }) => {
    if (backendType !== 'vxlan' || typeof backendData !== 'object' || backendData === null) return []
    const fields = new Map<string, unknown>(Object.entries(backendData))
    const mac = fields.get('VtepMAC')
    const isOurs = fields.get('VNI') === undefined || fields.get('VNI') === vni
    const isMac = typeof mac === 'string' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)
    return isOurs && isMac ? [{ subnet, publicIp, mac: mac.toLowerCase() }] : []
  })
}

/** Names what to add, then what to take away. */
export function planVxlan(vteps: readonly Vtep[], observed: VxlanState, facts: VxlanFacts): VxlanPlan {
  const { device, external, network, isDirect } = facts
  const tunnelled = vteps.filter(({ publicIp }) => !isDirect(publicIp))
  const direct = vteps.filter(({ publicIp }) => isDirect(publicIp))
  const neighbours = tunnelled.map(({ subnet, mac }) => ({ address: formatIpv4(subnet.address), mac }))
  const forwarding = tunnelled.map(({ mac, publicIp }) => ({ mac, host: publicIp }))
  const wantedRoutes = [
    ...tunnelled.map(({ subnet }) => ({
      destination: subnet,
      via: formatIpv4(subnet.address),
      device,
      isOnLink: true,
    })),
    ...direct.map(({ subnet, publicIp }) => ({ destination: subnet, via: publicIp, device: external })),
  ]
  const routeActions = [device, external].flatMap((owned) =>
    planRoutes(wantedRoutes, observed.routes, { network, device: owned }),
  )
  const addresses = new Set(neighbours.map(({ address }) => address))
  const macs = new Set(forwarding.map(({ mac }) => mac))
  return {
    bridge: [
      ...missing(forwarding, observed.forwarding).map(
        ({ mac, host }) => `fdb replace ${mac} dev ${device} dst ${host}`,
      ),
      ...observed.forwarding
        .filter(({ mac }) => !macs.has(mac))
        .map(({ mac, host }) => `fdb delete ${mac} dev ${device} dst ${host}`),
    ],
    ip: [
      ...missing(neighbours, observed.neighbours).map(
        ({ address, mac }) => `neighbour replace ${address} lladdr ${mac} dev ${device} nud permanent`,
      ),
      ...new Set(routeActions.map(renderRouteAction)),
      ...observed.neighbours
        .filter(({ address }) => !addresses.has(address))
        .map(({ address, mac }) => `neighbour delete ${address} lladdr ${mac} dev ${device}`),
    ],
  }
}

function missing<T extends object>(wanted: readonly T[], present: readonly T[]): readonly T[] {
  const known = new Set(present.map((item) => JSON.stringify(Object.values(item))))
  return wanted.filter((item) => !known.has(JSON.stringify(Object.values(item))))
}

type Fields = Readonly<Record<string, unknown>>

/** Reads the answer of `ip -json neighbour show`: permanent entries only. */
export function parseNeighbours(value: unknown): readonly Neighbour[] {
  if (!Array.isArray(value)) return []
  return value.flatMap(({ dst, lladdr, state }: Fields) => {
    const isPermanent = Array.isArray(state) && state.includes('PERMANENT')
    return isPermanent && typeof dst === 'string' && typeof lladdr === 'string' ? [{ address: dst, mac: lladdr }] : []
  })
}

/** Reads the answer of `bridge -json fdb show`: entries that name a host. */
export function parseForwarding(value: unknown): readonly ForwardingEntry[] {
  if (!Array.isArray(value)) return []
  return value.flatMap(({ mac, dst }: Fields) => {
    return typeof mac === 'string' && typeof dst === 'string' && !dst.includes(':') ? [{ mac, host: dst }] : []
  })
}
