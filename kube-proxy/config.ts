/** Reads `KubeProxyConfiguration` and the flags into one value, with upstream's names, defaults and refusals. */
import { isIPv6 } from 'node:net'
import type { JsonObject } from '../apimachinery/json.ts'
import { defineFlags, type FlagValues } from '../component-base/flags.ts'
import { ConfigError } from './config-error.ts'
import { booleanAt, durationAt, numberAt, objectAt, textAt, textsAt } from './config-fields.ts'
import { decodeFile } from './config-file.ts'
import { type ConfigValues, validateConfig } from './config-validation.ts'
import { ipvsFlags, ipvsSettingsOf } from './ipvs/config.ts'
import type { IpvsSettings } from './ipvs/settings.ts'
import type { ModeName } from './mode.ts'

export const flags = defineFlags({
  config: { type: 'string', default: '', description: 'The path to the configuration file.' },
  kubeconfig: { type: 'string', default: '', description: 'Path to kubeconfig file with authorization information.' },
  'hostname-override': { type: 'string', default: '', description: 'Name of the node, instead of the host name.' },
  'proxy-mode': {
    type: 'string',
    default: '',
    description: "Which proxy mode to use: on Linux this can be 'iptables' (default) or 'ipvs' or 'nftables'.",
  },
  'bind-address': { type: 'string', default: '0.0.0.0', description: 'Overrides the idea of what the node IP is.' },
  'cluster-cidr': { type: 'string', default: '', description: 'The CIDR range of the pods in the cluster.' },
  'detect-local-mode': {
    type: 'string',
    default: '',
    description: 'Mode to detect local traffic: ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix.',
  },
  'pod-bridge-interface': { type: 'string', default: '', description: 'Bridge of the pods, for BridgeInterface.' },
  'pod-interface-name-prefix': {
    type: 'string',
    default: '',
    description: 'Prefix of pod interfaces, for InterfaceNamePrefix.',
  },
  'masquerade-all': { type: 'boolean', default: false, description: 'SNAT all traffic sent via Service cluster IPs.' },
  'iptables-masquerade-bit': { type: 'number', default: 14, description: 'The bit of the fwmark space to mark with.' },
  'iptables-localhost-nodeports': {
    type: 'boolean',
    default: true,
    description: 'If false, disables the legacy behavior of allowing NodePort services to be accessed via localhost.',
  },
  'iptables-min-sync-period': { type: 'duration', default: 1_000, description: 'The minimum period between resyncs.' },
  'iptables-sync-period': { type: 'duration', default: 30_000, description: 'How often rules are checked.' },
  ...ipvsFlags,
  'nodeport-addresses': {
    type: 'strings',
    default: [],
    description: "CIDR ranges of the addresses that accept node ports, or 'primary'.",
  },
  'healthz-bind-address': {
    type: 'string',
    default: '0.0.0.0:10256',
    description: 'Address and port of the health check server; empty to disable.',
  },
  'metrics-bind-address': {
    type: 'string',
    default: '127.0.0.1:10249',
    description: 'Address and port of the metrics server; empty to disable.',
  },
  'conntrack-max-per-core': {
    type: 'number',
    default: 32_768,
    description: 'Maximum number of NAT connections to track per CPU core (0 to leave the limit as-is).',
  },
  'conntrack-min': {
    type: 'number',
    default: 131_072,
    description: 'Minimum number of conntrack entries to allocate, regardless of conntrack-max-per-core.',
  },
  'conntrack-tcp-timeout-established': {
    type: 'duration',
    default: 86_400_000,
    description: 'Idle timeout for established TCP connections (0 to leave as-is).',
  },
  'conntrack-tcp-timeout-close-wait': {
    type: 'duration',
    default: 3_600_000,
    description: 'NAT timeout for TCP connections in the CLOSE_WAIT state.',
  },
  'conntrack-tcp-be-liberal': {
    type: 'boolean',
    default: false,
    description: 'Do not mark out-of-window TCP segments invalid, and do not drop them.',
  },
  'policy-socket': {
    type: 'string',
    default: '',
    description: 'Unix socket where new pods wait for their NetworkPolicies; empty: they do not wait.',
  },
  'conntrack-udp-timeout': {
    type: 'duration',
    default: 0,
    description: 'Idle timeout for UNREPLIED UDP connections (0 to leave as-is).',
  },
  'conntrack-udp-timeout-stream': {
    type: 'duration',
    default: 0,
    description: 'Idle timeout for ASSURED UDP connections (0 to leave as-is).',
  },
  'oom-score-adj': { type: 'number', default: -999, description: 'The oom-score-adj value for the process.' },
  'config-sync-period': {
    type: 'duration',
    default: 900_000,
    description: 'Checked, and without effect: watches are resumed, not repeated.',
  },
  'kube-api-burst': {
    type: 'number',
    default: 10,
    description: 'Checked, and without effect: there are few requests.',
  },
  'kube-api-qps': { type: 'number', default: 5, description: 'Without effect: there are few requests.' },
  'kube-api-content-type': { type: 'string', default: '', description: 'Without effect: it is always JSON.' },
  'feature-gates': { type: 'string', default: '', description: 'Without effect: there are none.' },
  'init-only': {
    type: 'boolean',
    default: false,
    description: 'Set what needs all privileges (sysctls, modules), and exit.',
  },
  cleanup: { type: 'boolean', default: false, description: 'Remove the rules of kube-proxy and exit.' },
})

