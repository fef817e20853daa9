/** The network as `net-conf.json` describes it. Pure. */
import {
  type Address,
  contains,
  formatAddress,
  formatSubnet,
  lastAddress,
  offsetAddress,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../component-base/ip-address.ts'
import { type BackendConfig, parseBackend } from './backend/config.ts'
import { type Family, families, familiesOf, familyFacts, type PerFamily, perFamily } from './family.ts'
import { ConfigError, type JsonFields, parseFields } from './json-fields.ts'

/** A network: its ranges, how they are cut into subnets, and its backend. */
export type NetworkConfig = {
  readonly networks: PerFamily<Subnet>
  readonly limits: PerFamily<SubnetLimits>
  readonly usesNftables: boolean
  readonly backend: BackendConfig
}

/** How an operator limits the subnets of a family; what is absent has a default. */
export type SubnetLimits = { readonly length?: number; readonly min?: Address; readonly max?: Address }

/** The subnets that may be leased: all of one length, from the first to the last. */
export type SubnetRange = { readonly length: number; readonly min: Address; readonly max: Address }

/** Names in net-conf.json and numbers by which the families differ. */
const names = {
  ipv4: {
    enable: 'EnableIPv4',
    network: 'Network',
    prefix: '',
    usual: 24,
    longest: 30,
    smallest: 28,
    small: 'network',
  },
  ipv6: {
    enable: 'EnableIPv6',
    network: 'IPv6Network',
    prefix: 'IPv6',
    usual: 64,
    longest: 126,
    smallest: 124,
    small: 'IPv6Network',
  },
} as const

/** Reads net-conf.json with upstream's field names and defaults. */
export function parseNetworkConfig(text: string): NetworkConfig {
  const fields = parseFields('Config', text)
  const enabled = families.filter((family) => fields.flag(names[family].enable, family === 'ipv4'))
  if (enabled.length === 0) throw new ConfigError('none defined stack')
  return {
    networks: perFamily(enabled, (family) => readNetwork(fields, family)),
    limits: perFamily(enabled, (family) => readLimits(fields, family)),
    usesNftables: fields.flag('EnableNFTables'),
    backend: parseBackend(fields.raw('Backend')),
  }
}

function readNetwork(fields: JsonFields, family: Family): Subnet {
  const { network } = names[family]
  const text = fields.text(network)
  const parsed = text === '' ? undefined : parseSubnet(text)
  if (text !== '' && parsed === undefined) throw new ConfigError(`invalid CIDR address: ${text}`)
  const isUsable = parsed !== undefined && parsed.base.bits === familyFacts[family].bits && parsed.prefix > 0
  if (!isUsable) throw new ConfigError(`please define a correct ${network} parameter in the flannel config`)
  return { base: parsed.base, prefix: parsed.prefix }
}

function readLimits(fields: JsonFields, family: Family): SubnetLimits {
  const { prefix } = names[family]
  const length = fields.whole(`${prefix}SubnetLen`, 0, 'uint')
  const address = (field: string): Address | undefined => {
    const text = fields.text(field)
    const parsed = text === '' ? undefined : parseAddress(text)
    if (text !== '' && parsed?.bits !== familyFacts[family].bits) throw new ConfigError('invalid IP address format')
    return parsed?.value === 0n ? undefined : parsed
  }
  const min = address(`${prefix}SubnetMin`)
  const max = address(`${prefix}SubnetMax`)
  return { ...(length > 0 && { length }), ...(min !== undefined && { min }), ...(max !== undefined && { max }) }
}

/** The subnets of each family that etcd's hosts may lease; throws where limits and network do not fit. */
export function subnetRanges(config: NetworkConfig): PerFamily<SubnetRange> {
  return perFamily(familiesOf(config.networks), (family) => {
    const network = config.networks[family]
    return network === undefined ? undefined : rangeOf(family, network, config.limits[family] ?? {})
  })
}

function rangeOf(family: Family, network: Subnet, limits: SubnetLimits): SubnetRange {
  const { prefix } = names[family]
  const length = subnetLength(family, network, limits.length)
  const size = 1n << BigInt(network.base.bits - length)
  // The first subnet is left out: its network address would be the network's own.
  const min = limits.min ?? offsetAddress(network.base, size)
  const max = limits.max ?? offsetAddress(lastAddress(network), 1n - size)
  for (const [field, bound] of [
    ['SubnetMin', min],
    ['SubnetMax', max],
  ] as const) {
    if (!contains(network, bound)) {
      throw new ConfigError(`${prefix}${field} is not in the range of the ${names[family].network}`)
    }
    if (bound.value % size !== 0n) {
      throw new ConfigError(`${prefix}${field} is not on a SubnetLen boundary: ${formatAddress(bound)}`)
    }
  }
  if (min.value > max.value) throw new ConfigError(`${prefix}SubnetMin is behind ${prefix}SubnetMax`)
  return { length, min, max }
}

function subnetLength(family: Family, { prefix }: Subnet, given: number | undefined): number {
  const { usual, longest, smallest, small } = names[family]
  if (given !== undefined) {
    if (given > longest) throw new ConfigError(`SubnetLen must be less than /${longest + 1}`)
    if (given < prefix + 2) throw new ConfigError('network must be able to accommodate at least four subnets')
    return given
  }
  if (prefix > smallest) {
    throw new ConfigError(`${small} is too small. Minimum useful network prefix is /${smallest}`)
  }
  return prefix <= usual - 2 ? usual : prefix + 2
}

/** The network as texts for logs. */
export function describeNetwork({ networks, backend }: NetworkConfig): Readonly<Record<string, string>> {
  const texts = families.flatMap((family) => networks[family] ?? []).map(formatSubnet)
  return { network: texts.join(','), backend: backend.type }
}
