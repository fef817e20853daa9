/** Routes to other hosts' subnets: a diff of what is wanted against what the kernel has. Pure. */
import { formatSubnet, includes, parseSubnet, type Subnet } from '../ipv4.ts'

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
 * Compares routes that lead out of `device` into `network` and nowhere else: those
 * are this backend's. New routes come before old ones go.
 */
export function planRoutes(
  wanted: readonly Route[],
  observed: readonly Route[],
  owned: { readonly network: Subnet; readonly device: string },
): readonly RouteAction[] {
  const keys = new Set(wanted.map(keyOf))
  const destinations = new Set(wanted.map(({ destination }) => formatSubnet(destination)))
  const present = new Set(observed.map(keyOf))
  const stale = observed.filter((route) => {
    const isOurs =
      route.device === owned.device && route.via !== undefined && includes(owned.network, route.destination)
    // `replace` has taken over a destination that stays.
    return isOurs && !keys.has(keyOf(route)) && !destinations.has(formatSubnet(route.destination))
  })
  return [
    ...wanted.filter((route) => !present.has(keyOf(route))).map((route) => ({ type: 'replace', route }) as const),
    ...stale.map((route) => ({ type: 'delete', route }) as const),
  ]
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

/** Reads the answer of `ip -json route show`. Entries that are no IPv4 unicast routes are left out. */
export function parseRoutes(value: unknown): readonly Route[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry: Readonly<Record<string, unknown>>) => {
    const { dst, gateway, dev, type } = entry
    if (typeof dst !== 'string' || typeof dev !== 'string' || type !== undefined) return []
    const destination = parseSubnet(dst.includes('/') ? dst : `${dst}/32`)
    if (destination === undefined) return []
    return [{ destination, ...(typeof gateway === 'string' && { via: gateway }), device: dev }]
  })
}
