/** The configuration of the portmap plugin, with upstream's field names, defaults and refusals. Pure. */
import { isIP } from 'node:net'
import { type Family, familyOf } from './iptables.ts'
import {
  CniError,
  type IpConfig,
  isJsonMap,
  type JsonMap,
  type NetworkConfig,
  type Request,
  type Result,
  records,
} from './protocol.ts'

/** One host port. */
export type PortMapping = {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: string
  readonly hostIp: string
}

export type PortmapConfig = {
  readonly mappings: readonly PortMapping[]
  readonly snat: boolean
  readonly masqAll: boolean
  readonly markBit: number
  readonly externalSetMarkChain: string | undefined
  readonly conditions: Readonly<Record<Family, readonly string[]>>
  /** `undefined`: iptables, or nftables where there is no iptables. */
  readonly backend: 'iptables' | 'nftables' | undefined
}

/** Kubernetes uses 14 and 15, Calico 20 to 31. */
const defaultMarkBit = 13

/** Reads the configuration; throws for one that cannot work. */
export function parsePortmapConfig(config: NetworkConfig): PortmapConfig {
  const { markMasqBit, externalSetMarkChain, backend } = config
  if (typeof markMasqBit === 'number' && typeof externalSetMarkChain === 'string') {
    throw refusal('Cannot specify externalSetMarkChain and markMasqBit')
  }
  const markBit = typeof markMasqBit === 'number' ? markMasqBit : defaultMarkBit
  if (markBit < 0 || markBit > 31) throw refusal('MasqMarkBit must be between 0 and 31')
  const read: PortmapConfig = {
    mappings: parseMappings(config),
    snat: config['snat'] !== false,
    masqAll: config['masqAll'] === true,
    markBit,
    externalSetMarkChain: typeof externalSetMarkChain === 'string' ? externalSetMarkChain : undefined,
    conditions: { ip: texts(config['conditionsV4']), ip6: texts(config['conditionsV6']) },
    backend: parseBackend(backend),
  }
  refuseOthersOptions(read)
  return read
}

function refusal(message: string): CniError {
  return new CniError('invalidNetworkConfig', message)
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function parseBackend(value: unknown): PortmapConfig['backend'] {
  if (value === undefined || value === null) return undefined
  if (value === 'iptables' || value === 'nftables') return value
  throw refusal(`unrecognized backend "${String(value)}"`)
}

/** Conditions of iptables begin with `-` or `!`, those of nftables never do. */
function refuseOthersOptions({ backend = 'iptables', externalSetMarkChain, conditions }: PortmapConfig): void {
  const other = backend === 'iptables' ? 'nftables' : 'iptables'
  const isOthers = ([first = '']: readonly string[]): boolean =>
    first !== '' && (/^[-!]/.test(first) ? 'iptables' : 'nftables') === other
  const options = [
    ...(externalSetMarkChain !== undefined && other === 'iptables' ? ['externalSetMarkChain'] : []),
    ...(isOthers(conditions.ip) ? ['conditionsV4'] : []),
    ...(isOthers(conditions.ip6) ? ['conditionsV6'] : []),
  ]
  if (options.length === 0) return
  throw refusal(
    `${backend} backend was requested but configuration contains ${other}-specific options [${options.join(' ')}]`,
  )
}

/** Whether the runtime passes any port mappings. */
export function hasMappings({ runtimeConfig }: NetworkConfig): boolean {
  return isJsonMap(runtimeConfig) && records(runtimeConfig['portMappings']).length > 0
}

/** Port mappings that the runtime passes; an error for one that cannot work. */
export function parseMappings(config: NetworkConfig): readonly PortMapping[] {
  const runtime = config['runtimeConfig']
  return isJsonMap(runtime) ? records(runtime['portMappings']).map(parseMapping) : []
}

/** containerd writes `HostPort`, CRI-O `hostPort`: Go reads names without regard to case. */
function parseMapping(raw: JsonMap): PortMapping {
  const item = new Map(Object.entries(raw).map(([name, value]) => [name.toLowerCase(), value]))
  const hostPort = Number(item.get('hostport') ?? 0)
  const containerPort = Number(item.get('containerport') ?? 0)
  const hostIp = item.get('hostip')
  if (!isPort(containerPort)) throw refusal(`Invalid container port number: ${containerPort}`)
  if (!isPort(hostPort)) throw refusal(`Invalid host port number: ${hostPort}`)
  return {
    hostPort,
    containerPort,
    protocol: String(item.get('protocol') || 'tcp').toLowerCase(),
    hostIp: typeof hostIp === 'string' ? hostIp : '',
  }
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65_536
}

/** Mappings that one family serves: those for any address, and those for an address of that family. */
export function mappingsOf(family: Family, mappings: readonly PortMapping[]): readonly PortMapping[] {
  return mappings.filter(({ hostIp }) => hostIp === '' || (isIP(hostIp) !== 0 && familyOf(hostIp) === family))
}

/** Whether a mapping is for every address of the host. */
export function isForAny({ hostIp }: PortMapping): boolean {
  return hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::'
}

/** The container's first address of each family: of the device that is meant, where the result says which that is. */
export function addressesToMap(
  { ifname }: Pick<Request, 'ifname'>,
  { interfaces, ips }: Result,
): Readonly<Partial<Record<Family, IpConfig>>> {
  const isOwn = ({ interface: index }: IpConfig): boolean => {
    const device = index === undefined ? undefined : interfaces[index]
    return device === undefined || (device.name === ifname && (device.sandbox ?? '') !== '')
  }
  const own = ips.filter(isOwn)
  const [ip, ip6] = (['ip', 'ip6'] as const).map((family) => own.find(({ address }) => familyOf(address) === family))
  return { ...(ip !== undefined && { ip }), ...(ip6 !== undefined && { ip6 }) }
}
