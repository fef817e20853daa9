/** What the hosts of a network tell one another: which subnets are whose, and how to reach them. */
import { formatSubnet, type Subnet } from '../../component-base/ip-address.ts'
import type { NetworkConfig } from '../config.ts'
import { families, familiesOf, type PerFamily } from '../family.ts'

/** How to reach a host over one family. */
export type Reach = {
  readonly publicIp: string
  /** Backend-specific, as JSON: the MAC address of a VXLAN device, for instance. */
  readonly backendData?: unknown
}

/** What a host publishes with its subnets. */
export type LeaseAttributes = PerFamily<Reach> & { readonly backendType: string }

/** One host's subnets. */
export type Lease = PerFamily<Reach & { readonly subnet: Subnet }> & { readonly backendType: string }

/** Where leases come from and go to: the Kubernetes API or etcd. */
export type SubnetManager = {
  /** The network; waits until there is one that can be used. */
  readonly networkConfig: (signal: AbortSignal) => Promise<NetworkConfig>
  /** Addresses that an operator has given to this host, to be used in place of its own. */
  readonly givenAddresses: (signal: AbortSignal) => Promise<PerFamily<string>>
  /** This host's lease; waits until there is one. */
  readonly acquire: (attributes: LeaseAttributes, signal: AbortSignal) => Promise<Lease>
  /** All other hosts' leases: now, and again after every change. */
  readonly watch: (own: Lease, signal: AbortSignal) => AsyncIterable<readonly Lease[]>
  /** Keeps this host's lease alive until `signal` aborts; told once the network works. */
  readonly keep: (own: Lease, signal: AbortSignal) => Promise<void>
}

/** Sorted by subnet, so that equal sets are equal lists; the first of two leases of one subnet wins. */
export function sortLeases(leases: readonly Lease[]): readonly Lease[] {
  const bySubnet = new Map<string, Lease>()
  for (const lease of leases) {
    const key = describeSubnets(lease)
    if (!bySubnet.has(key)) bySubnet.set(key, lease)
  }
  return [...bySubnet].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, lease]) => lease)
}

/** The subnets of a lease: `10.244.1.0/24`, or `10.244.1.0/24,fd00:0:0:1::/64`. */
export function describeSubnets(lease: PerFamily<{ readonly subnet: Subnet }>): string {
  return families
    .flatMap((family) => lease[family] ?? [])
    .map(({ subnet }) => formatSubnet(subnet))
    .join(',')
}

/** Whether two leases are of the same subnets, in the families that both have. */
export function hasSameSubnets(a: Lease, b: Lease): boolean {
  const shared = familiesOf(a).filter((family) => b[family] !== undefined)
  const same = shared.filter((family) => {
    const [one, other] = [a[family], b[family]]
    return one !== undefined && other !== undefined && formatSubnet(one.subnet) === formatSubnet(other.subnet)
  })
  return shared.length > 0 && same.length === shared.length
}
