/**
 * What the kernel has to know of other hosts to carry packets in VXLAN: for each a route to its
 * subnet by way of its tunnel end, that end's hardware address, and the host where that address
 * is. A diff of wanted and observed, for one family and its device. Pure.
 *
 *   10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink     route
 *   10.244.2.0 lladdr 0a:…                                neighbour
 *   0a:… dst 172.31.240.12                                forwarding entry
 */
import type { Subnet } from '../../component-base/ip-address.ts'
import type { Family } from '../family.ts'
import { firstAddress, planRoutes, type Route, renderRouteAction } from '../routes/plan.ts'
import type { Lease } from '../subnet/lease.ts'

/** The tunnel end of another host. */
export type Vtep = { readonly subnet: Subnet; readonly publicIp: string; readonly mac: string }

/** A permanent neighbour entry of the device. */
export type Neighbour = { readonly address: string; readonly mac: string }

/** A forwarding entry of the device. */
export type ForwardingEntry = { readonly mac: string; readonly host: string }

/** What the kernel has. */
export type VxlanState = {
  readonly routes: readonly Route[]
  readonly neighbours: readonly Neighbour[]
  readonly forwarding: readonly ForwardingEntry[]
}

/** What stays the same while the daemon runs. */
export type VxlanFacts = {
  readonly family: Family
  readonly device: string
  readonly external: string
  readonly network: Subnet
  /** Whether a host is on our link and may be reached without a tunnel. */
  readonly isDirect: (publicIp: string) => boolean
}

/** Lines of `ip -batch` and of `bridge -batch`, the latter to be run first. */
export type VxlanPlan = { readonly bridge: readonly string[]; readonly ip: readonly string[] }

/** Hosts with a usable tunnel end of a family in this virtual network. */
export function vtepsOf(leases: readonly Lease[], family: Family, vni: number): readonly Vtep[] {
  return leases.flatMap((lease) => {
    const { backendType, [family]: half } = lease
    if (backendType !== 'vxlan' || half === undefined) return []
    const { subnet, publicIp, backendData } = half
    if (typeof backendData !== 'object' || backendData === null) return []
    const fields = new Map<string, unknown>(Object.entries(backendData))
    const mac = fields.get('VtepMAC')
    const isOurs = fields.get('VNI') === undefined || fields.get('VNI') === vni
    return isOurs && isMac(mac) ? [{ subnet, publicIp, mac: mac.toLowerCase() }] : []
  })
}

/** Whether something is a hardware address as `ip` takes it. */
export function isMac(value: unknown): value is string {
  return typeof value === 'string' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value)
}

/** Names what to add, then what to take away. */
export function planVxlan(vteps: readonly Vtep[], observed: VxlanState, facts: VxlanFacts): VxlanPlan {
  const { family, device, external, network, isDirect } = facts
  const tunnelled = vteps.filter(({ publicIp }) => !isDirect(publicIp))
  const direct = vteps.filter(({ publicIp }) => isDirect(publicIp))
  const neighbours = tunnelled.map(({ subnet, mac }) => ({ address: firstAddress(subnet), mac }))
  const forwarding = tunnelled.map(({ mac, publicIp }) => ({ mac, host: publicIp }))
  const wantedRoutes = [
    ...tunnelled.map(({ subnet }) => ({ destination: subnet, via: firstAddress(subnet), device, isOnLink: true })),
    ...direct.map(({ subnet, publicIp }) => ({ destination: subnet, via: publicIp, device: external })),
  ]
  const owned = { networks: { [family]: network }, devices: [device, external] }
  const addresses = new Set(neighbours.map(({ address }) => address))
  const entries = new Set(forwarding.map(({ mac }) => mac))
  return {
    bridge: [
      ...missing(forwarding, observed.forwarding).map(
        ({ mac, host }) => `fdb replace ${mac} dev ${device} dst ${host}`,
      ),
      ...observed.forwarding
        .filter(({ mac }) => !entries.has(mac))
        .map(({ mac, host }) => `fdb delete ${mac} dev ${device} dst ${host}`),
    ],
    ip: [
      ...missing(neighbours, observed.neighbours).map(
        ({ address, mac }) => `neighbour replace ${address} lladdr ${mac} dev ${device} nud permanent`,
      ),
      ...planRoutes(wantedRoutes, observed.routes, owned).map(renderRouteAction),
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

/** Reads the answer of `bridge -json fdb show`: permanent entries that name a host. Learned ones are the kernel's. */
export function parseForwarding(value: unknown): readonly ForwardingEntry[] {
  if (!Array.isArray(value)) return []
  return value.flatMap(({ mac, dst, state }: Fields) => {
    const isOurs = state === 'permanent' && typeof mac === 'string' && typeof dst === 'string'
    return isOurs ? [{ mac, host: dst }] : []
  })
}
