/** Reads `KubeProxyConfiguration` and the flags into one value, with upstream's names, defaults and refusals. */
import { isIP } from 'node:net'
import { isJsonObject, type JsonObject } from '../apimachinery/json.ts'
import { defineFlags, type FlagValues } from '../component-base/flags.ts'
import { booleanAt, durationAt, numberAt, objectAt, textAt, textsAt } from './config-fields.ts'
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
    readonly isTcpLiberal: boolean
  }
  /** Empty: nobody waits. */
  readonly policySocket: string
  readonly cleanup: boolean
}

/** A configuration that cannot be used; lists everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Merges flags and file; flags that stood on the command line win. Throws `ConfigError`. */
export function parseConfig(values: FlagValues<typeof flags>, given: ReadonlySet<string>, file: unknown): ProxyConfig {
  const errors: string[] = []
  const root = readRoot(file, errors)
  const iptables = objectAt(root, 'iptables')
  const pick = <T>(flag: keyof typeof values, fromFile: T | undefined, fromFlag: T): T =>
    given.has(flag) ? fromFlag : (fromFile ?? fromFlag)
  const bit = pick('iptables-masquerade-bit', numberAt(iptables, 'masqueradeBit'), values['iptables-masquerade-bit'])
  if (!Number.isInteger(bit) || bit < 0 || bit > 31) {
    errors.push(`iptables.masqueradeBit: Invalid value: ${bit}: must be within the range [0, 31]`)
  }
  const localhost = booleanAt(iptables, 'localhostNodePorts')
  const mode = modeOf(pick('proxy-mode', textAt(root, 'mode'), values['proxy-mode']), errors)
  // Each mode has its own part of the file. Mode nftables listens to the flags of iptables.
  const periods = objectAt(root, mode)
  const minSync = durationAt(periods, 'minSyncPeriod', errors, mode)
  const sync = durationAt(periods, 'syncPeriod', errors, mode)
  const flagged = mode === 'ipvs' ? 'ipvs' : 'iptables'
  const masqueradeAll = booleanAt(mode === 'nftables' ? periods : iptables, 'masqueradeAll')
  // Upstream looks at this part only in its mode.
  const ipvs = mode === 'ipvs' ? { ipvs: ipvsSettingsOf(values, objectAt(root, 'ipvs'), pick, errors) } : {}
  const config: ProxyConfig = {
    mode,
    ...ipvs,
    kubeconfig: pick('kubeconfig', textAt(objectAt(root, 'clientConnection'), 'kubeconfig'), values.kubeconfig),
    hostnameOverride: pick('hostname-override', textAt(root, 'hostnameOverride'), values['hostname-override']),
    detectLocal: detectLocalOf(values, root, pick, errors),
    masqueradeAll: pick('masquerade-all', masqueradeAll, values['masquerade-all']),
    masqueradeMark: `0x${(2 ** bit).toString(16)}`,
    localhostNodePorts: pick('iptables-localhost-nodeports', localhost, values['iptables-localhost-nodeports']),
    minSyncPeriodMs: pick(`${flagged}-min-sync-period`, minSync, values[`${flagged}-min-sync-period`]),
    syncPeriodMs: pick(`${flagged}-sync-period`, sync, values[`${flagged}-sync-period`]),
    nodePortAddresses: pick('nodeport-addresses', textsAt(root, 'nodePortAddresses'), values['nodeport-addresses']),
    healthzBindAddress: pick(
      'healthz-bind-address',
      textAt(root, 'healthzBindAddress'),
      values['healthz-bind-address'],
    ),
    metricsBindAddress: pick(
      'metrics-bind-address',
      textAt(root, 'metricsBindAddress'),
      values['metrics-bind-address'],
    ),
    conntrack: conntrackOf(values, objectAt(root, 'conntrack'), pick, errors),
    policySocket: values['policy-socket'],
    cleanup: values.cleanup,
  }
  validate(config, errors)
  if (errors.length > 0) throw new ConfigError(errors.join('; '))
  return config
}

/** Splits `0.0.0.0:10256`; `undefined` when the server is switched off. */
export function splitAddress(text: string): { readonly address: string; readonly port: number } | undefined {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (text === '' || port === 0) return undefined
  return { address: text.slice(0, colon).replace(/^\[|\]$/g, '') || '0.0.0.0', port }
}

