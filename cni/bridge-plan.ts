/** What the bridge plugin writes into the kernel, as lines of `ip -batch`. Pure. */
import { createHash } from 'node:crypto'
import { type Address, formatAddress, offsetAddress, parseSubnet } from '../component-base/ip-address.ts'
import { hardwareAddress } from './hardware-address.ts'
import { CniError, type IpConfig, type JsonMap, type NetworkConfig, type Result } from './protocol.ts'

/** The configuration of a bridge network, with upstream's field names and defaults. */
export type BridgeConfig = {
  readonly bridge: string
  readonly isGateway: boolean
  readonly isDefaultGateway: boolean
  readonly ipMasq: boolean
  readonly hairpinMode: boolean
  readonly promiscMode: boolean
  readonly mtu: number
  readonly mac: string
  /** The type of the address plugin; empty for a bridge without addresses. */
  readonly ipamType: string
  /** Where to wait for the pod's NetworkPolicies; empty: nowhere. Ours, upstream has no such field. */
  readonly policySocket: string
}

/** Reads the fields of a bridge configuration. */
export function parseBridgeConfig(config: NetworkConfig, args: Readonly<Record<string, string>>): BridgeConfig {
  const text = (field: string): string => (typeof config[field] === 'string' ? config[field] : '')
  const isDefaultGateway = config['isDefaultGateway'] === true
  const bridge = text('bridge') === '' ? 'cni0' : text('bridge')
  const hairpinMode = config['hairpinMode'] === true
  const promiscMode = config['promiscMode'] === true
  if (hairpinMode && promiscMode) {
    throw new CniError('invalidNetworkConfig', 'cannot set hairpin mode and promiscuous mode at the same time.')
  }
  if (bridge.length > 15 || /[/:\s]/.test(bridge)) {
    throw new CniError('invalidNetworkConfig', `invalid bridge name "${bridge}"`)
  }
  return {
    bridge,
    isGateway: isDefaultGateway || config['isGateway'] === true,
    isDefaultGateway,
    ipMasq: config['ipMasq'] === true,
    hairpinMode,
    promiscMode,
    mtu: typeof config['mtu'] === 'number' ? config['mtu'] : 0,
    mac: requestedMac(config, args),
    ipamType: String(map(config['ipam'])['type'] ?? ''),
    policySocket: text('policySocket'),
  }
}

function requestedMac(config: NetworkConfig, args: Readonly<Record<string, string>>): string {
  const asked = map(config['runtimeConfig'])['mac'] ?? map(map(config['args'])['cni'])['mac'] ?? args['MAC'] ?? ''
  if (typeof asked !== 'string' || (asked !== '' && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(asked))) {
    throw new CniError('invalidNetworkConfig', `invalid MAC address: ${String(asked)}`)
  }
  return asked.toLowerCase()
}

function map(value: unknown): JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {}
}

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

/** The gateway of an address, which upstream takes from the subnet when the address plugin names none. */
export function gatewayOf(ip: IpConfig): string | undefined {
  if (ip.gateway !== undefined && ip.gateway !== '') return ip.gateway
  const parsed = parseSubnet(ip.address)
  return parsed === undefined ? undefined : formatAddress(offsetAddress(parsed.base, 1n))
}

/** Makes the bridge. Its address keeps it from borrowing one of its ports', which would change as pods come and go. */
export function planBridge(config: BridgeConfig, ips: readonly IpConfig[]): readonly string[] {
  const gateway = ips.map(gatewayOf).find((text) => text !== undefined)
  const parsed: Address | undefined = gateway === undefined ? undefined : parseSubnet(`${gateway}/32`)?.address
  const mac = parsed === undefined || !config.isGateway ? '' : ` address ${hardwareAddress(parsed)}`
  return [`link add name ${config.bridge}${mtuOption(config)}${mac} type bridge`]
}

/** Brings the bridge up and connects one container to it, from the host's side. */
export function planHost(config: BridgeConfig, attachment: Attachment): readonly string[] {
  const { bridge } = config
  const host = hostDeviceName(attachment.containerId, attachment.ifname)
  const mac = hostDeviceMac(attachment.containerId, attachment.ifname)
  const mtu = mtuOption(config)
  const peer = `peer name ${attachment.ifname}${mtu} address ${containerMac(config, attachment)} netns ${attachment.netns}`
  return [
    `link set dev ${bridge} up${config.promiscMode ? ' promisc on' : ''}`,
    ...(config.isGateway ? attachment.ips.flatMap((ip) => planGatewayAddress(bridge, ip)) : []),
    `link add name ${host}${mtu} address ${mac} type veth ${peer}`,
    // GC tells this network's devices from others' by the alias.
    `link set dev ${host} alias "${attachment.config.name} ${attachment.containerId}"`,
    `link set dev ${host} master ${bridge} up`,
    ...(config.hairpinMode ? [`link set dev ${host} type bridge_slave hairpin on`] : []),
  ]
}

function planGatewayAddress(bridge: string, ip: IpConfig): readonly string[] {
  const gateway = gatewayOf(ip)
  const prefix = ip.address.split('/')[1]
  if (gateway === undefined || prefix === undefined) return []
  const options = gateway.includes(':') ? ' nodad' : ` brd +`
  return [`address replace ${gateway}/${prefix}${options} dev ${bridge}`]
}

function mtuOption({ mtu }: BridgeConfig): string {
  return mtu > 0 ? ` mtu ${mtu}` : ''
}

/** Addresses and routes inside the container. */
export function planContainer(config: BridgeConfig, attachment: Attachment): readonly string[] {
  const { ifname, ips } = attachment
  return [
    ...ips.map((ip) => `address add ${ip.address} ${ip.address.includes(':') ? 'nodad' : 'brd +'} dev ${ifname}`),
    `link set dev ${ifname} up`,
    ...routesOf(config, attachment).map(({ dst, gw, mtu, priority }) => {
      const metric = priority === undefined ? '' : ` metric ${priority}`
      return `route add ${dst}${gw === undefined ? '' : ` via ${gw}`} dev ${ifname}${mtu === undefined ? '' : ` mtu ${mtu}`}${metric}`
    }),
  ]
}

/** Every route of the container: the address plugin's through their gateways, and the default one where wanted. */
export function routesOf(config: BridgeConfig, { ips, routes }: Attachment): Result['routes'] {
  const viaOf = (dst: string): string | undefined => {
    const ip = ips.find(({ address }) => address.includes(':') === dst.includes(':'))
    return ip === undefined ? undefined : gatewayOf(ip)
  }
  const given = routes.map((route) => {
    const gw = route.gw ?? viaOf(route.dst)
    return { ...route, ...(gw !== undefined && { gw }) }
  })
  const defaults = config.isDefaultGateway
    ? ips.map(({ address }) => (address.includes(':') ? '::/0' : '0.0.0.0/0'))
    : []
  const missing = [...new Set(defaults)].filter((dst) => !given.some((route) => route.dst === dst))
  return [
    ...given,
    ...missing.map((dst) => {
      const gw = viaOf(dst)
      return { dst, ...(gw !== undefined && { gw }) }
    }),
  ]
}
