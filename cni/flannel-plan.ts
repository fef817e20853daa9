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

/** What upstream says around each reason for which the file cannot be used. */
export function subnetFileError(reason: string): CniError {
  return new CniError(
    'internal',
    `failed to load flannel 'subnet.env' file: ${reason}. Check the flannel pod log for this node.`,
  )
}

/** Reads `FLANNEL_…=…` lines; `path` stands in messages. */
export function parseSubnetFile(text: string, path: string): SubnetFile {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, Math.max(at, 0)).trim(), line.slice(at + 1).trim()] as const
    }),
  )
  const pick = (...names: string[]): readonly string[] => {
    return names.flatMap((name) => (values.get(name) ?? '').split(',')).filter((value) => value !== '')
  }
  const mtu = values.get('FLANNEL_MTU')
  if (mtu !== undefined && !/^\d+$/.test(mtu)) {
    throw subnetFileError(`strconv.ParseUint: parsing ${JSON.stringify(mtu)}: invalid syntax`)
  }
  const file = {
    networks: pick('FLANNEL_NETWORK', 'FLANNEL_IPV6_NETWORK'),
    subnets: pick('FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'),
    mtu: Number(mtu ?? Number.NaN),
    isMasqueraded: values.get('FLANNEL_IPMASQ') === 'true',
  }
  const bad = [...file.networks, ...file.subnets].find((range) => parseSubnet(range) === undefined)
  if (bad !== undefined) throw subnetFileError(`invalid CIDR address: ${bad}`)
  const missing = [
    ...(file.networks.length === 0 ? ['FLANNEL_NETWORK', 'FLANNEL_IPV6_NETWORK'] : []),
    ...(file.subnets.length === 0 ? ['FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'] : []),
    ...(mtu === undefined ? ['FLANNEL_MTU'] : []),
    ...(values.has('FLANNEL_IPMASQ') ? [] : ['FLANNEL_IPMASQ']),
  ]
  if (missing.length > 0) throw subnetFileError(`${path} is missing ${missing.join(', ')}`)
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
  if (!isJsonMap(given)) {
    const kind = Array.isArray(given) ? 'array' : typeof given
    const reason = `json: cannot unmarshal ${kind} into Go struct field NetConf.delegate of type map[string]interface {}`
    throw new CniError('decodingFailure', `failed to load flannel netconf file: failed to load netconf: ${reason}`)
  }
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
    routes: [...records(given['routes']), ...networks.map((dst) => ({ dst }))],
  }
}

function networkOf(text: string): string {
  const subnet = parseSubnet(text)
  return subnet === undefined ? text : formatSubnet(subnet)
}