export type DetectLocal =
  | { readonly type: 'none' }
  | { readonly type: 'source'; readonly cidrs: readonly string[] }
  | { readonly type: 'nodeCidr' }
  | { readonly type: 'interface'; readonly name: string }
  | { readonly type: 'interfacePrefix'; readonly prefix: string }

export type ProxyConfig = {
  readonly mode: ModeName
  /** In mode ipvs. */
  readonly ipvs?: IpvsSettings
  readonly kubeconfig: string
  readonly hostnameOverride: string
  /** The node's primary address, where it is not what the Node object says. */
  readonly bindAddress: string | undefined
  readonly detectLocal: DetectLocal
  readonly masqueradeAll: boolean
  readonly masqueradeMark: string
  readonly localhostNodePorts: boolean
  readonly minSyncPeriodMs: number
  readonly syncPeriodMs: number
  /** Empty: all addresses. */
  readonly nodePortAddresses: readonly string[]
  readonly healthzBindAddress: string
  readonly metricsBindAddress: string
  readonly conntrack: {
    readonly maxPerCore: number
    readonly min: number
    readonly tcpTimeoutEstablishedMs: number
    readonly tcpTimeoutCloseWaitMs: number
    readonly udpTimeoutMs: number
    readonly udpStreamTimeoutMs: number
    readonly isTcpLiberal: boolean
  }
  readonly oomScoreAdj: number
  /** Empty: nobody waits. */
  readonly policySocket: string
  readonly initOnly: boolean
  readonly cleanup: boolean
  /** Fields of the file that nobody knows: upstream goes on with a warning. */
  readonly unknownFields: readonly string[]
}

type Values = FlagValues<typeof flags>
/** Takes a value from where the configuration comes from. `undefined` from the file means the default. */
type Pick = <T>(flag: keyof Values, fromFile: T | undefined, fromFlag: T) => T

const [healthzPort, metricsPort] = [10_256, 10_249]

/**
 * Reads flags, or the file when there is one: then flags do not count, but for `--hostname-override`, as upstream has it.
 * Throws `ConfigError`.
 */
