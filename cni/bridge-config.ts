/** The configuration of the bridge plugin, with upstream's field names, defaults and refusals. Pure. */
import { CniError, isJsonMap, type JsonMap, type NetworkConfig, readMap } from './protocol.ts'

/** Which program hides containers' addresses; `undefined`: iptables, or nftables where there is no iptables. */
export type MasqueradeBackend = 'iptables' | 'nftables' | undefined

/** The configuration of a bridge network. */
export type BridgeConfig = {
  readonly bridge: string
  readonly isGateway: boolean
  readonly isDefaultGateway: boolean
  readonly forceAddress: boolean
  readonly ipMasq: boolean
  readonly ipMasqBackend: string | undefined
  readonly hairpinMode: boolean
  readonly promiscMode: boolean
  readonly portIsolation: boolean
  readonly macspoofchk: boolean
  readonly enabledad: boolean
  readonly disableContainerInterface: boolean
  readonly preserveDefaultVlan: boolean
  readonly mtu: number
  /** 0 for none. */
  readonly vlan: number
  /** Ids of `vlanTrunk`, in order. */
  readonly vlans: readonly number[]
  readonly hasTrunk: boolean
  readonly mac: string
  /** The type of the address plugin; empty for a bridge without addresses. */
  readonly ipamType: string
  /** Where to wait for the pod's NetworkPolicies; empty: nowhere. Ours, upstream has no such field. */
  readonly policySocket: string
}

const maxVlan = 4094

/** Reads the fields of a bridge configuration. */
export function parseBridgeConfig(config: NetworkConfig, args: Readonly<Record<string, string>>): BridgeConfig {
  const text = (field: string): string => typed(config, field, 'string', '')
  const flag = (field: string): boolean => typed(config, field, 'bool', false)
  const isDefaultGateway = flag('isDefaultGateway')
  const isGateway = flag('isGateway')
  const bridge = text('bridge') || 'cni0'
  if (bridge.length > 15 || /[/:\s]/.test(bridge)) {
    throw new CniError('invalidNetworkConfig', `invalid bridge name "${bridge}"`)
  }
  const vlan = typed(config, 'vlan', 'int', 0)
  if (vlan < 0 || vlan > maxVlan) {
    throw new CniError('invalidNetworkConfig', `invalid VLAN ID ${vlan} (must be between 0 and ${maxVlan})`)
  }
  const trunk = config['vlanTrunk']
  return {
    bridge,
    isGateway: isDefaultGateway || isGateway,
    isDefaultGateway,
    forceAddress: flag('forceAddress'),
    ipMasq: flag('ipMasq'),
    ipMasqBackend: text('ipMasqBackend') || undefined,
    hairpinMode: flag('hairpinMode'),
    promiscMode: flag('promiscMode'),
    portIsolation: flag('portIsolation'),
    macspoofchk: flag('macspoofchk'),
    enabledad: flag('enabledad'),
    disableContainerInterface: flag('disableContainerInterface'),
    preserveDefaultVlan: flag('preserveDefaultVlan'),
    mtu: typed(config, 'mtu', 'int', 0),
    vlan,
    vlans: trunkVlans(trunk),
    hasTrunk: Array.isArray(trunk),
    mac: requestedMac(config, args),
    ipamType: String(readMap(config['ipam'])['type'] ?? ''),
    policySocket: text('policySocket'),
  }
}

/** What keeps a container from being added, but not from being removed. */
export function refuseContradictions(config: BridgeConfig): void {
  if (config.ipamType !== '' && config.disableContainerInterface) {
    throw new CniError('invalidNetworkConfig', 'cannot use IPAM when DisableContainerInterface flag is set')
  }
  if (config.hairpinMode && config.promiscMode) {
    throw new CniError('invalidNetworkConfig', 'cannot set hairpin mode and promiscuous mode at the same time')
  }
  if (config.mac !== '' && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(config.mac)) {
    throw new CniError('invalidNetworkConfig', `failed to make veth pair: address ${config.mac}: invalid MAC address`)
  }
  const { ipMasqBackend = '' } = config
  if (config.ipMasq && !['', 'iptables', 'nftables'].includes(ipMasqBackend)) {
    throw new CniError('invalidNetworkConfig', `unknown ipmasq backend "${ipMasqBackend}"`)
  }
}

type GoType = { readonly bool: boolean; readonly string: string; readonly int: number }
const typeOfGo = { bool: 'boolean', string: 'string', int: 'number' } as const

/** A field as Go's decoder takes it: of its type, or an error in the decoder's words. */
function typed<Name extends keyof GoType>(
  config: JsonMap,
  field: string,
  type: Name,
  fallback: GoType[Name],
): GoType[Name] {
  const value = config[field]
  if (value === undefined || value === null) return fallback
  const isRight = typeof value === typeOfGo[type] && (type !== 'int' || Number.isInteger(value))
  // The check above is what the compiler cannot follow.
  if (isRight) return value as GoType[Name]
  const shown = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  throw new CniError(
    'decodingFailure',
    `failed to load netconf: json: cannot unmarshal ${shown} into Go struct field NetConf.${field} of type ${type}`,
  )
}

/** The one that the runtime gives wins over the one of the network's arguments, and that over the one of CNI_ARGS. */
function requestedMac(config: NetworkConfig, args: Readonly<Record<string, string>>): string {
  const candidates = [
    readMap(config['runtimeConfig'])['mac'],
    readMap(readMap(config['args'])['cni'])['mac'],
    args['MAC'],
  ]
  const asked = candidates.find((mac) => typeof mac === 'string' && mac !== '')
  return typeof asked === 'string' ? asked.toLowerCase() : ''
}

function trunkVlans(trunk: unknown): readonly number[] {
  if (!Array.isArray(trunk)) return []
  const ids = trunk.filter(isJsonMap).flatMap(({ minID, maxID, id }) => [...rangeOf(minID, maxID), ...single(id)])
  return [...new Set(ids)].sort((a, b) => a - b)
}

function rangeOf(minId: unknown, maxId: unknown): readonly number[] {
  const [hasMin, hasMax] = [typeof minId === 'number', typeof maxId === 'number']
  if (!hasMin && !hasMax) return []
  const together = 'minID and maxID should be configured simultaneously'
  if (!hasMin) throw trunkError(`${together}, minID is missing`)
  if (!hasMax) throw trunkError(`${together}, maxID is missing`)
  const [first, last] = [Number(minId), Number(maxId)]
  if (!isVlan(first)) throw trunkError('incorrect trunk minID parameter')
  if (!isVlan(last)) throw trunkError('incorrect trunk maxID parameter')
  if (last < first) throw trunkError('minID is greater than maxID in trunk parameter')
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

function single(id: unknown): readonly number[] {
  if (typeof id !== 'number') return []
  if (!isVlan(id)) throw trunkError('incorrect trunk id parameter')
  return [id]
}

function isVlan(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id <= maxVlan
}

function trunkError(message: string): CniError {
  return new CniError('invalidNetworkConfig', message)
}
