/** Routes to other hosts' subnets: a diff of what is wanted against what the kernel has. Both families. Pure. */
import {
  covers,
  formatAddress,
  formatSubnet,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../component-base/ip-address.ts'
import { families, type PerFamily } from '../family.ts'

/** One route; without `via` its destination is on the link. */
export type Route = {
  readonly destination: Subnet
  readonly via?: string
  readonly device: string
  readonly isOnLink?: boolean
}

/** What to change, in this order. */
export type RouteAction = { readonly type: 'replace' | 'delete'; readonly route: Route }

/**
 * Compares routes that lead out of `devices` by way of a host into `networks` and nowhere else: those
 * are this backend's. New routes come before old ones go.
 */
export function planRoutes(
  wanted: readonly Route[],
  observed: readonly Route[],
  owned: { readonly networks: PerFamily<Subnet>; readonly devices: readonly string[] },
): readonly RouteAction[] {
  const keys = new Set(wanted.map(keyOf))
  const destinations = new Set(wanted.map(({ destination }) => formatSubnet(destination)))
  const present = new Set(observed.map(keyOf))
  const stale = observed.filter((route) => {
    const isOurs =
      owned.devices.includes(route.device) && route.via !== undefined && isWithin(owned.networks, route.destination)
    // `replace` has taken over a destination that stays.
    return isOurs && !keys.has(keyOf(route)) && !destinations.has(formatSubnet(route.destination))
  })
  return [
    ...wanted.filter((route) => !present.has(keyOf(route))).map((route) => ({ type: 'replace', route }) as const),
    ...stale.map((route) => ({ type: 'delete', route }) as const),
  ]
}

/** Whether a subnet lies in one of the networks. */
export function isWithin(networks: PerFamily<Subnet>, subnet: Subnet): boolean {
  return families.some((family) => {
    const network = networks[family]
    return network !== undefined && covers(network, subnet)
  })
}

function keyOf({ destination, via, device }: Route): string {
  return `${formatSubnet(destination)} ${via ?? ''} ${device}`
}

/** One line of `ip -batch`. */
export function renderRouteAction({ type, route }: RouteAction): string {
  const { destination, via, device, isOnLink } = route
  const onLink = isOnLink === true ? ' onlink' : ''
  return `route ${type} ${formatSubnet(destination)}${via === undefined ? '' : ` via ${via}`} dev ${device}${onLink}`
}

/** Reads the answer of `ip -json route show`. Entries that are no unicast routes to a subnet are left out. */
export function parseRoutes(value: unknown): readonly Route[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry: Readonly<Record<string, unknown>>) => {
    const { dst, gateway, dev, type } = entry
    if (typeof dst !== 'string' || typeof dev !== 'string' || type !== undefined) return []
    const destination = parseSubnet(dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`)
    if (destination === undefined) return []
    const { base, prefix } = destination
    return [{ destination: { base, prefix }, ...(typeof gateway === 'string' && { via: gateway }), device: dev }]
  })
}

/** Whether an address is on the link of a device, so that packets need no tunnel to get there. */
export function isOnLink(routes: readonly Route[], device: string, text: string): boolean {
  const address = parseAddress(text)
  if (address === undefined) return false
  const host = { base: address, prefix: address.bits }
  const best = routes
    .filter(({ destination }) => covers(destination, host))
    .reduce<Route | undefined>((longest, route) => {
      return longest === undefined || route.destination.prefix > longest.destination.prefix ? route : longest
    }, undefined)
  return best?.via === undefined && best?.device === device
}

/** The first address of a subnet, by which its host is known inside a tunnel. */
export function firstAddress({ base }: Subnet): string {
  return formatAddress(base)
}

/** The addresses in the answer of `ip -json address show`, each as a subnet of one address. */
export function parseAddresses(value: unknown): readonly Subnet[] {
  if (!Array.isArray(value)) return []
  return value.flatMap(({ addr_info: infos }: Readonly<Record<string, unknown>>) => {
    if (!Array.isArray(infos)) return []
    return infos.flatMap(({ local }: Readonly<Record<string, unknown>>) => {
      const base = typeof local === 'string' ? parseAddress(local) : undefined
      return base === undefined ? [] : [{ base, prefix: base.bits }]
    })
  })
}
