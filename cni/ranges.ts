/** Which addresses a host-local configuration may hand out, and in which order. Pure. */
import {
  type Address,
  contains,
  formatAddress,
  formatSubnet,
  lastAddress,
  offsetAddress,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../component-base/ip-address.ts'
import { CniError, type JsonMap, type Request, type Route, records } from './protocol.ts'

/** A run of addresses of one subnet. */
export type Range = {
  readonly subnet: Subnet
  readonly start: Address
  readonly end: Address
  readonly gateway: Address
}

/** One address is taken from each range set. */
export type IpamConfig = {
  readonly dataDir: string
  readonly rangeSets: readonly (readonly Range[])[]
  readonly routes: readonly Route[]
  readonly requested: readonly Address[]
}

/** Reads the `ipam` part of a configuration and the addresses asked for by the runtime. */
export function parseIpam(request: Request): IpamConfig {
  const { config } = request
  const ipam = asMap(config['ipam'])
  if (ipam === undefined) throw new CniError('invalidNetworkConfig', "IPAM config missing 'ipam' key")
  const single = typeof ipam['subnet'] === 'string' ? [[ipam]] : []
  const injected = asMap(config['runtimeConfig'])?.['ipRanges']
  const sets = [...single, ...listOfLists(ipam['ranges']), ...listOfLists(injected)]
  if (sets.length === 0) throw new CniError('invalidNetworkConfig', 'no IP ranges specified')
  return {
    dataDir: typeof ipam['dataDir'] === 'string' && ipam['dataDir'] !== '' ? ipam['dataDir'] : '/var/lib/cni/networks',
    rangeSets: sets.map((set) => set.map(parseRange)),
    routes: records(ipam['routes']).map((route) => ({
      dst: String(route['dst']),
      ...(typeof route['gw'] === 'string' && route['gw'] !== '' && { gw: route['gw'] }),
      ...(typeof route['mtu'] === 'number' && { mtu: route['mtu'] }),
    })),
    requested: requestedAddresses(request),
  }
}

function asMap(value: unknown): JsonMap | undefined {
  return records([value])[0]
}

function listOfLists(value: unknown): readonly (readonly JsonMap[])[] {
  return Array.isArray(value) ? value.filter(Array.isArray).map(records) : []
}

function requestedAddresses({ args, config }: Request): readonly Address[] {
  const cniArgs = asMap(asMap(config['args'])?.['cni'])?.['ips']
  const runtime = asMap(config['runtimeConfig'])?.['ips']
  const texts = [args['IP'] ?? '', ...strings(cniArgs), ...strings(runtime)].filter((text) => text !== '')
  return texts.map((text) => {
    const address = parseAddress(text.split('/')[0] ?? '')
    if (address === undefined) throw new CniError('invalidNetworkConfig', `invalid IP address: ${text}`)
    return address
  })
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** Reads one range and fills in start, end and gateway as upstream does. */
export function parseRange(value: JsonMap): Range {
  const text = String(value['subnet'] ?? '')
  const subnet = parseSubnet(text)
  if (subnet === undefined)
    throw new CniError('invalidNetworkConfig', `invalid range set 0: invalid CIDR address: ${text}`)
  const { base, prefix, address } = subnet
  if (prefix > base.bits - 2) {
    throw new CniError('invalidNetworkConfig', `invalid range set 0: Network ${text} too small to allocate from`)
  }
  if (address.value !== base.value) {
    const network = formatSubnet(subnet)
    throw new CniError(
      'invalidNetworkConfig',
      `invalid range set 0: Network has host bits set. For a subnet mask of length ${prefix} the network address is ${network}`,
    )
  }
  const last = lastAddress(subnet)
  const within = (field: string, fallback: Address): Address => {
    const given = value[field]
    if (typeof given !== 'string' || given === '') return fallback
    const parsed = parseAddress(given)
    if (parsed === undefined)
      throw new CniError('invalidNetworkConfig', `invalid range set 0: invalid IP address: ${given}`)
    if (!contains(subnet, parsed) && field !== 'gateway') {
      const label = field === 'rangeStart' ? 'RangeStart' : 'RangeEnd'
      throw new CniError('invalidNetworkConfig', `invalid range set 0: ${label} ${given} not in network ${text}`)
    }
    return parsed
  }
  return {
    subnet: { base, prefix },
    start: within('rangeStart', offsetAddress(base, 1n)),
    end: within('rangeEnd', base.bits === 32 ? offsetAddress(last, -1n) : last),
    gateway: within('gateway', offsetAddress(base, 1n)),
  }
}

/** The range of a set that holds an address. */
export function rangeOf(set: readonly Range[], address: Address): Range | undefined {
  return set.find(({ start, end }) => {
    return start.bits === address.bits && address.value >= start.value && address.value <= end.value
  })
}

/**
 * Addresses to try, each once: from the one after the last reserved, around the
 * set, so that a freed address rests as long as possible. Gateways are left out.
 */
export function* candidates(
  set: readonly Range[],
  last: Address | undefined,
): Generator<{ address: Address; range: Range }> {
  const home = last === undefined ? -1 : set.findIndex((range) => rangeOf([range], last) !== undefined)
  const from = home < 0 || last === undefined ? undefined : last
  for (let turn = 0; turn <= set.length; turn += 1) {
    const range = set[(Math.max(home, 0) + turn) % set.length]
    if (range === undefined) return
    const first = turn === 0 && from !== undefined ? from.value + 1n : range.start.value
    const stop = turn === set.length ? (from?.value ?? range.start.value - 1n) : range.end.value
    for (let value = first; value <= stop; value += 1n) {
      if (value === range.gateway.value) continue
      yield { address: { ...range.start, value }, range }
    }
  }
}

/** A range set as upstream prints it in errors. */
export function formatRangeSet(set: readonly Range[]): string {
  return set.map(({ start, end }) => `${formatAddress(start)}-${formatAddress(end)}`).join(',')
}
