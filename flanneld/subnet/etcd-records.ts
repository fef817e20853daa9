/** Keys and values of leases in etcd, as upstream writes them, and the choice of a free subnet. Pure. */
import type { NetworkConfig } from '../config.ts'
import { formatIpv4, includes, maskOf, parseSubnet, type Subnet } from '../ipv4.ts'
import type { Lease, LeaseAttributes } from './lease.ts'

/** The name of a subnet under `…/subnets/`: `10.244.1.0-24`. */
export function subnetKey({ address, prefix }: Subnet): string {
  return `${formatIpv4(address)}-${prefix}`
}

/** Reads such a name; with IPv6 behind `&`, which is ignored. */
export function parseSubnetKey(name: string): Subnet | undefined {
  const [ipv4 = ''] = name.split('&')
  const at = ipv4.lastIndexOf('-')
  return at < 0 ? undefined : parseSubnet(`${ipv4.slice(0, at)}/${ipv4.slice(at + 1)}`)
}

/** The value of a lease, field for field what upstream writes. */
export function renderAttributes({ publicIp, backendType, backendData }: LeaseAttributes): string {
  return JSON.stringify({
    PublicIP: publicIp,
    PublicIPv6: null,
    ...(backendType !== '' && { BackendType: backendType }),
    ...(backendData !== undefined && backendData !== null && { BackendData: backendData }),
  })
}

/** Reads one lease; `undefined` when it is none. Attributes of an upstream host are the same. */
export function parseLease(name: string, value: string): Lease | undefined {
  const subnet = parseSubnetKey(name)
  let attributes: unknown
  try {
    attributes = JSON.parse(value)
  } catch {
    return undefined
  }
  if (subnet === undefined || typeof attributes !== 'object' || attributes === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(attributes))
  const publicIp = fields.get('PublicIP')
  const backendType = fields.get('BackendType')
  if (typeof publicIp !== 'string') return undefined
  const type = typeof backendType === 'string' ? backendType : ''
  return { subnet, publicIp, backendType: type, backendData: fields.get('BackendData') }
}

/** How many free subnets are drawn from: enough that hosts which start together seldom meet. */
const drawSize = 100

/** A free subnet, drawn at random among the first free ones; `undefined` when all are taken. */
export function chooseSubnet(
  config: NetworkConfig,
  taken: readonly Subnet[],
  random: () => number,
): Subnet | undefined {
  const { subnetMin, subnetMax, subnetLen } = config
  const free: Subnet[] = []
  for (let address = subnetMin; address <= subnetMax && free.length < drawSize; address += 2 ** (32 - subnetLen)) {
    const candidate = { address, prefix: subnetLen }
    if (!taken.some((other) => includes(other, candidate) || includes(candidate, other))) free.push(candidate)
  }
  return free[Math.floor(random() * free.length)]
}

/** Whether a subnet of an earlier run may still be used with this configuration. */
export function fits(
  { network, subnetMin, subnetMax, subnetLen }: NetworkConfig,
  { address, prefix }: Subnet,
): boolean {
  const isAligned = (address & maskOf(subnetLen)) >>> 0 === address
  const isInside = includes(network, { address, prefix }) && address >= subnetMin && address <= subnetMax
  return prefix === subnetLen && isAligned && isInside
}
