/** Flags and the KubeletConfiguration file → one read-only `Config`, with upstream's defaults. Pure; all errors at once. */
import { isJsonObject, type JsonObject } from '../apimachinery/json.ts'
import { parseQuantity, wholeValue } from '../apimachinery/quantity.ts'
import { parseDuration } from '../component-base/flags.ts'
import type { KubeletFlags } from './flags.ts'
import { nodeIpsOf } from './node/node-ips.ts'
import { type EvictionThreshold, parseThresholds } from './node/thresholds.ts'

export type Taint = { readonly key: string; readonly value?: string; readonly effect: string }
export type Config = {
  readonly kubeconfig: string
  readonly nodeName: string
  readonly nodeIps: readonly string[]
  readonly nodeLabels: Readonly<Record<string, string>>
  readonly providerId: string
  readonly registerNode: boolean
  readonly registerWithTaints: readonly Taint[]
  readonly rootDir: string
  readonly certDir: string
  readonly podLogsDir: string
  readonly containerRuntimeEndpoint: string
  readonly imageServiceEndpoint: string
  readonly cgroupRoot: string
  readonly address: string
  readonly port: number
  readonly healthzAddress: string
  readonly healthzPort: number
  readonly tlsCertFile: string
  readonly tlsKeyFile: string
  readonly clientCaFile: string
  readonly anonymous: boolean
  readonly tokenWebhook: boolean
  readonly authorization: 'AlwaysAllow' | 'Webhook'
  readonly clusterDns: readonly string[]
  readonly clusterDomain: string
  readonly resolvConf: string
  readonly staticPodPath: string
  readonly maxPods: number
  readonly syncFrequencyMs: number
  readonly statusUpdateMs: number
  readonly statusReportMs: number
  readonly leaseDurationSeconds: number
  readonly fileCheckMs: number
  readonly reserved: Readonly<Record<string, string>>
  readonly evictionHard: readonly EvictionThreshold[]
  readonly logMaxBytes: number
  readonly logMaxFiles: number
  readonly imageGcHighPercent: number
  readonly imageGcLowPercent: number
  readonly imageMinimumAgeMs: number
  /** Refuse to start on a machine that uses swap. */
  readonly failSwapOn: boolean
  /** Fields of the file that change nothing here, as paths. */
  readonly ignoredFields: readonly string[]
}

/** Configuration that cannot be used; the message lists everything that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export type Host = { readonly hostName: string; readonly addresses: readonly string[] }

/** Merges in upstream's order: defaults, file, flags that were given. */
export function parseConfig(flags: KubeletFlags, given: ReadonlySet<string>, file: unknown, host: Host): Config {
  const errors: string[] = []
  const object = configObject(file, errors)
  const read = new Reader(object, flags, given, errors)
  const config = buildConfig(read, flags, host)
  read.oneOf(read.text('cgroupDriver', 'cgroup-driver', 'cgroupfs'), ['cgroupfs'], 'cgroupDriver')
  if (config.containerRuntimeEndpoint === '') {
    errors.push(
      'the container runtime endpoint address was not specified or empty, use --container-runtime-endpoint to set',
    )
  }
  if (errors.length > 0) throw new ConfigError(errors.join('; '))
  return { ...config, ignoredFields: read.ignored() }
}

/** Whether `/proc/swaps` lists anything below its header; a machine without the file has no swap. */
export function usesSwap(procSwaps: string): boolean {
  return procSwaps.trimEnd().includes('\n')
}

function configObject(file: unknown, errors: string[]): JsonObject {
  if (file === undefined || file === null) return {}
  if (!isJsonObject(file)) {
    errors.push('the config file is not an object')
    return {}
  }
  if (file['kind'] !== 'KubeletConfiguration' || file['apiVersion'] !== 'kubelet.config.k8s.io/v1beta1') {
    errors.push(`no kind "${String(file['kind'])}" is registered for version "${String(file['apiVersion'])}"`)
  }
  return file
}

