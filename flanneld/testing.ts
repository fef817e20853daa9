/** Short ways to write down subnets and leases in tests. */
import { parseSubnet, type Subnet } from '../component-base/ip-address.ts'
import type { Lease, Reach } from './subnet/lease.ts'

/** A subnet by its text. */
export function subnetOf(text: string): Subnet {
  const found = parseSubnet(text)
  if (found === undefined) throw new Error(`not a subnet: ${text}`)
  return { base: found.base, prefix: found.prefix }
}

/** A lease of an IPv4 subnet. */
export function leaseOf(backendType: string, subnet: string, reach: Reach): Lease {
  return { backendType, ipv4: { subnet: subnetOf(subnet), ...reach } }
}

/** A lease of a subnet of each family. */
export function dualLeaseOf(
  backendType: string,
  [subnet4, reach4]: readonly [string, Reach],
  [subnet6, reach6]: readonly [string, Reach],
): Lease {
  return { ...leaseOf(backendType, subnet4, reach4), ipv6: { subnet: subnetOf(subnet6), ...reach6 } }
}
