/** What is wrong with a configuration, in upstream's words and order (pkg/proxy/apis/config/validation). */
import { isIP } from 'node:net'
import { parseSubnet } from '../component-base/ip-address.ts'

/** The values that are validated, under the names of upstream's internal type. */
export type ConfigValues = {
  readonly mode: string
  readonly iptablesMasqueradeBit: number
  readonly nftablesMasqueradeBit: number
  /** What is wrong with the part of mode ipvs; looked at in that mode only. */
  readonly ipvs: readonly string[]
  readonly conntrack: {
    readonly maxPerCore: number
    readonly min: number
    readonly tcpEstablishedTimeoutMs: number
    readonly tcpCloseWaitTimeoutMs: number
    readonly udpTimeoutMs: number
    readonly udpStreamTimeoutMs: number
  }
  readonly oomScoreAdj: number
  readonly burst: number
  readonly configSyncPeriodMs: number
  readonly syncPeriodMs: number
  readonly minSyncPeriodMs: number
  readonly bindAddress: string
  readonly healthzBindAddress: string
  readonly metricsBindAddress: string
  readonly nodePortAddresses: readonly string[]
  readonly detectLocalMode: string
  readonly clusterCidrs: readonly string[]
  readonly bridgeInterface: string
  readonly interfaceNamePrefix: string
}

const root = 'KubeProxyConfiguration'
const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix', '']
const modes = ['iptables', 'ipvs', 'nftables', '']

/** Every complaint; none when the configuration can be used. */
export function validateConfig(values: ConfigValues): readonly string[] {
  return [
    ...masqueradeBit('KubeProxyIPTablesConfiguration', values.iptablesMasqueradeBit),
    ...(values.mode === 'ipvs' ? values.ipvs : []),
    ...(values.mode === 'nftables'
      ? masqueradeBit('KubeProxyNFTablesConfiguration', values.nftablesMasqueradeBit)
      : []),
    ...linux(values),
    ...when(!modes.includes(values.mode), 'Mode.ProxyMode', JSON.stringify(values.mode), modeMessage),
    ...when(values.burst < 0, 'ClientConnection.Burst', values.burst, notNegative),
    ...periods(values),
    ...when(isIP(values.bindAddress) === 0, 'BindAddress', JSON.stringify(values.bindAddress), ipMessage),
    ...hostPort('HealthzBindAddress', values.healthzBindAddress),
    ...hostPort('MetricsBindAddress', values.metricsBindAddress),
    ...nodePortAddresses(values.nodePortAddresses),
    ...detectLocal(values),
  ]
}

const notNegative = 'must be greater than or equal to 0'
const ipMessage = 'not a valid textual representation of an IP address'
const modeMessage =
  'must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])'
const dualStackMessage =
  'must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]'

function when(isWrong: boolean, path: string, value: string | number, message: string): readonly string[] {
  return isWrong ? [`${root}.${path}: Invalid value: ${value}: ${message}`] : []
}

function masqueradeBit(part: string, bit: number): readonly string[] {
  return when(bit < 0 || bit > 31, `${part}.MasqueradeBit`, bit, 'must be within the range [0, 31]')
}

function linux({ conntrack, oomScoreAdj }: ConfigValues): readonly string[] {
  const path = 'KubeProxyLinuxConfiguration'
  const negative = (field: string, value: number) =>
    when(value < 0, `${path}.KubeProxyConntrackConfiguration.${field}`, value, notNegative)
  const early = (field: string, ms: number) =>
    when(ms < 0, `${path}.KubeProxyConntrackConfiguration.${field}`, goDuration(ms), notNegative)
  return [
    ...negative('MaxPerCore', conntrack.maxPerCore),
    ...negative('Min', conntrack.min),
    ...early('TCPEstablishedTimeout', conntrack.tcpEstablishedTimeoutMs),
    ...early('TCPCloseWaitTimeout', conntrack.tcpCloseWaitTimeoutMs),
    ...early('UDPTimeout', conntrack.udpTimeoutMs),
    ...early('UDPStreamTimeout', conntrack.udpStreamTimeoutMs),
    ...when(
      Math.abs(oomScoreAdj) > 1_000,
      `${path}.OOMScoreAdj`,
      oomScoreAdj,
      'must be within the range [-1000, 1000]',
    ),
  ]
}

