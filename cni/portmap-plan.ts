/**
 * Host ports as nat rules, in upstream portmap's chains. Pure.
 *
 *   PREROUTING, OUTPUT ─(to an address of this host)─▶ CNI-HOSTPORT-DNAT ─(port)─▶ CNI-DN-xxxx ─▶ DNAT
 *                                     from the container itself or from localhost: mark, and then
 *   POSTROUTING ─▶ CNI-HOSTPORT-MASQ ─(mark)─▶ MASQUERADE
 */
import { formatSubnet, parseSubnet } from '../component-base/ip-address.ts'
import { type Family, familyOf, planRemoval, quoteComment } from './iptables.ts'
import { CniError, isJsonMap, type NetworkConfig, records } from './protocol.ts'

/** One host port. */
export type PortMapping = {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: string
  readonly hostIp: string
}

/** The container's side of all of its host ports, for one family. */
export type PortmapInput = {
  readonly family: Family
  readonly chain: string
  readonly comment: string
  /** The container's address with its prefix. */
  readonly address: string
  readonly mappings: readonly PortMapping[]
  readonly isMasqueraded: boolean
  readonly markBit: number
}

const dnat = 'CNI-HOSTPORT-DNAT'
const setMark = 'CNI-HOSTPORT-SETMARK'
const masq = 'CNI-HOSTPORT-MASQ'

/** Name of the chain that all host ports hang on. */
export const hostPortChain = dnat

/** Whether the runtime passes any port mappings. */
export function hasMappings({ runtimeConfig }: NetworkConfig): boolean {
  return isJsonMap(runtimeConfig) && records(runtimeConfig['portMappings']).length > 0
}

/** Port mappings that the runtime passes; an error for one that cannot work. */
export function parseMappings(config: NetworkConfig): readonly PortMapping[] {
  const runtime = config['runtimeConfig']
  if (!isJsonMap(runtime)) return []
  return records(runtime['portMappings']).map((raw) => {
    // containerd writes `HostPort`, CRI-O `hostPort`: Go reads names without regard to case.
    const item = new Map(Object.entries(raw).map(([name, value]) => [name.toLowerCase(), value]))
    const hostPort = Number(item.get('hostport') ?? 0)
    const containerPort = Number(item.get('containerport') ?? 0)
    const hostIp = item.get('hostip')
    if (!isPort(hostPort)) throw new CniError('invalidNetworkConfig', `Invalid host port number: ${hostPort}`)
    if (!isPort(containerPort))
      throw new CniError('invalidNetworkConfig', `Invalid container port number: ${containerPort}`)
    return {
      hostPort,
      containerPort,
      protocol: String(item.get('protocol') || 'tcp').toLowerCase(),
      hostIp: typeof hostIp === 'string' ? hostIp : '',
    }
  })
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value < 65_536
}

/** Mappings that one family serves: those for any address, and those for an address of that family. */
export function mappingsOf(family: Family, mappings: readonly PortMapping[]): readonly PortMapping[] {
  return mappings.filter(({ hostIp }) => {
    if (hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::') return hostIp === '' || familyOf(hostIp) === family
    return familyOf(hostIp) === family
  })
}

/** Everything to restore for one container, given a listing of the table. */
export function planPortmap(input: PortmapInput, listing: readonly string[]): readonly string[] {
  const { chain, comment, mappings } = input
  if (mappings.length === 0) return []
  return [
    ...planBase(input, listing),
    ...planRemoval(listing, [chain]).filter((line) => line.startsWith('-D ')),
    `:${chain} - [0:0]`,
    ...byProtocol(mappings).map(([protocol, ports]) => {
      return `-A ${dnat} -p ${protocol} -m comment --comment ${quoteComment(comment)} -m multiport --dports ${ports} -j ${chain}`
    }),
    ...mappings.flatMap((mapping) => planMapping(input, mapping)),
  ]
}

/** Chains shared by all containers, made once. `:chain` would empty one that exists, so only missing ones are named. */
function planBase({ family, isMasqueraded, markBit }: PortmapInput, listing: readonly string[]): readonly string[] {
  const mark = `0x${(2 ** markBit).toString(16)}`
  const local = `-m addrtype --dst-type LOCAL -j ${dnat}`
  const chains = [dnat, ...(isMasqueraded ? [setMark, masq] : [])]
  const rules = [
    `-A PREROUTING ${local}`,
    `-A OUTPUT ${local}`,
    ...(isMasqueraded
      ? [
          `-A ${setMark} -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}`,
          `-A ${masq} -m mark --mark ${mark}/${mark} -j MASQUERADE`,
          `-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j ${masq}`,
        ]
      : []),
  ].filter((rule) => !(family === 'ip6' && rule.startsWith('-A OUTPUT')))
  const missing = chains.filter((chain) => !listing.includes(`-N ${chain}`))
  return [...missing.map((chain) => `:${chain} - [0:0]`), ...rules.filter((rule) => !listing.includes(rule))]
}

/** `-m multiport` takes 15 ports at most. */
const portsPerRule = 15

function byProtocol(mappings: readonly PortMapping[]): readonly (readonly [string, string])[] {
  const protocols = [...new Set(mappings.map(({ protocol }) => protocol))].sort()
  return protocols.flatMap((protocol) => {
    const ports = [...new Set(mappings.filter((item) => item.protocol === protocol).map(({ hostPort }) => hostPort))]
    const sorted = ports.toSorted((a, b) => a - b)
    const parts = Array.from({ length: Math.ceil(sorted.length / portsPerRule) }, (_, i) => {
      return sorted.slice(i * portsPerRule, (i + 1) * portsPerRule).join(',')
    })
    return parts.map((part) => [protocol, part] as const)
  })
}

function planMapping(
  input: PortmapInput,
  { hostIp, hostPort, containerPort, protocol }: PortMapping,
): readonly string[] {
  const { family, chain, address, isMasqueraded } = input
  const subnet = parseSubnet(address)
  const text = address.split('/')[0] ?? ''
  const anyHost = hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::'
  const to = `-p ${protocol}${anyHost ? '' : ` -d ${hostIp}`}`
  const port = `-m ${protocol} --dport ${hostPort}`
  const target = family === 'ip6' ? `[${text}]:${containerPort}` : `${text}:${containerPort}`
  const sources = [subnet === undefined ? text : formatSubnet(subnet), ...(family === 'ip' ? ['127.0.0.1'] : [])]
  return [
    ...(isMasqueraded ? sources.map((source) => `-A ${chain} -s ${source} ${to} ${port} -j ${setMark}`) : []),
    `-A ${chain} ${to} ${port} -j DNAT --to-destination ${target}`,
  ]
}