function readRoot(file: unknown, errors: string[]): JsonObject {
  if (file === undefined) return {}
  if (!isJsonObject(file)) throw new ConfigError("couldn't get version/kind; the configuration is not an object")
  const { apiVersion, kind } = file
  if (kind !== 'KubeProxyConfiguration' || apiVersion !== 'kubeproxy.config.k8s.io/v1alpha1') {
    errors.push(`no kind "${String(kind)}" is registered for version "${String(apiVersion)}"`)
  }
  const known = new Set([
    ...['apiVersion', 'kind', 'featureGates', 'clientConnection', 'logging', 'hostnameOverride', 'bindAddress'],
    ...[
      'healthzBindAddress',
      'metricsBindAddress',
      'bindAddressHardFail',
      'enableProfiling',
      'showHiddenMetricsForVersion',
    ],
    ...['mode', 'iptables', 'ipvs', 'nftables', 'winkernel', 'detectLocalMode', 'detectLocal', 'clusterCIDR'],
    ...['nodePortAddresses', 'oomScoreAdj', 'conntrack', 'configSyncPeriod', 'portRange', 'windowsRunAsService'],
  ])
  for (const field of Object.keys(file))
    if (!known.has(field)) errors.push(`strict decoding error: unknown field "${field}"`)
  return file
}

function modeOf(mode: string, errors: string[]): ModeName {
  if (mode === 'iptables' || mode === 'ipvs' || mode === 'nftables') return mode
  if (mode !== '') {
    errors.push(
      `KubeProxyConfiguration.Mode: Invalid value: "${mode}": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])`,
    )
  }
  return 'iptables'
}

type Pick = <T>(flag: keyof FlagValues<typeof flags>, fromFile: T | undefined, fromFlag: T) => T

function detectLocalOf(values: FlagValues<typeof flags>, root: JsonObject, pick: Pick, errors: string[]): DetectLocal {
  const detect = objectAt(root, 'detectLocal')
  const cidrs = pick('cluster-cidr', textAt(root, 'clusterCIDR'), values['cluster-cidr']).split(',').filter(Boolean)
  const mode = pick('detect-local-mode', textAt(root, 'detectLocalMode'), values['detect-local-mode'])
  switch (mode) {
    case '':
    case 'ClusterCIDR':
      for (const cidr of cidrs) {
        if (!isCidr(cidr))
          errors.push(
            `clusterCIDR: Invalid value: "${cidr}": must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)`,
          )
      }
      return cidrs.length === 0 ? { type: 'none' } : { type: 'source', cidrs }
    case 'NodeCIDR':
      return { type: 'nodeCidr' }
    case 'BridgeInterface': {
      const name = pick('pod-bridge-interface', textAt(detect, 'bridgeInterface'), values['pod-bridge-interface'])
      if (name === '') errors.push('detectLocal.bridgeInterface: Required value')
      return { type: 'interface', name }
    }
    case 'InterfaceNamePrefix': {
      const flag = 'pod-interface-name-prefix'
      const prefix = pick(flag, textAt(detect, 'interfaceNamePrefix'), values[flag])
      if (prefix === '') errors.push('detectLocal.interfaceNamePrefix: Required value')
      return { type: 'interfacePrefix', prefix }
    }
    default:
      errors.push(`DetectLocalMode: Unsupported value: "${mode}"`)
      return { type: 'none' }
  }
}

function conntrackOf(
  values: FlagValues<typeof flags>,
  conntrack: JsonObject,
  pick: Pick,
  errors: string[],
): ProxyConfig['conntrack'] {
  const [established, closeWait] = ['conntrack-tcp-timeout-established', 'conntrack-tcp-timeout-close-wait'] as const
  const time = (field: string) => durationAt(conntrack, field, errors, 'conntrack')
  return {
    maxPerCore: pick('conntrack-max-per-core', numberAt(conntrack, 'maxPerCore'), values['conntrack-max-per-core']),
    min: pick('conntrack-min', numberAt(conntrack, 'min'), values['conntrack-min']),
    tcpTimeoutEstablishedMs: pick(established, time('tcpEstablishedTimeout'), values[established]),
    tcpTimeoutCloseWaitMs: pick(closeWait, time('tcpCloseWaitTimeout'), values[closeWait]),
    isTcpLiberal: pick(
      'conntrack-tcp-be-liberal',
      booleanAt(conntrack, 'tcpBeLiberal'),
      values['conntrack-tcp-be-liberal'],
    ),
  }
}

function validate(config: ProxyConfig, errors: string[]): void {
  if (config.syncPeriodMs <= 0) errors.push('iptables.syncPeriod: Invalid value: must be greater than 0')
  if (config.minSyncPeriodMs < 0)
    errors.push('iptables.minSyncPeriod: Invalid value: must be greater than or equal to 0')
  if (config.minSyncPeriodMs > config.syncPeriodMs) {
    errors.push('iptables.minSyncPeriod: Invalid value: must be greater than or equal to iptables.syncPeriod')
  }
  const { nodePortAddresses } = config
  for (const range of nodePortAddresses) {
    if (range === 'primary' && nodePortAddresses.length === 1) continue
    if (!isCidr(range)) errors.push(`nodePortAddresses: Invalid value: "${range}": must be a valid CIDR`)
  }
}

function isCidr(text: string): boolean {
  const [ip = '', prefix = '', ...rest] = text.split('/')
  const bits = isIP(ip) === 4 ? 32 : 128
  return rest.length === 0 && isIP(ip) !== 0 && /^\d+$/.test(prefix) && Number(prefix) <= bits
}
