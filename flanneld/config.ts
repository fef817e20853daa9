/** The network as `net-conf.json` describes it. Pure. */
import { formatSubnet, includes, maskOf, parseIpv4, parseSubnet, type Subnet } from './ipv4.ts'

/** How packets travel between hosts. */
export type BackendConfig =
  | { readonly type: 'udp'; readonly port: number }
  | { readonly type: 'host-gw' }
  | {
      readonly type: 'vxlan'
      readonly vni: number
      readonly port: number
      readonly directRouting: boolean
      readonly gbp: boolean
      /** 0: what the device below leaves room for. */
      readonly mtu: number
    }
  | { readonly type: 'alloc' }

/** A network: its range, how it is cut into subnets, and its backend. */
export type NetworkConfig = {
  readonly network: Subnet
  readonly subnetMin: number
  readonly subnetMax: number
  readonly subnetLen: number
  readonly backend: BackendConfig
}

/** A net-conf.json that cannot be used; the message says why. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Fields = Readonly<Record<string, unknown>>

/** Reads net-conf.json with upstream's field names and defaults. */
export function parseNetworkConfig(text: string): NetworkConfig {
  const raw = parseObject(text)
  const network = parseSubnet(textOf(raw['Network']))
  if (network === undefined) throw new ConfigError('please define a correct Network parameter in the flannel config')
  const subnetLen = chooseSubnetLength(network, raw['SubnetLen'])
  return { network, subnetLen, ...chooseBounds(network, subnetLen, raw), backend: parseBackend(raw['Backend']) }
}

function parseObject(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ConfigError('net-conf.json is not JSON', { cause: error })
  }
  if (!isFields(value)) throw new ConfigError('net-conf.json is not an object')
  return value
}

function chooseSubnetLength({ prefix }: Subnet, given: unknown): number {
  if (typeof given === 'number' && given > 0) {
    if (given > 30) throw new ConfigError('SubnetLen must be less than /31')
    if (given < prefix + 2) throw new ConfigError('network must be able to accommodate at least four subnets')
    return given
  }
  if (prefix > 28) throw new ConfigError('network is too small. Minimum useful network prefix is /28')
  return prefix <= 22 ? 24 : prefix + 2
}

function chooseBounds(network: Subnet, subnetLen: number, raw: Fields): Pick<NetworkConfig, 'subnetMin' | 'subnetMax'> {
  const size = 2 ** (32 - subnetLen)
  const bound = (field: string, fallback: number): number => {
    const text = textOf(raw[field])
    if (text === '') return fallback
    const value = parseIpv4(text)
    if (value === undefined || !includes(network, { address: value, prefix: 32 })) {
      throw new ConfigError(`${field} is not in the range of the Network`)
    }
    if ((value & maskOf(subnetLen)) >>> 0 !== value)
      throw new ConfigError(`${field} is not on a SubnetLen boundary: ${text}`)
    return value
  }
  // The first subnet is left out: its network address would be the network's own.
  const min = bound('SubnetMin', network.address + size)
  const max = bound('SubnetMax', network.address + 2 ** (32 - network.prefix) - size)
  if (min > max) throw new ConfigError('SubnetMin is behind SubnetMax')
  return { subnetMin: min, subnetMax: max }
}

function parseBackend(value: unknown): BackendConfig {
  const raw = isFields(value) ? value : {}
  const type = textOf(raw['Type']) === '' ? 'udp' : textOf(raw['Type'])
  switch (type) {
    case 'udp':
      return { type, port: numberOf(raw['Port'], 8285) }
    case 'host-gw':
    case 'alloc':
      return { type }
    case 'vxlan':
      return {
        type,
        vni: numberOf(raw['VNI'], 1),
        port: numberOf(raw['Port'], 8472),
        directRouting: raw['DirectRouting'] === true,
        gbp: raw['GBP'] === true,
        mtu: numberOf(raw['MTU'], 0),
      }
    default:
      throw new ConfigError(`unknown backend type: ${type}`)
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: unknown, fallback: number): number {
  return typeof value === 'number' && value > 0 ? value : fallback
}

/** The network as texts for logs. */
export function describeNetwork({ network, backend }: NetworkConfig): Readonly<Record<string, string>> {
  return { network: formatSubnet(network), backend: backend.type }
}