function periods({ configSyncPeriodMs, syncPeriodMs, minSyncPeriodMs }: ConfigValues): readonly string[] {
  const positive = 'must be greater than 0'
  return [
    ...when(configSyncPeriodMs <= 0, 'ConfigSyncPeriod', goDuration(configSyncPeriodMs), positive),
    ...when(syncPeriodMs <= 0, 'SyncPeriod', goDuration(syncPeriodMs), positive),
    ...when(minSyncPeriodMs < 0, 'MinSyncPeriod', goDuration(minSyncPeriodMs), notNegative),
    ...when(
      minSyncPeriodMs > syncPeriodMs,
      'SyncPeriod',
      goDuration(minSyncPeriodMs),
      `must be greater than or equal to ${root}.MinSyncPeriod`,
    ),
  ]
}

/** Empty: that server is switched off. */
function hostPort(path: string, text: string): readonly string[] {
  if (text === '') return []
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined) return when(true, path, JSON.stringify(text), 'must be IP:port')
  const isPort = /^[+-]?\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
  return [
    ...when(isIP(host) === 0, path, JSON.stringify(host), 'must be a valid IP'),
    ...when(!isPort, path, JSON.stringify(port), 'must be a valid port'),
  ]
}

function nodePortAddresses(ranges: readonly string[]): readonly string[] {
  const primary = ranges.indexOf('primary')
  const checked = primary < 0 ? ranges : ranges.slice(0, primary)
  return [
    ...checked.flatMap((range, index) =>
      when(
        parseSubnet(range) === undefined,
        `NodePortAddresses[${index}]`,
        JSON.stringify(range),
        'must be a valid CIDR',
      ),
    ),
    ...when(
      primary >= 0 && ranges.length > 1,
      `NodePortAddresses[${primary}]`,
      '"primary"',
      "can't use both 'primary' and CIDRs",
    ),
  ]
}

function detectLocal(values: ConfigValues): readonly string[] {
  const { detectLocalMode: mode, clusterCidrs, bridgeInterface, interfaceNamePrefix } = values
  if (!localModes.includes(mode)) {
    const supported = localModes.map((each) => JSON.stringify(each)).join(', ')
    return [`${root}.DetectLocalMode: Unsupported value: ${JSON.stringify(mode)}: supported values: ${supported}`]
  }
  const path = 'DetectLocalConfiguration'
  const empty = 'must not be empty'
  if (mode === 'BridgeInterface') return when(bridgeInterface === '', `${path}.InterfaceName`, '""', empty)
  if (mode === 'InterfaceNamePrefix') return when(interfaceNamePrefix === '', `${path}.InterfacePrefix`, '""', empty)
  return mode === 'NodeCIDR' ? [] : clusterCidrErrors(clusterCidrs)
}

function clusterCidrErrors(cidrs: readonly string[]): readonly string[] {
  const path = 'DetectLocalConfiguration.ClusterCIDRs'
  const whole = () => when(true, path, JSON.stringify(cidrs), dualStackMessage)
  if (cidrs.length > 2) return whole()
  const invalid = cidrs.flatMap((cidr, index) =>
    when(
      parseSubnet(cidr) === undefined,
      `${path}[${index}]`,
      JSON.stringify(cidr),
      'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)',
    ),
  )
  const families = new Set(cidrs.map((cidr) => parseSubnet(cidr)?.base.bits))
  return invalid.length === 0 && cidrs.length === 2 && families.size === 1 ? whole() : invalid
}

/** As Go prints durations, in quotes: `"1m0s"`. */
export function goDuration(ms: number): string {
  const sign = ms < 0 ? '-' : ''
  const rest = Math.abs(ms)
  if (rest > 0 && rest < 1_000) return JSON.stringify(`${sign}${rest}ms`)
  const [hours, minutes] = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60]
  const seconds = `${(rest % 60_000) / 1_000}s`
  const text = hours > 0 ? `${hours}h${minutes}m${seconds}` : minutes > 0 ? `${minutes}m${seconds}` : seconds
  return JSON.stringify(`${sign}${text}`)
}
