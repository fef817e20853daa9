/** Which addresses a host-local configuration may hand out, and in which order. Pure. */
import {
  type Address,
  contains,
  formatAddress,
  lastAddress,
  offsetAddress,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../component-base/ip-address.ts'
import {
  CniError,
  compareVersions,
  isJsonMap,
  type JsonMap,
  type Request,
  type Route,
  readMap,
  readRoute,
  records,
} from './protocol.ts'

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
  /** File whose name servers go into the result; empty for none. */
  readonly resolvConf: string
  readonly rangeSets: readonly (readonly Range[])[]
  readonly routes: readonly Route[]
  readonly requested: readonly Address[]
}

/** Reads the `ipam` part of a configuration and the addresses asked for by the runtime. */
export function parseIpam(request: Request): IpamConfig {
  const { config } = request
  if (!isJsonMap(config['ipam'])) throw refusal("IPAM config missing 'ipam' key")
  const ipam = config['ipam']
  const requested = requestedAddresses(request)
  const single = typeof ipam['subnet'] === 'string' && ipam['subnet'] !== '' ? [[ipam]] : []
  const injected = readMap(config['runtimeConfig'])['ipRanges']
  const sets = [...listOfLists(injected), ...single, ...listOfLists(ipam['ranges'])]
  if (sets.length === 0) throw refusal('no IP ranges specified')
  const rangeSets = sets.map(parseRangeSet)
  refuseManyOfOldVersions(rangeSets, config.cniVersion)
  refuseOverlaps(rangeSets)
  const text = (field: string): string => (typeof ipam[field] === 'string' ? ipam[field] : '')
  return {
    dataDir: text('dataDir') || '/var/lib/cni/networks',
    resolvConf: text('resolvConf'),
    rangeSets,
    routes: records(ipam['routes']).map(readRoute),
    requested,
  }
}

function refusal(message: string): CniError {
  return new CniError('invalidNetworkConfig', message)
}

function listOfLists(value: unknown): readonly (readonly JsonMap[])[] {
  return Array.isArray(value) ? value.filter(Array.isArray).map(records) : []
}

/** CNI_ARGS name one address; configurations may name several, with or without a prefix. */
function requestedAddresses({ args, config }: Request): readonly Address[] {
  const cniArgs = readMap(readMap(config['args'])['cni'])['ips']
  const runtime = readMap(config['runtimeConfig'])['ips']
  const texts = [args['IP'] ?? '', ...strings(cniArgs), ...strings(runtime)].filter((text) => text !== '')
  return texts.map((text) => {
    const address = text.includes('/') ? parseSubnet(text)?.address : parseAddress(text)
    if (address === undefined) {
      throw refusal(text.includes('/') ? `invalid CIDR address: ${text}` : `the IP address ${text} is invalid`)
    }
    return address
  })
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** The words of Go's decoder come without the number of the set. */
function parseRangeSet(set: readonly JsonMap[], index: number): readonly Range[] {
  const fail = (message: string) => refusal(`invalid range set ${index}: ${message}`)
  if (set.length === 0) throw fail('empty range set')
  const ranges = set.map((value) => parseRange(value, fail))
  if (new Set(ranges.map(({ start }) => start.bits)).size > 1) throw fail('mixed address families')
  const pair = firstOverlap(ranges)
  if (pair !== undefined) throw fail(`subnets ${formatRange(pair[0])} and ${formatRange(pair[1])} overlap`)
  return ranges
}

/** Reads one range and fills in start, end and gateway as upstream does. */
export function parseRange(value: JsonMap, fail: (message: string) => CniError = refusal): Range {
  const text = typeof value['subnet'] === 'string' ? value['subnet'] : ''
  if (text === '') throw fail('IP <nil> not v4 nor v6')
  const subnet = parseSubnet(text)
  if (subnet === undefined) throw refusal(`invalid CIDR address: ${text}`)
  const { base, prefix, address } = subnet
  if (prefix > base.bits - 2) throw fail(`Network ${text} too small to allocate from`)
  if (address.value !== base.value) {
    throw fail(
      `Network has host bits set. For a subnet mask of length ${prefix} the network address is ${formatAddress(base)}`,
    )
  }
  const last = lastAddress(subnet)
  const [start, end, gateway] = [
    addressAt(value, 'rangeStart'),
    addressAt(value, 'rangeEnd'),
    addressAt(value, 'gateway'),
  ]
  const isWithin = (one: Address): boolean =>
    contains(subnet, one) &&
    (start === undefined || one.value >= start.value) &&
    (end === undefined || one.value <= end.value)
  const outside = (label: string, one: Address) => fail(`${label} ${formatAddress(one)} not in network ${text}`)
  if (start !== undefined && !isWithin(start)) throw outside('RangeStart', start)
  if (end !== undefined && !isWithin(end)) throw outside('RangeEnd', end)
  return {
    subnet: { base, prefix },
    start: start ?? offsetAddress(base, 1n),
    end: end ?? (base.bits === 32 ? offsetAddress(last, -1n) : last),
    gateway: gateway ?? offsetAddress(base, 1n),
  }
}

function addressAt(value: JsonMap, field: string): Address | undefined {
  const given = value[field]
  if (typeof given !== 'string' || given === '') return undefined
  const parsed = parseAddress(given)
  if (parsed === undefined) throw refusal(`invalid IP address: ${given}`)
  return parsed
}

function refuseManyOfOldVersions(sets: readonly (readonly Range[])[], version: string): void {
  if (compareVersions(version, '0.3.0') >= 0) return
  const families = sets.map(([first]) => first?.start.bits)
  if (new Set(families).size < families.length) {
    throw refusal(`CNI version ${version} does not support more than 1 address per family`)
  }
}

/** The second number is as upstream counts it. */
function refuseOverlaps(sets: readonly (readonly Range[])[]): void {
  for (const [index, set] of sets.entries()) {
    const other = sets.slice(index + 1).findIndex((next) => firstOverlap([...set], next) !== undefined)
    if (other >= 0) throw refusal(`range set ${index} overlaps with ${index + other + 1}`)
  }
}

function firstOverlap(ranges: readonly Range[], others?: readonly Range[]): readonly [Range, Range] | undefined {
  for (const [index, range] of ranges.entries()) {
    const found = (others ?? ranges.slice(index + 1)).find((other) => isOverlapping(range, other))
    if (found !== undefined) return [range, found]
  }
  return undefined
}

function isOverlapping(a: Range, b: Range): boolean {
  return a.start.bits === b.start.bits && a.start.value <= b.end.value && b.start.value <= a.end.value
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
  return set.map(formatRange).join(',')
}

function formatRange({ start, end }: Range): string {
  return `${formatAddress(start)}-${formatAddress(end)}`
}
