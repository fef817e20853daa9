/** Turns flanneld's subnet file and the flannel configuration into a configuration for the plugin that does the work. Pure. */
import { formatSubnet, parseSubnet } from '../component-base/ip-address.ts'
import { CniError, isJsonMap, type JsonMap, type NetworkConfig, records } from './protocol.ts'

/** What flanneld tells the plugin through its subnet file. */
export type SubnetFile = {
  readonly networks: readonly string[]
  readonly subnets: readonly string[]
  readonly mtu: number
  readonly isMasqueraded: boolean
}

/** Reads `FLANNEL_…=…` lines. */
export function parseSubnetFile(text: string): SubnetFile {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, Math.max(at, 0)).trim(), line.slice(at + 1).trim()] as const
    }),
  )
  const pick = (...names: string[]): readonly string[] => {
    return names.flatMap((name) => (values.get(name) ?? '').split(',')).filter((value) => value !== '')
  }
  const file = {
    networks: pick('FLANNEL_NETWORK', 'FLANNEL_IPV6_NETWORK'),
    subnets: pick('FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'),
    mtu: Number(values.get('FLANNEL_MTU') ?? Number.NaN),
    isMasqueraded: values.get('FLANNEL_IPMASQ') === 'true',
  }
  const missing = [
    ...(file.networks.length === 0 ? ['FLANNEL_NETWORK'] : []),
    ...(file.subnets.length === 0 ? ['FLANNEL_SUBNET'] : []),
    ...(Number.isInteger(file.mtu) ? [] : ['FLANNEL_MTU']),
    ...(values.has('FLANNEL_IPMASQ') ? [] : ['FLANNEL_IPMASQ']),
  ]
  if (missing.length > 0) {
    throw new CniError('internal', `loadFlannelSubnetEnv failed: subnet file is missing ${missing.join(', ')}`)
  }
  return file
}

/** The delegate's configuration, with upstream's defaults and its refusals. */
export function planDelegate(config: NetworkConfig, file: SubnetFile): NetworkConfig {
  const given = delegateOf(config)
  const type = typeof given['type'] === 'string' ? given['type'] : 'bridge'
  return {
    mtu: file.mtu,
    ipMasq: !file.isMasqueraded,
    ...(type === 'bridge' && { isGateway: true }),
    ...given,
    type,
    name: config.name,
    cniVersion: config.cniVersion,
    ...(config['runtimeConfig'] !== undefined && { runtimeConfig: config['runtimeConfig'] }),
    ...(config['args'] !== undefined && { args: config['args'] }),
    ipam: planIpam(config, file),
  }
}

/** The `delegate` part of a flannel configuration. */
export function delegateOf(config: NetworkConfig): JsonMap {
  const given = config['delegate'] ?? {}
  if (!isJsonMap(given)) throw new CniError('invalidNetworkConfig', "'delegate' must be a dictionary")
  for (const field of ['name', 'ipam']) {
    if (given[field] === undefined) continue
    throw new CniError(
      'invalidNetworkConfig',
      `'delegate' dictionary must not have '${field}' field, it'll be set by flannel`,
    )
  }
  if (given['type'] !== undefined && typeof given['type'] !== 'string') {
    throw new CniError('invalidNetworkConfig', "'delegate' dictionary, if present, must have (string) 'type' field")
  }
  return given
}

function planIpam(config: NetworkConfig, { networks, subnets }: SubnetFile): JsonMap {
  const given = isJsonMap(config['ipam']) ? config['ipam'] : {}
  return {
    type: 'host-local',
    ...given,
    // FLANNEL_SUBNET carries the bridge's own address, the first of the subnet.
    ranges: subnets.map((subnet) => [{ subnet: networkOf(subnet) }]),
    routes: [...networks.map((dst) => ({ dst })), ...records(given['routes'])],
  }
}

function networkOf(text: string): string {
  const subnet = parseSubnet(text)
  if (subnet === undefined) throw new CniError('internal', `invalid subnet in the subnet file: ${text}`)
  return formatSubnet(subnet)
}