function buildConfig(read: Reader, flags: KubeletFlags, host: Host): Omit<Config, 'ignoredFields'> {
  const rootDir = flags['root-dir']
  const nodeName = (flags['hostname-override'] || host.hostName).trim().toLowerCase()
  const nodeIps = nodeIpsOf(flags['node-ip'], host.addresses)
  const runtime = read.text('containerRuntimeEndpoint', 'container-runtime-endpoint', '')
  const mode = read.text('authorization.mode', 'authorization-mode', 'Webhook')
  return {
    kubeconfig: flags.kubeconfig,
    nodeName,
    nodeIps,
    nodeLabels: Object.fromEntries(flags['node-labels'].map(splitPair)),
    providerId: read.text('providerID', 'provider-id', ''),
    registerNode: read.flag('registerNode', 'register-node', true),
    registerWithTaints: read.taints(),
    rootDir,
    certDir: flags['cert-dir'] || `${rootDir}/pki`,
    podLogsDir: read.text('podLogsDir', undefined, '/var/log/pods'),
    containerRuntimeEndpoint: runtime,
    imageServiceEndpoint: read.text('imageServiceEndpoint', 'image-service-endpoint', '') || runtime,
    cgroupRoot: read.text('cgroupRoot', 'cgroup-root', '/'),
    address: read.text('address', 'address', '0.0.0.0'),
    port: read.number('port', 'port', 10_250),
    healthzAddress: read.text('healthzBindAddress', 'healthz-bind-address', '127.0.0.1'),
    healthzPort: read.number('healthzPort', 'healthz-port', 10_248),
    tlsCertFile: read.text('tlsCertFile', 'tls-cert-file', ''),
    tlsKeyFile: read.text('tlsPrivateKeyFile', 'tls-private-key-file', ''),
    clientCaFile: read.text('authentication.x509.clientCAFile', 'client-ca-file', ''),
    anonymous: read.flag('authentication.anonymous.enabled', 'anonymous-auth', false),
    tokenWebhook: read.flag('authentication.webhook.enabled', 'authentication-token-webhook', true),
    authorization: read.oneOf(mode, ['AlwaysAllow', 'Webhook'], 'authorization.mode'),
    clusterDns: read.texts('clusterDNS', 'cluster-dns'),
    clusterDomain: read.text('clusterDomain', 'cluster-domain', ''),
    resolvConf: read.text('resolvConf', 'resolv-conf', '/etc/resolv.conf'),
    staticPodPath: read.text('staticPodPath', 'pod-manifest-path', ''),
    maxPods: read.number('maxPods', 'max-pods', 110),
    syncFrequencyMs: read.duration('syncFrequency', 'sync-frequency', 60_000),
    statusUpdateMs: read.duration('nodeStatusUpdateFrequency', 'node-status-update-frequency', 10_000),
    statusReportMs: read.duration('nodeStatusReportFrequency', undefined, 300_000),
    leaseDurationSeconds: read.number('nodeLeaseDurationSeconds', undefined, 40),
    fileCheckMs: read.duration('fileCheckFrequency', undefined, 20_000),
    reserved: read.reserved(),
    evictionHard: read.thresholds(),
    logMaxBytes: read.quantity('containerLogMaxSize', 'container-log-max-size', '10Mi'),
    logMaxFiles: read.number('containerLogMaxFiles', 'container-log-max-files', 5),
    imageGcHighPercent: read.number('imageGCHighThresholdPercent', undefined, 85),
    imageGcLowPercent: read.number('imageGCLowThresholdPercent', undefined, 80),
    imageMinimumAgeMs: read.duration('imageMinimumGCAge', undefined, 120_000),
    failSwapOn: read.flag('failSwapOn', 'fail-swap-on', true),
  }
}

/** Upstream's `evictionHard` where nothing else is said. */
const defaultEvictionHard = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
}

class Reader {
  readonly #object: JsonObject
  readonly #flags: KubeletFlags
  readonly #given: ReadonlySet<string>
  readonly #errors: string[]
  readonly #read = new Set(['apiVersion', 'kind'])

  constructor(object: JsonObject, flags: KubeletFlags, given: ReadonlySet<string>, errors: string[]) {
    this.#object = object
    this.#flags = flags
    this.#given = given
    this.#errors = errors
  }

  text(field: string, flag: keyof KubeletFlags | undefined, fallback: string): string {
    const value = this.#value(field, flag)
    if (value === undefined || value === '') return fallback
    if (typeof value === 'string') return value
    return this.#wrong(field, 'a string', fallback)
  }

  number(field: string, flag: keyof KubeletFlags | undefined, fallback: number): number {
    const value = this.#value(field, flag)
    if (value === undefined) return fallback
    if (typeof value === 'number' && Number.isInteger(value)) return value
    return this.#wrong(field, 'an integer', fallback)
  }

