/** The `Backend` part of net-conf.json: which backend, with which options. Names and defaults are upstream's. Pure. */
import { ConfigError, JsonFields } from '../json-fields.ts'

/** How packets travel between hosts. */
export type BackendConfig =
  | { readonly type: 'udp'; readonly port: number }
  | { readonly type: 'host-gw' }
  | VxlanConfig
  | { readonly type: 'ipip'; readonly directRouting: boolean }
  | WireguardConfig
  | ExtensionConfig
  | { readonly type: 'alloc' }

/** Options of the vxlan backend. */
export type VxlanConfig = {
  readonly type: 'vxlan'
  readonly vni: number
  readonly port: number
  readonly directRouting: boolean
  readonly gbp: boolean
  readonly learning: boolean
  /** Of the packets on the wire; 0: what the device below has. */
  readonly mtu: number
}

/** One tunnel for each family, or one for both, whose ends are reached over the family that the mode names. */
export type WireguardMode = 'separate' | 'auto' | 'ipv4' | 'ipv6'

/** Options of the wireguard backend. */
export type WireguardConfig = {
  readonly type: 'wireguard'
  readonly listenPort: number
  readonly listenPortV6: number
  /** Of the packets on the wire; 0: what the device below has. */
  readonly mtu: number
  readonly psk: string
  readonly keepaliveSeconds: number
  readonly mode: WireguardMode
}

/** Commands of the extension backend; empty ones are not run. */
export type ExtensionConfig = {
  readonly type: 'extension'
  readonly preStartup: string
  readonly postStartup: string
  readonly shutdown: string
  readonly subnetAdd: string
  readonly subnetRemove: string
}

const largestVni = 2 ** 24 - 1
const largestPort = 65_535

/** Reads the backend; none at all is `udp`. */
export function parseBackend(value: unknown): BackendConfig {
  if (value === undefined) return { type: 'udp', port: 8285 }
  const type = new JsonFields('', value).text('Type').toLowerCase()
  switch (type) {
    case 'udp': {
      return { type, port: port(new JsonFields('', value), 'Port', 8285) }
    }
    case 'host-gw':
    case 'alloc':
      return { type }
    case 'vxlan':
      return parseVxlan(new JsonFields('VXLANConfig', value))
    case 'ipip':
      return { type, directRouting: new JsonFields('', value).flag('DirectRouting') }
    case 'wireguard':
      return parseWireguard(new JsonFields('', value))
    case 'extension':
      return parseExtension(new JsonFields('', value))
    case 'ipsec':
    case 'tencent-vpc':
      throw new ConfigError(`backend type ${type} of upstream's flannel is not part of this flanneld`)
    default:
      throw new ConfigError(`unknown backend type: ${type}`)
  }
}

function parseVxlan(fields: JsonFields): VxlanConfig {
  const vni = fields.whole('vni', 1)
  if (vni < 0 || vni > largestVni) throw new ConfigError(`VNI ${vni} is not between 0 and ${largestVni}`)
  return {
    type: 'vxlan',
    vni,
    // 0 is the kernel's own choice, which is not the port that IANA has assigned.
    port: port(fields, 'port', 0) || 8472,
    directRouting: fields.flag('directRouting'),
    gbp: fields.flag('gbp'),
    learning: fields.flag('learning'),
    mtu: fields.whole('mtu', 0),
  }
}

function parseWireguard(fields: JsonFields): WireguardConfig {
  const mode = fields.text('Mode') || 'separate'
  if (mode !== 'separate' && mode !== 'auto' && mode !== 'ipv4' && mode !== 'ipv6') {
    throw new ConfigError('no valid Mode configured')
  }
  return {
    type: 'wireguard',
    listenPort: port(fields, 'ListenPort', 51_820),
    listenPortV6: port(fields, 'ListenPortV6', 51_821),
    mtu: fields.whole('MTU', 0),
    psk: fields.text('PSK'),
    keepaliveSeconds: fields.whole('PersistentKeepaliveInterval', 0, 'time.Duration'),
    mode,
  }
}

function parseExtension(fields: JsonFields): ExtensionConfig {
  return {
    type: 'extension',
    preStartup: fields.text('PreStartupCommand'),
    postStartup: fields.text('PostStartupCommand'),
    shutdown: fields.text('ShutdownCommand'),
    subnetAdd: fields.text('SubnetAddCommand'),
    subnetRemove: fields.text('SubnetRemoveCommand'),
  }
}

function port(fields: JsonFields, field: string, fallback: number): number {
  const value = fields.whole(field, fallback)
  if (value < 0 || value > largestPort) throw new ConfigError(`${field} ${value} is not a port`)
  return value
}
