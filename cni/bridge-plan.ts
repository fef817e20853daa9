/** What the bridge plugin writes into the kernel, as lines of `ip -batch` and `bridge -batch`. Pure. */
import { createHash } from 'node:crypto'
import {
  type Address,
  contains,
  formatAddress,
  offsetAddress,
  overlaps,
  parseAddress,
  parseSubnet,
} from '../component-base/ip-address.ts'
import type { BridgeConfig } from './bridge-config.ts'
import { hardwareAddress } from './hardware-address.ts'
import { CniError, type IpConfig, type NetworkConfig, type Result, type Route } from './protocol.ts'

/** One container's place on the bridge. */
export type Attachment = {
  readonly config: NetworkConfig
  readonly containerId: string
  readonly ifname: string
  readonly netns: string
  readonly ips: readonly IpConfig[]
  readonly routes: Result['routes']
}

/**
 * The host end's name. It follows from the container, so that DEL and GC find
 * the device when its namespace is gone already.
 */
export function hostDeviceName(containerId: string, ifname: string): string {
  return `veth${createHash('sha256').update(`${containerId}\n${ifname}`).digest('hex').slice(0, 8)}`
}

/** The host end's hardware address, stable for the same reason. */
export function hostDeviceMac(containerId: string, ifname: string): string {
  const hex = createHash('sha256').update(`mac\n${containerId}\n${ifname}`).digest('hex')
  const bytes = [0, 2, 4, 6, 8].map((at) => hex.slice(at, at + 2))
  return ['02', ...bytes].join(':')
}

/** The container end's hardware address: what was asked for, or what follows from its first address. */
export function containerMac(config: BridgeConfig, attachment: Attachment): string {
  if (config.mac !== '') return config.mac
  const first = attachment.ips[0]
  const parsed = first === undefined ? undefined : parseSubnet(first.address)
  return parsed === undefined
    ? hostDeviceMac(`peer ${attachment.containerId}`, attachment.ifname)
    : hardwareAddress(parsed.address)
}

/** The addresses with the gateways that upstream takes from the subnet when the address plugin names none. */
export function withGateways({ isGateway }: BridgeConfig, ips: readonly IpConfig[]): readonly IpConfig[] {
  return ips.map((ip) => {
    const gateway = ip.gateway || (isGateway ? firstOf(ip.address) : undefined)
    return { address: ip.address, ...(gateway === undefined ? {} : { gateway }), interface: 2 }
  })
}

function firstOf(address: string): string | undefined {
  const parsed = parseSubnet(address)
  return parsed === undefined ? undefined : formatAddress(offsetAddress(parsed.base, 1n))
}

/** Makes the bridge. Its address keeps it from borrowing one of its ports', which would change as pods come and go. */
export function planBridge(config: BridgeConfig, ips: readonly IpConfig[]): readonly string[] {
  const gateway = ips.find((ip) => ip.gateway !== undefined)?.gateway
  const parsed: Address | undefined = gateway === undefined ? undefined : parseAddress(gateway)
  const mac = parsed === undefined || !config.isGateway ? '' : ` address ${hardwareAddress(parsed)}`
  const filtering = config.vlan !== 0 || config.hasTrunk ? ' vlan_filtering 1' : ''
  return [`link add name ${config.bridge}${mtuOption(config)}${mac} type bridge${filtering}`]
}

/** Brings the bridge up and connects one container to it, from the host's side. */
export function planHost(config: BridgeConfig, attachment: Attachment): readonly string[] {
  const { bridge } = config
  const host = hostDeviceName(attachment.containerId, attachment.ifname)
  const mac = hostDeviceMac(attachment.containerId, attachment.ifname)
  const mtu = mtuOption(config)
  const peer = `peer name ${attachment.ifname}${mtu} address ${containerMac(config, attachment)} netns ${attachment.netns}`
  const port = [...(config.hairpinMode ? ['hairpin on'] : []), ...(config.portIsolation ? ['isolated on'] : [])]
  return [
    `link set dev ${bridge} up${config.promiscMode ? ' promisc on' : ''}`,
    `link add name ${host}${mtu} address ${mac} type veth ${peer}`,
    // GC tells this network's devices from others' by the alias.
    `link set dev ${host} alias "${attachment.config.name} ${attachment.containerId}"`,
    `link set dev ${host} master ${bridge} up`,
    ...(port.length === 0 ? [] : [`link set dev ${host} type bridge_slave ${port.join(' ')}`]),
  ]
}

/** Lines of `bridge -batch` that put a port into its VLANs; `present` are those that the kernel has put it into. */
export function planVlans(
  { vlan, vlans, preserveDefaultVlan }: Pick<BridgeConfig, 'vlan' | 'vlans' | 'preserveDefaultVlan'>,
  port: string,
  present: readonly number[],
): readonly string[] {
  if (vlan === 0 && vlans.length === 0) return []
  // Without a VLAN of its own, what is not tagged goes to VLAN 1.
  const native = vlan === 0 ? 1 : vlan
  return [
    ...(preserveDefaultVlan ? [] : present).map((vid) => `vlan del vid ${vid} dev ${port} master`),
    ...vlans.map((vid) => `vlan add vid ${vid} dev ${port} master`),
    `vlan add vid ${native} dev ${port} pvid untagged master`,
  ]
}