export function parseConfig(
  values: Values,
  given: ReadonlySet<string>,
  file?: { readonly value: unknown },
): ProxyConfig {
  const { root, unknown } = file === undefined ? { root: {}, unknown: [] } : decodeFile(file.value)
  const pick: Pick = (flag, fromFile, fromFlag) =>
    file === undefined ? fromFlag : (fromFile ?? (flags[flag].default as typeof fromFlag))
  const hostname = values['hostname-override']
  if (given.has('hostname-override') && hostname !== '' && hostname.trim() === '') {
    throw new ConfigError('failed complete: empty hostname-override is invalid')
  }
  const errors: string[] = []
  const read = readValues(values, root, pick, errors)
  const complaints = validateConfig(read)
  if (complaints.length > 0) {
    throw new ConfigError(`failed validate: ${complaints.length === 1 ? complaints[0] : `[${complaints.join(', ')}]`}`)
  }
  const { mode, nodePortAddresses, bindAddress } = read
  const isNftables = mode === 'nftables'
  const part = objectAt(root, isNftables ? 'nftables' : 'iptables')
  const bit = isNftables ? read.nftablesMasqueradeBit : read.iptablesMasqueradeBit
  return {
    mode: isModeName(mode) ? mode : 'iptables',
    ...(mode === 'ipvs' ? { ipvs: ipvsSettingsOf(values, objectAt(root, 'ipvs'), pick, []) } : {}),
    kubeconfig: pick('kubeconfig', textAt(objectAt(root, 'clientConnection'), 'kubeconfig'), values.kubeconfig),
    hostnameOverride: hostname.trim() || (textAt(root, 'hostnameOverride') ?? ''),
    bindAddress: bindAddress === '0.0.0.0' || bindAddress === '::' ? undefined : bindAddress,
    detectLocal: detectLocalOf(read),
    masqueradeAll: pick('masquerade-all', booleanAt(part, 'masqueradeAll'), values['masquerade-all']),
    masqueradeMark: `0x${(2 ** bit).toString(16)}`,
    localhostNodePorts:
      mode !== 'ipvs' &&
      !isNftables &&
      pick(
        'iptables-localhost-nodeports',
        booleanAt(part, 'localhostNodePorts'),
        values['iptables-localhost-nodeports'],
      ),
    minSyncPeriodMs: read.minSyncPeriodMs,
    syncPeriodMs: read.syncPeriodMs,
    nodePortAddresses: isNftables && nodePortAddresses.length === 0 ? ['primary'] : nodePortAddresses,
    healthzBindAddress: read.healthzBindAddress,
    metricsBindAddress: read.metricsBindAddress,
    conntrack: {
      maxPerCore: read.conntrack.maxPerCore,
      min: read.conntrack.min,
      tcpTimeoutEstablishedMs: read.conntrack.tcpEstablishedTimeoutMs,
      tcpTimeoutCloseWaitMs: read.conntrack.tcpCloseWaitTimeoutMs,
      udpTimeoutMs: read.conntrack.udpTimeoutMs,
      udpStreamTimeoutMs: read.conntrack.udpStreamTimeoutMs,
      isTcpLiberal: pick(
        'conntrack-tcp-be-liberal',
        booleanAt(objectAt(root, 'conntrack'), 'tcpBeLiberal'),
        values['conntrack-tcp-be-liberal'],
      ),
    },
    oomScoreAdj: read.oomScoreAdj,
    policySocket: values['policy-socket'],
    initOnly: values['init-only'],
    cleanup: values.cleanup,
    unknownFields: unknown,
  }
}

/** Splits `0.0.0.0:10256`; `undefined` when the server is switched off. */
export function splitAddress(text: string): { readonly address: string; readonly port: number } | undefined {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (text === '' || port === 0) return undefined
  return { address: text.slice(0, colon).replace(/^\[|\]$/g, '') || '0.0.0.0', port }
}

function isModeName(mode: string): mode is ModeName {
  return mode === 'iptables' || mode === 'ipvs' || mode === 'nftables'
}

function readValues(values: Values, root: JsonObject, pick: Pick, errors: string[]): ConfigValues {
  const mode = pick('proxy-mode', textAt(root, 'mode'), values['proxy-mode'])
  const detect = objectAt(root, 'detectLocal')
  const number = (flag: NumberFlag, object: JsonObject, field: string) =>
    pick(flag, numberAt(object, field), values[flag])
  const bindAddress = pick('bind-address', textAt(root, 'bindAddress'), values['bind-address'])
  const cidrs = pick('cluster-cidr', textAt(root, 'clusterCIDR'), values['cluster-cidr'])
  const [bridge, prefix] = ['pod-bridge-interface', 'pod-interface-name-prefix'] as const
  const ipvs: string[] = []
  if (mode === 'ipvs') ipvsSettingsOf(values, objectAt(root, 'ipvs'), pick, ipvs)
  return {
    mode,
    iptablesMasqueradeBit: number('iptables-masquerade-bit', objectAt(root, 'iptables'), 'masqueradeBit'),
    // No flag leads there.
    nftablesMasqueradeBit: numberAt(objectAt(root, 'nftables'), 'masqueradeBit') ?? 14,
    ipvs,
    conntrack: conntrackOf(values, objectAt(root, 'conntrack'), pick, errors),
    oomScoreAdj: number('oom-score-adj', root, 'oomScoreAdj'),
    burst: number('kube-api-burst', objectAt(root, 'clientConnection'), 'burst'),
    configSyncPeriodMs: pick(
      'config-sync-period',
      durationAt(root, 'configSyncPeriod', errors, ''),
      values['config-sync-period'],
    ),
    ...periodsOf(mode, values, root, pick, errors),
    bindAddress,
    ...serversOf(values, root, pick, bindAddress),
    nodePortAddresses: pick('nodeport-addresses', textsAt(root, 'nodePortAddresses'), values['nodeport-addresses']),
    detectLocalMode: pick('detect-local-mode', textAt(root, 'detectLocalMode'), values['detect-local-mode']),
    clusterCidrs: cidrs === '' ? [] : cidrs.split(','),
    bridgeInterface: pick(bridge, textAt(detect, 'bridgeInterface'), values[bridge]),
    interfaceNamePrefix: pick(prefix, textAt(detect, 'interfaceNamePrefix'), values[prefix]),
  }
}

