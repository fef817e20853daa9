/** What the hosts of a network tell one another: which subnet is whose, and how to reach it. */
import { formatSubnet, type Subnet } from '../ipv4.ts'

/** What a host publishes with its subnet. */
export type LeaseAttributes = {
  readonly publicIp: string
  readonly backendType: string
  /** Backend-specific, as JSON: the MAC address of a VXLAN device, for instance. */
  readonly backendData?: unknown
}

/** One host's subnet. */
export type Lease = LeaseAttributes & { readonly subnet: Subnet }

/** Where leases come from and go to: the Kubernetes API or etcd. */
export type SubnetManager = {
  /** The text of net-conf.json. */
  readonly networkConfig: (signal: AbortSignal) => Promise<string>
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
    const key = formatSubnet(lease.subnet)
    if (!bySubnet.has(key)) bySubnet.set(key, lease)
  }
  return [...bySubnet.values()].sort((a, b) => a.subnet.address - b.subnet.address || a.subnet.prefix - b.subnet.prefix)
}
