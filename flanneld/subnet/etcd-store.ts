/** What the parts of the etcd subnet manager share. */
import type { Clock } from '../../component-base/clock.ts'
import type { Subnet } from '../../component-base/ip-address.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type NetworkConfig, parseNetworkConfig, subnetRanges } from '../config.ts'
import type { PerFamily } from '../family.ts'
import type { Flags } from '../flags.ts'
import { ConfigError } from '../json-fields.ts'
import type { EtcdClient } from './etcd-client.ts'
import { EtcdError } from './etcd-wire.ts'
import type { Lease } from './lease.ts'

/** What the manager is given. */
export type EtcdOptions = { readonly flags: Flags; readonly clock: Clock; readonly logger: Logger }

/** Where leases lie, and what this host holds. */
export type Store = EtcdOptions & {
  readonly client: EtcdClient
  /** `/coreos.com/network/subnets/` */
  readonly folder: string
  readonly configKey: string
  readonly held: Held
}

/** This host's own. */
export type Held = {
  /** The etcd lease that our key is bound to; `'0'` when it is reserved for us. */
  id: string
  /** Ends the watch so that everything is read again. */
  readAgain: () => void
}

/** How long a lease lasts without renewal. */
export const leaseSeconds = 24 * 3600

/** The subnets of a lease. */
export function subnetsOf({ ipv4, ipv6 }: Lease): PerFamily<Subnet> {
  return { ...(ipv4 !== undefined && { ipv4: ipv4.subnet }), ...(ipv6 !== undefined && { ipv6: ipv6.subnet }) }
}

/** The configuration, checked: an operator may put it right while we wait. */
export async function readConfig({ client, configKey }: Store, signal: AbortSignal): Promise<NetworkConfig> {
  const { items } = await client.range(configKey, false, signal)
  if (items[0] === undefined) throw new EtcdError(`key ${configKey} is not set`, 5)
  const config = parseNetworkConfig(items[0].value)
  if (config.networks.ipv4 === undefined) {
    throw new ConfigError('a network without IPv4 needs --kube-subnet-mgr: keys in etcd name an IPv4 subnet')
  }
  subnetRanges(config)
  return config
}