type NumberFlag =
  | 'iptables-masquerade-bit'
  | 'oom-score-adj'
  | 'kube-api-burst'
  | 'conntrack-max-per-core'
  | 'conntrack-min'

/** Each mode has its own part of the file. Mode nftables listens to the flags of iptables. */
function periodsOf(mode: string, values: Values, root: JsonObject, pick: Pick, errors: string[]) {
  const part = isModeName(mode) ? mode : 'iptables'
  const object = objectAt(root, part)
  const flagged = mode === 'ipvs' ? 'ipvs' : 'iptables'
  const [sync, minSync] = [`${flagged}-sync-period`, `${flagged}-min-sync-period`] as const
  return {
    syncPeriodMs: pick(sync, durationAt(object, 'syncPeriod', errors, part), values[sync]),
    minSyncPeriodMs: pick(minSync, durationAt(object, 'minSyncPeriod', errors, part), values[minSync]),
  }
}

/** An address without a port gets the usual one. */
function serversOf(values: Values, root: JsonObject, pick: Pick, bindAddress: string) {
  const isSix = isIPv6(bindAddress)
  const address = (flag: 'healthz-bind-address' | 'metrics-bind-address', field: string, port: number, own: string) => {
    const text = pick(flag, textAt(root, field) ?? `${own}:${port}`, values[flag])
    const bare = text.replace(/^\[|\]$/g, '')
    return isIPv6(bare) ? `[${bare}]:${port}` : /^[\d.]+$/.test(text) ? `${text}:${port}` : text
  }
  return {
    healthzBindAddress: address('healthz-bind-address', 'healthzBindAddress', healthzPort, isSix ? '[::]' : '0.0.0.0'),
    metricsBindAddress: address(
      'metrics-bind-address',
      'metricsBindAddress',
      metricsPort,
      isSix ? '[::1]' : '127.0.0.1',
    ),
  }
}

function conntrackOf(values: Values, conntrack: JsonObject, pick: Pick, errors: string[]): ConfigValues['conntrack'] {
  const number = (flag: NumberFlag, field: string) => pick(flag, numberAt(conntrack, field), values[flag])
  const time = (
    flag:
      | 'conntrack-tcp-timeout-established'
      | 'conntrack-tcp-timeout-close-wait'
      | 'conntrack-udp-timeout'
      | 'conntrack-udp-timeout-stream',
    field: string,
  ) => pick(flag, durationAt(conntrack, field, errors, 'conntrack'), values[flag])
  return {
    maxPerCore: number('conntrack-max-per-core', 'maxPerCore'),
    min: number('conntrack-min', 'min'),
    tcpEstablishedTimeoutMs: time('conntrack-tcp-timeout-established', 'tcpEstablishedTimeout'),
    tcpCloseWaitTimeoutMs: time('conntrack-tcp-timeout-close-wait', 'tcpCloseWaitTimeout'),
    udpTimeoutMs: time('conntrack-udp-timeout', 'udpTimeout'),
    udpStreamTimeoutMs: time('conntrack-udp-timeout-stream', 'udpStreamTimeout'),
  }
}

function detectLocalOf(values: ConfigValues): DetectLocal {
  const { detectLocalMode, clusterCidrs, bridgeInterface, interfaceNamePrefix } = values
  switch (detectLocalMode) {
    case 'NodeCIDR':
      return { type: 'nodeCidr' }
    case 'BridgeInterface':
      return { type: 'interface', name: bridgeInterface }
    case 'InterfaceNamePrefix':
      return { type: 'interfacePrefix', prefix: interfaceNamePrefix }
    default:
      return clusterCidrs.length === 0 ? { type: 'none' } : { type: 'source', cidrs: clusterCidrs }
  }
}