  flag(field: string, flag: keyof KubeletFlags | undefined, fallback: boolean): boolean {
    const value = this.#value(field, flag)
    if (value === undefined) return fallback
    if (typeof value === 'boolean') return value
    return this.#wrong(field, 'a boolean', fallback)
  }

  duration(field: string, flag: keyof KubeletFlags | undefined, fallback: number): number {
    const value = this.#value(field, flag)
    if (value === undefined) return fallback
    const ms = typeof value === 'number' ? value : typeof value === 'string' ? parseDuration(value) : undefined
    if (ms === undefined) return this.#wrong(field, 'a duration', fallback)
    return ms > 0 ? ms : fallback
  }

  quantity(field: string, flag: keyof KubeletFlags | undefined, fallback: string): number {
    const text = this.text(field, flag, fallback)
    return parseQuantity(text) === undefined ? this.#wrong(field, 'a quantity', 0) : wholeValue(text)
  }

  texts(field: string, flag: keyof KubeletFlags): readonly string[] {
    const value = this.#value(field, flag)
    if (value === undefined) return []
    if (Array.isArray(value)) return value.map(String)
    return this.#wrong(field, 'a list of strings', [])
  }

  oneOf<T extends string>(value: string, allowed: readonly T[], field: string): T {
    const found = allowed.find((one) => one === value)
    // The lists that come in are never empty.
    return found ?? this.#wrong(field, `one of ${allowed.join(', ')}`, allowed[0] as T)
  }

  taints(): readonly Taint[] {
    const file = this.#value('registerWithTaints', undefined)
    if (this.#given.has('register-with-taints')) return this.#flags['register-with-taints'].map(parseTaint)
    if (!Array.isArray(file)) return []
    return file.filter(isJsonObject).map(({ key, value, effect }) => ({
      key: String(key ?? ''),
      ...(value === undefined ? {} : { value: String(value) }),
      effect: String(effect ?? ''),
    }))
  }

  /** What is kept from pods: systemReserved + kubeReserved. */
  reserved(): Readonly<Record<string, string>> {
    const sums: Record<string, string> = {}
    for (const field of ['systemReserved', 'kubeReserved']) {
      const value = this.#value(field, undefined)
      if (!isJsonObject(value)) continue
      for (const [name, amount] of Object.entries(value)) {
        const text = String(amount)
        if (parseQuantity(text) === undefined) this.#wrong(`${field}.${name}`, 'a quantity', undefined)
        else sums[name] = sums[name] === undefined ? text : String(wholeValue(sums[name]) + wholeValue(text))
      }
    }
    return sums
  }

  thresholds(): readonly EvictionThreshold[] {
    const value = this.#value('evictionHard', undefined)
    const texts: Readonly<Record<string, unknown>> = isJsonObject(value) ? value : defaultEvictionHard
    const parsed = parseThresholds(texts)
    if (typeof parsed === 'string') return this.#wrong('evictionHard', parsed, [])
    return parsed
  }

  /** What stands in the file and nobody asked for. */
  ignored(): readonly string[] {
    return leafPaths(this.#object, '').filter((path) => ![...this.#read].some((read) => isWithin(path, read)))
  }

  #value(field: string, flag: keyof KubeletFlags | undefined): unknown {
    this.#read.add(field)
    if (flag !== undefined && this.#given.has(flag)) return this.#flags[flag]
    let value: unknown = this.#object
    for (const part of field.split('.')) value = isJsonObject(value) ? value[part] : undefined
    return value === null ? undefined : value
  }

  #wrong<T>(field: string, wanted: string, fallback: T): T {
    this.#errors.push(`${field} must be ${wanted}`)
    return fallback
  }
}

function leafPaths(object: JsonObject, prefix: string): readonly string[] {
  return Object.entries(object).flatMap(([name, value]) =>
    isJsonObject(value) ? leafPaths(value, `${prefix}${name}.`) : [`${prefix}${name}`],
  )
}

function isWithin(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}.`)
}

function splitPair(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** `key=value:effect` or `key:effect`. */
function parseTaint(text: string): Taint {
  const [pair = '', effect = ''] = text.split(':')
  const [key, value] = splitPair(pair)
  return { key, ...(value === '' ? {} : { value }), effect }
}