/** The device that carries the gateway addresses: the bridge itself, or its own place in the containers' VLAN. */
export function gatewayDevice({ bridge, vlan }: Pick<BridgeConfig, 'bridge' | 'vlan'>): string {
  return vlan === 0 ? bridge : `${bridge}.${vlan}`
}

/** Makes the bridge's place in a VLAN: a pair of which one end is a port of the bridge. */
export function planVlanDevice(config: BridgeConfig): readonly string[] {
  const device = gatewayDevice(config)
  const port = vlanPortName(config)
  return [
    `link add name ${device}${mtuOption(config)} type veth peer name ${port}${mtuOption(config)}`,
    `link set dev ${port} master ${config.bridge} up`,
    `link set dev ${device} up`,
  ]
}

/** The port of the bridge behind `gatewayDevice`. */
export function vlanPortName(config: BridgeConfig): string {
  return hostDeviceName(config.bridge, gatewayDevice(config))
}

/**
 * Gives a device the gateway addresses that it lacks. IPv4 has one address; IPv6 several of subnets that do not overlap.
 * Throws where another address is in the way, unless it may be replaced.
 */
export function planGateways(
  { forceAddress }: Pick<BridgeConfig, 'forceAddress'>,
  device: string,
  present: readonly string[],
  ips: readonly IpConfig[],
): readonly string[] {
  const lines: string[] = []
  let now = present
  for (const ip of ips) {
    const wanted = `${ip.gateway ?? ''}/${ip.address.split('/')[1] ?? ''}`
    if (ip.gateway === undefined || now.includes(wanted)) continue
    const inTheWay = now.filter((address) => isInTheWay(address, wanted))
    if (inTheWay.length > 0 && !forceAddress) {
      const what = device.includes('.')
        ? 'failed to set vlan interface for bridge with addr'
        : 'failed to set bridge addr'
      throw new CniError('internal', `${what}: "${device}" already has an IP address different from ${wanted}`)
    }
    lines.push(...inTheWay.map((address) => `address delete ${address} dev ${device}`))
    lines.push(`address replace ${wanted} ${wanted.includes(':') ? 'nodad' : 'brd +'} dev ${device}`)
    now = [...now.filter((address) => !inTheWay.includes(address)), wanted]
  }
  return lines
}

function isInTheWay(present: string, wanted: string): boolean {
  const [a, b] = [parseSubnet(present), parseSubnet(wanted)]
  if (a === undefined || b === undefined || a.base.bits !== b.base.bits) return false
  return a.base.bits === 32 || overlaps(a, b) || contains(a, b.address)
}

function mtuOption({ mtu }: BridgeConfig): string {
  return mtu > 0 ? ` mtu ${mtu}` : ''
}

/** Addresses and routes inside the container. Nobody else has the addresses: duplicates are looked for only on demand. */
export function planContainer(config: BridgeConfig, attachment: Attachment): readonly string[] {
  const { ifname, ips } = attachment
  const own = config.enabledad ? '' : ' nodad'
  return [
    ...ips.map((ip) => `address add ${ip.address}${ip.address.includes(':') ? own : ' brd +'} dev ${ifname}`),
    `link set dev ${ifname} up`,
    ...planRoutes(attachment),
  ]
}

function planRoutes({ ifname, ips, routes }: Attachment): readonly string[] {
  const gatewayFor = (dst: string): string | undefined =>
    ips.find((ip) => ip.gateway !== undefined && ip.gateway.includes(':') === dst.includes(':'))?.gateway
  return routes.map((route) => {
    const gw = route.gw ?? gatewayFor(route.dst)
    const options = [
      ...(gw === undefined ? [] : ['via', gw]),
      ...['dev', ifname],
      ...(route.priority === undefined ? [] : ['metric', route.priority]),
      ...(route.table === undefined ? [] : ['table', route.table]),
      ...(route.scope === undefined ? [] : ['scope', route.scope]),
    ]
    return `route add ${route.dst} ${options.join(' ')}`
  })
}

const anywhere = ['0.0.0.0/0', '::/0'] as const

/** The container's routes: those of the address plugin, and the default ones where they are wanted and missing. */
export function routesOf(
  { isDefaultGateway }: Pick<BridgeConfig, 'isDefaultGateway'>,
  ips: readonly IpConfig[],
  routes: readonly Route[],
): Result['routes'] {
  if (!isDefaultGateway) return routes
  const missing = anywhere.flatMap((dst) => {
    const ip = ips.find(({ address }) => address.includes(':') === dst.includes(':'))
    // A default route without a gateway of its own gets the same one from the kernel's point of view.
    if (ip === undefined || routes.some((route) => route.dst === dst)) return []
    return [{ dst, ...(ip.gateway === undefined ? {} : { gw: ip.gateway }) }]
  })
  return [...routes, ...missing]
}
