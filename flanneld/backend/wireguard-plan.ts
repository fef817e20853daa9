/** Tunnels and peers of WireGuard as text for `wg syncconf`, and whether the kernel has them already. Pure. */
import { contains, formatSubnet, parseAddress, parseSubnet, type Subnet } from '../../component-base/ip-address.ts'
import { type Family, familiesOf, type PerFamily } from '../family.ts'
import type { Lease, LeaseAttributes, Reach } from '../subnet/lease.ts'
import type { WireguardConfig } from './config.ts'
import { isKey, type KeyPair } from './wireguard-keys.ts'

/** One device and the families that travel in it. Names are upstream's. */
export type Tunnel = { readonly name: string; readonly port: number; readonly families: readonly Family[] }

/** Another host in a tunnel. */
export type Peer = { readonly publicKey: string; readonly endpoint: string; readonly allowedIps: readonly string[] }

/** The tunnels of a configuration. */
export function tunnelsOf(
  { mode, listenPort, listenPortV6 }: WireguardConfig,
  stack: readonly Family[],
): readonly Tunnel[] {
  if (mode !== 'separate') return [{ name: 'flannel-wg', port: listenPort, families: stack }]
  const tunnels = {
    ipv4: { name: 'flannel-wg', port: listenPort, families: ['ipv4'] },
    ipv6: { name: 'flannel-wg-v6', port: listenPortV6, families: ['ipv6'] },
  } as const
  return stack.map((family) => tunnels[family])
}

/** What this host publishes: its key, and for each family the port where it listens. */
export function wireguardAttributes(
  config: WireguardConfig,
  publicKey: string,
  publicIps: PerFamily<string>,
): LeaseAttributes {
  const half = (family: Family, port: number): PerFamily<Reach> => {
    const publicIp = publicIps[family]
    return publicIp === undefined ? {} : { [family]: { publicIp, backendData: { PublicKey: publicKey, Port: port } } }
  }
  // With one device for both families there is one port. Upstream publishes ListenPortV6 here, where nobody listens.
  const portV6 = config.mode === 'separate' ? config.listenPortV6 : config.listenPort
  return { ...half('ipv4', config.listenPort), ...half('ipv6', portV6), backendType: 'wireguard' }
}

/** The peers of a tunnel. Leases without a usable key or address are left out. */
export function peersOf(
  tunnel: Tunnel,
  leases: readonly Lease[],
  config: WireguardConfig,
  own: PerFamily<string>,
): readonly Peer[] {
  const peers = new Map<string, Peer>()
  for (const lease of leases) {
    if (lease.backendType !== 'wireguard') continue
    const outer = outerFamily(tunnel, lease, config, own)
    const peer = peerOf(tunnel, lease, outer)
    if (peer === undefined) continue
    const known = peers.get(peer.publicKey)
    // WireGuard knows a host by its key: two leases of one host are one peer.
    peers.set(peer.publicKey, { ...peer, allowedIps: [...new Set([...(known?.allowedIps ?? []), ...peer.allowedIps])] })
  }
  return [...peers.values()]
}

function peerOf(tunnel: Tunnel, lease: Lease, outer: Family): Peer | undefined {
  const reach = lease[outer]
  if (reach === undefined) return undefined
  const { PublicKey: key, Port: port } = dataOf(reach)
  if (!isKey(key)) return undefined
  const usablePort = typeof port === 'number' && port > 0 && port < 65_536 ? port : tunnel.port
  const endpoint = outer === 'ipv4' ? `${reach.publicIp}:${usablePort}` : `[${reach.publicIp}]:${usablePort}`
  const subnets = tunnel.families.flatMap((family) => lease[family]?.subnet ?? [])
  return { publicKey: key, endpoint, allowedIps: subnets.map(formatSubnet) }
}

function dataOf({ backendData }: Reach): Readonly<Record<string, unknown>> {
  return typeof backendData === 'object' && backendData !== null ? Object.fromEntries(Object.entries(backendData)) : {}
}

/** Over which family a host is reached: with separate tunnels the inner one. */
function outerFamily(tunnel: Tunnel, lease: Lease, { mode }: WireguardConfig, own: PerFamily<string>): Family {
  if (mode === 'ipv4' || mode === 'ipv6') return mode
  if (mode === 'separate') return tunnel.families[0] ?? 'ipv4'
  return autoFamily(lease, own)
}

/**
 * The family that is likelier to get through: IPv4 with a public address (everybody reaches the public internet over it),
 * IPv6 where both ends have a public one, else IPv4.
 */
function autoFamily({ ipv4, ipv6 }: Lease, own: PerFamily<string>): Family {
  if (ipv6 === undefined) return 'ipv4'
  if (ipv4 === undefined) return 'ipv6'
  if (!isPrivate(ipv4.publicIp) && own.ipv4 !== undefined) return 'ipv4'
  const isPublic6 = !isPrivate(ipv6.publicIp) && own.ipv6 !== undefined && !isPrivate(own.ipv6)
  return isPublic6 ? 'ipv6' : 'ipv4'
}

/** RFC 1918 and RFC 4193. */
const privateSubnets = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'].flatMap<Subnet>(
  (text) => parseSubnet(text) ?? [],
)

function isPrivate(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && privateSubnets.some((subnet) => contains(subnet, address))
}

/** The text for `wg syncconf`, which replaces what differs and leaves tunnels that stay alone. */
export function renderWireguard(
  tunnel: Tunnel,
  peers: readonly Peer[],
  { psk, keepaliveSeconds }: WireguardConfig,
  { privateKey }: KeyPair,
): string {
  const sections = peers.map(({ publicKey, endpoint, allowedIps }) => [
    '[Peer]',
    `PublicKey = ${publicKey}`,
    ...(psk === '' ? [] : [`PresharedKey = ${psk}`]),
    `Endpoint = ${endpoint}`,
    `AllowedIPs = ${allowedIps.join(', ')}`,
    ...(keepaliveSeconds > 0 ? [`PersistentKeepalive = ${keepaliveSeconds}`] : []),
    '',
  ])
  return ['[Interface]', `PrivateKey = ${privateKey}`, `ListenPort = ${tunnel.port}`, '', ...sections.flat()].join('\n')
}

/**
 * Whether `wg show DEVICE dump` tells of the same keys, port and peers. Endpoints are not compared: WireGuard itself
 * follows a host whose address changes.
 */
export function isInStep(
  dump: string,
  tunnel: Tunnel,
  peers: readonly Peer[],
  { psk, keepaliveSeconds }: WireguardConfig,
  { publicKey: own }: KeyPair,
): boolean {
  const [first = [], ...rest] = dump
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
  const observed = rest.map(([key, shared, , allowed = '', , , , keepalive]) => {
    return [key, shared, allowed.split(',').toSorted().join(), keepalive].join(' ')
  })
  const wanted = peers.map(({ publicKey, allowedIps }) => {
    const keepalive = keepaliveSeconds > 0 ? String(keepaliveSeconds) : 'off'
    return [publicKey, psk === '' ? '(none)' : psk, allowedIps.toSorted().join(), keepalive].join(' ')
  })
  const isDevice = first[1] === own && first[2] === String(tunnel.port)
  return isDevice && observed.toSorted().join('\n') === wanted.toSorted().join('\n')
}

/** The families of a lease that a tunnel carries. */
export function carried(tunnel: Tunnel, lease: Lease): readonly Family[] {
  return familiesOf(lease).filter((family) => tunnel.families.includes(family))
}
