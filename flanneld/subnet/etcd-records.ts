/** Keys and values of leases in etcd, as upstream writes them, and the choice of free subnets. Pure. */
import {
  type Address,
  formatAddress,
  offsetAddress,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../component-base/ip-address.ts'
import type { SubnetRange } from '../config.ts'
import { type Family, familiesOf, familyFacts, type PerFamily, perFamily } from '../family.ts'
import type { Lease, LeaseAttributes, Reach } from './lease.ts'

type Subnets = PerFamily<Subnet>

/** The name of a lease under `…/subnets/`: `10.244.1.0-24`, with IPv6 `10.244.1.0-24&fd00:0:0:1::-64`. */
export function subnetKey(subnets: Subnets): string {
  const part = ({ base, prefix }: Subnet): string => `${formatAddress(base)}-${prefix}`
  return [subnets.ipv4, subnets.ipv6]
    .flatMap((subnet) => subnet ?? [])
    .map(part)
    .join('&')
}

/** Reads such a name; `undefined` without an IPv4 part, which upstream always writes. */
export function parseSubnetKey(name: string): Subnets | undefined {
  const [, base4, length4, base6, length6] = keyPattern.exec(name) ?? []
  const ipv4 = parsePart(base4, length4, 'ipv4')
  if (ipv4 === undefined) return undefined
  if (base6 === undefined) return { ipv4 }
  const ipv6 = parsePart(base6, length6, 'ipv6')
  return ipv6 === undefined ? undefined : { ipv4, ipv6 }
}

const keyPattern = /^(\d+\.\d+\.\d+\.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$/

function parsePart(base = '', length = '', family: Family): Subnet | undefined {
  const subnet = parseSubnet(`${base}/${length}`)
  return subnet?.base.bits === familyFacts[family].bits ? { base: subnet.base, prefix: subnet.prefix } : undefined
}

/** The value of a lease, field for field what upstream writes. */
export function renderAttributes({ ipv4, ipv6, backendType }: LeaseAttributes): string {
  const has = (reach: Reach | undefined): boolean => reach?.backendData !== undefined && reach.backendData !== null
  return JSON.stringify({
    PublicIP: ipv4?.publicIp ?? '0.0.0.0',
    PublicIPv6: ipv6?.publicIp ?? null,
    ...(backendType !== '' && { BackendType: backendType }),
    ...(has(ipv4) && { BackendData: ipv4?.backendData }),
    ...(has(ipv6) && { BackendV6Data: ipv6?.backendData }),
  })
}

/** Reads one lease; `undefined` when it is none. Attributes of an upstream host are the same. */
export function parseLease(name: string, value: string): Lease | undefined {
  const subnets = parseSubnetKey(name)
  const fields = parseObject(value)
  if (subnets?.ipv4 === undefined || fields === undefined) return undefined
  const ipv4 = reachOf(fields.get('PublicIP'), fields.get('BackendData'), 'ipv4')
  const ipv6 = reachOf(fields.get('PublicIPv6'), fields.get('BackendV6Data'), 'ipv6')
  const type = fields.get('BackendType')
  if (ipv4 === undefined) return undefined
  return {
    backendType: typeof type === 'string' ? type : '',
    ipv4: { ...ipv4, subnet: subnets.ipv4 },
    ...(ipv6 !== undefined && subnets.ipv6 !== undefined && { ipv6: { ...ipv6, subnet: subnets.ipv6 } }),
  }
}

function parseObject(text: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}

/** What other hosts write goes into commands: an address that is none is no address. */
function reachOf(publicIp: unknown, backendData: unknown, family: Family): Reach | undefined {
  const address = typeof publicIp === 'string' ? parseAddress(publicIp) : undefined
  if (address?.bits !== familyFacts[family].bits) return undefined
  return { publicIp: formatAddress(address), ...(backendData !== undefined && { backendData }) }
}

/** How many free subnets are drawn from: enough that hosts which start together seldom meet. */
const drawSize = 100

/** Free subnets, one for each family, each drawn at random among the first free ones; `undefined` when none is left. */
export function chooseSubnets(
  ranges: PerFamily<SubnetRange>,
  taken: readonly Subnets[],
  random: () => number,
): Subnets | undefined {
  const wanted = familiesOf(ranges)
  const chosen = perFamily(wanted, (family) => {
    const range = ranges[family]
    const used = taken.flatMap((subnets) => subnets[family] ?? [])
    const free = range === undefined ? [] : freeSubnets(range, used)
    return free[Math.floor(random() * free.length)]
  })
  return familiesOf(chosen).length === wanted.length ? chosen : undefined
}

function freeSubnets({ length, min, max }: SubnetRange, taken: readonly Subnet[]): readonly Subnet[] {
  const free: Subnet[] = []
  const size = 1n << BigInt(min.bits - length)
  // Thousands of leases of the usual length are found by their base; only others are compared one by one.
  const bases = new Set(taken.filter(({ prefix }) => prefix === length).map(({ base }) => base.value))
  const unusual = taken.filter(({ prefix }) => prefix !== length)
  for (let base: Address = min; base.value <= max.value && free.length < drawSize; base = offsetAddress(base, size)) {
    const candidate = { base, prefix: length }
    if (!bases.has(base.value) && !unusual.some((other) => overlaps(other, candidate))) free.push(candidate)
  }
  return free
}

/** Whether subnets of an earlier run may still be used with this configuration. */
export function fits(ranges: PerFamily<SubnetRange>, subnets: Subnets): boolean {
  const [wanted, present] = [familiesOf(ranges), familiesOf(subnets)]
  return wanted.length === present.length && wanted.every((family) => isInRange(ranges[family], subnets[family]))
}

function isInRange(range: SubnetRange | undefined, subnet: Subnet | undefined): boolean {
  if (range === undefined || subnet === undefined || subnet.prefix !== range.length) return false
  return subnet.base.value >= range.min.value && subnet.base.value <= range.max.value
}
