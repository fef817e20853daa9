/** Routes and devices of one node, as a trace needs them. Pure. */
import { isIPv4 } from 'node:net'
import { isInside } from '../../netfilter/trace.ts'
import { isLocalAddress } from '../../netfilter/trace-path.ts'

export type Route = {
  /** A subnet; `0.0.0.0/0` and `::/0` are the default routes. */
  readonly to: string
  readonly device: string
  readonly via: string | undefined
  /** The address that packets of the node itself get. */
  readonly source: string | undefined
}

/** A way to other nodes that wraps packets; `undefined` port: a protocol without ports. */
export type Tunnel = { readonly backend: string; readonly protocol: string; readonly port: number | undefined }
export type Device = {
  readonly name: string
  readonly type: 'bridge' | 'tunnel' | 'loopback' | 'other'
  readonly addresses: readonly string[]
  readonly tunnel: Tunnel | undefined
}

export type NodeNetwork = {
  readonly source: 'kernel' | 'rendered'
  readonly addresses: readonly string[]
  readonly routes: readonly Route[]
  readonly devices: readonly Device[]
  /** Whether rules see what a bridge passes between its ports. */
  readonly seesBridged: boolean
}

/** The route that the kernel would take; `undefined`: there is none, and the packet is lost. */
export function routeFor(network: Pick<NodeNetwork, 'routes' | 'addresses'>, ip: string): Route | undefined {
  if (isLocalAddress(ip, network.addresses)) return { to: ip, device: 'lo', via: undefined, source: ip }
  let best: Route | undefined
  for (const route of network.routes) {
    if (isInside(ip, route.to) && (best === undefined || prefixOf(route.to) > prefixOf(best.to))) best = route
  }
  return best
}

function prefixOf(cidr: string): number {
  const [ip = '', prefix] = cidr.split('/')
  return prefix === undefined ? (isIPv4(ip) ? 32 : 128) : Number(prefix)
}

/** The device of that name. */
export function deviceOf({ devices }: NodeNetwork, name: string): Device | undefined {
  return devices.find((device) => device.name === name)
}

/** The address that the node takes for packets on this route, when it sends or masquerades them. */
export function sourceOn(network: NodeNetwork, route: Route, destination: string): string | undefined {
  const isFamily = (ip: string) => isIPv4(ip) === isIPv4(destination)
  const own = (deviceOf(network, route.device)?.addresses ?? []).filter(isFamily)
  const near = own.find((ip) => !/^(127\.|fe80:|::1$)/.test(ip))
  return route.source ?? near ?? network.addresses.find((ip) => isFamily(ip) && !/^(127\.|fe80:|::1$)/.test(ip))
}

const udpPort = 8285
const vxlanPort = 8472
const wireguardPort = 51_820

/** The tunnel of a flannel backend by its name; `undefined` for those that only route. Ports are flannel's defaults. */
export function tunnelOf(backend: string): Tunnel | undefined {
  switch (backend) {
    case 'udp':
      return { backend, protocol: 'udp', port: udpPort }
    case 'vxlan':
      return { backend, protocol: 'udp', port: vxlanPort }
    case 'wireguard':
      return { backend, protocol: 'udp', port: wireguardPort }
    case 'ipip':
      return { backend, protocol: 'ipip', port: undefined }
    default:
      return undefined
  }
}
