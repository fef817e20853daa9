/** How this host comes to its lease: its own of before, the subnets of an earlier run, or free ones. */
import { overlaps } from '../../component-base/ip-address.ts'
import { type NetworkConfig, subnetRanges } from '../config.ts'
import { families, familiesOf, perFamily } from '../family.ts'
import type { PreviousEnv } from './env-file.ts'
import { chooseSubnets, fits, parseLease, renderAttributes, subnetKey } from './etcd-records.ts'
import { leaseSeconds, readConfig, type Store, subnetsOf } from './etcd-store.ts'
import { EtcdError, type KeyValue } from './etcd-wire.ts'
import { describeSubnets, type Lease, type LeaseAttributes } from './lease.ts'

/** A subnet can be lost to another host between reading and writing. */
const maxRaces = 10

/** Leases subnets; fails when there is none, or when others are always faster. */
export async function acquire(
  store: Store,
  attributes: LeaseAttributes,
  previous: PreviousEnv,
  signal: AbortSignal,
): Promise<Lease> {
  const config = await readConfig(store, signal)
  for (let race = 0; race < maxRaces; race += 1) {
    const lease = await tryAcquire(store, config, attributes, previous, signal)
    if (lease !== undefined) return lease
  }
  throw new EtcdError('max retries reached trying to acquire a subnet', 10)
}

type Present = { readonly lease: Lease; readonly item: KeyValue }

/** Takes this host's own lease over, or the subnet of an earlier run, or a free one; `undefined` when another host was faster. */
async function tryAcquire(
  store: Store,
  config: NetworkConfig,
  attributes: LeaseAttributes,
  previous: PreviousEnv,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const { client, folder, logger } = store
  const { items } = await client.range(folder, true, signal)
  const present = items.flatMap((item) => {
    const lease = parseLease(item.key.slice(folder.length), item.value)
    return lease === undefined ? [] : [{ lease, item }]
  })
  // A backend that carries IPv4 only leases IPv4 only.
  const all = subnetRanges(config)
  const ranges = perFamily(familiesOf(attributes), (family) => all[family])
  const own = present.find(({ lease }) => lease.ipv4?.publicIp === attributes.ipv4?.publicIp)
  if (own !== undefined) {
    if (fits(ranges, subnetsOf(own.lease))) return await takeOver(store, own, attributes, signal)
    logger.info('The lease of this host does not fit the network any more', { subnet: describeSubnets(own.lease) })
    if (!(await client.remove(own.item.key, own.item.modRevision, signal))) return undefined
  }
  const taken = present.filter((each) => each !== own).map(({ lease }) => subnetsOf(lease))
  const isFree = (subnets: PreviousEnv['subnets']): boolean =>
    !taken.some((other) => families.some((family) => isOverlap(subnets[family], other[family])))
  const isReusable = fits(ranges, previous.subnets) && isFree(previous.subnets)
  const subnets = isReusable ? previous.subnets : chooseSubnets(ranges, taken, Math.random)
  if (subnets === undefined) throw new EtcdError('out of subnets', 8)
  return await create(store, leaseOf(attributes, subnets), signal)
}

function isOverlap(a: PreviousEnv['subnets']['ipv4'], b: PreviousEnv['subnets']['ipv4']): boolean {
  return a !== undefined && b !== undefined && overlaps(a, b)
}

function leaseOf({ backendType, ipv4, ipv6 }: LeaseAttributes, subnets: PreviousEnv['subnets']): Lease {
  return {
    backendType,
    ...(ipv4 !== undefined && subnets.ipv4 !== undefined && { ipv4: { ...ipv4, subnet: subnets.ipv4 } }),
    ...(ipv6 !== undefined && subnets.ipv6 !== undefined && { ipv6: { ...ipv6, subnet: subnets.ipv6 } }),
  }
}

/** What this host held before is held on: a reservation as such, a lease with its etcd lease as long as that lives. */
async function takeOver(
  store: Store,
  { lease, item }: Present,
  attributes: LeaseAttributes,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const { client, held } = store
  const isAlive = item.lease === '0' || (await client.renewLease(item.lease, signal)) > 0
  const id = isAlive ? item.lease : await client.grantLease(leaseSeconds, signal)
  const value = renderAttributes(attributes)
  if (!(await client.replace(item.key, value, id, item.modRevision, signal))) {
    if (!isAlive) await client.revokeLease(id, signal)
    return undefined
  }
  held.id = id
  return leaseOf(attributes, subnetsOf(lease))
}

/** Makes the key of a lease, bound to an etcd lease of its own; `undefined` when the key is there. */
export async function create(
  { client, folder, held }: Store,
  own: Lease,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const id = await client.grantLease(leaseSeconds, signal)
  if (!(await client.create(folder + subnetKey(subnetsOf(own)), renderAttributes(own), id, signal))) {
    await client.revokeLease(id, signal)
    return undefined
  }
  held.id = id
  return own
}
