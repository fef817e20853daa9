/**
 * Decodes `KubeProxyConfiguration` v1alpha1 as upstream does: a value of the wrong type is an error in Go's words, an
 * unknown field only a warning (upstream falls back to lenient decoding).
 */
import { isJsonObject, type JsonObject } from '../apimachinery/json.ts'
import { parseDuration } from '../component-base/flags.ts'
import { ConfigError } from './config-error.ts'

type FieldType = 'string' | 'bool' | 'int32' | 'float32' | 'duration' | 'strings' | 'any' | Struct
type Struct = { readonly name: string; readonly fields: Readonly<Record<string, FieldType>> }

const syncPeriods = { syncPeriod: 'duration', minSyncPeriod: 'duration' } as const
const masquerade = { masqueradeBit: 'int32', masqueradeAll: 'bool' } as const

const configuration: Struct = {
  name: 'KubeProxyConfiguration',
  fields: {
    ...{ apiVersion: 'string', kind: 'string', featureGates: 'any', logging: 'any', winkernel: 'any' },
    clientConnection: {
      name: 'ClientConnectionConfiguration',
      fields: {
        ...{
          kubeconfig: 'string',
          acceptContentTypes: 'string',
          contentType: 'string',
          qps: 'float32',
          burst: 'int32',
        },
      },
    },
    ...{
      hostnameOverride: 'string',
      bindAddress: 'string',
      healthzBindAddress: 'string',
      metricsBindAddress: 'string',
    },
    ...{ bindAddressHardFail: 'bool', enableProfiling: 'bool', showHiddenMetricsForVersion: 'string', mode: 'string' },
    iptables: {
      name: 'KubeProxyIPTablesConfiguration',
      fields: { ...masquerade, ...syncPeriods, localhostNodePorts: 'bool' },
    },
    ipvs: {
      name: 'KubeProxyIPVSConfiguration',
      fields: {
        ...syncPeriods,
        ...{ scheduler: 'string', excludeCIDRs: 'strings', strictARP: 'bool' },
        ...{ tcpTimeout: 'duration', tcpFinTimeout: 'duration', udpTimeout: 'duration' },
      },
    },
    nftables: { name: 'KubeProxyNFTablesConfiguration', fields: { ...masquerade, ...syncPeriods } },
    detectLocalMode: 'string',
    detectLocal: {
      name: 'DetectLocalConfiguration',
      fields: { bridgeInterface: 'string', interfaceNamePrefix: 'string' },
    },
    ...{ clusterCIDR: 'string', nodePortAddresses: 'strings', oomScoreAdj: 'int32' },
    conntrack: {
      name: 'KubeProxyConntrackConfiguration',
      fields: {
        ...{ maxPerCore: 'int32', min: 'int32', tcpEstablishedTimeout: 'duration', tcpCloseWaitTimeout: 'duration' },
        ...{ tcpBeLiberal: 'bool', udpTimeout: 'duration', udpStreamTimeout: 'duration' },
      },
    },
    ...{ configSyncPeriod: 'duration', portRange: 'string', windowsRunAsService: 'bool' },
  },
}

export type DecodedFile = {
  readonly root: JsonObject
  /** Paths of fields that nobody knows. */
  readonly unknown: readonly string[]
}

/** Decodes what the file holds. Throws `ConfigError`. */
export function decodeFile(value: unknown): DecodedFile {
  if (value === undefined || value === null) fail("Object 'Kind' is missing in ''")
  if (!isJsonObject(value)) fail("couldn't get version/kind; json parse error: the configuration is not an object")
  const { apiVersion, kind } = value
  if (typeof kind !== 'string' || kind === '') fail(`Object 'Kind' is missing in '${JSON.stringify(value)}'`)
  if (kind !== configuration.name || apiVersion !== 'kubeproxy.config.k8s.io/v1alpha1') {
    fail(`no kind "${kind}" is registered for version "${String(apiVersion ?? '')}"`)
  }
  const unknown: string[] = []
  checkStruct(value, configuration, '', unknown)
  return { root: value, unknown }
}

function fail(reason: string): never {
  throw new ConfigError(`failed complete: failed to decode: ${reason}`)
}

function checkStruct(object: JsonObject, struct: Struct, path: string, unknown: string[]): void {
  for (const [field, value] of Object.entries(object)) {
    const type = struct.fields[field]
    if (type === undefined) unknown.push(`${path}${field}`)
    else if (value !== null) checkField(value, type, struct, `${path}${field}`, unknown)
  }
}

function checkField(value: unknown, type: FieldType, parent: Struct, path: string, unknown: string[]): void {
  if (typeof type === 'object' && isJsonObject(value)) {
    checkStruct(value, type, `${path}.`, unknown)
    return
  }
  if (!hasType(value, type)) {
    const field = `${parent.name}.${path} of type ${goType(type, path)}`
    fail(`json: cannot unmarshal ${jsonType(value)} into Go struct field ${field}`)
  }
  const text = String(value)
  if (type === 'duration' && parseDuration(text) === undefined) fail(`time: invalid duration "${text}"`)
}

function hasType(value: unknown, type: FieldType): boolean {
  if (typeof type === 'object') return false
  switch (type) {
    case 'any':
      return true
    case 'string':
    case 'duration':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'float32':
      return typeof value === 'number'
    case 'int32':
      return Number.isInteger(value)
    case 'strings':
      return Array.isArray(value) && value.every((each) => typeof each === 'string')
  }
}

function goType(type: FieldType, path: string): string {
  if (typeof type === 'object') return `v1alpha1.${type.name}`
  if (path === 'mode') return 'v1alpha1.ProxyMode'
  if (path === 'detectLocalMode') return 'v1alpha1.LocalMode'
  return type === 'strings' ? '[]string' : type === 'duration' ? 'string' : type
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
