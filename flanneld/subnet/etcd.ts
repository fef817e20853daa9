/**
 * Leases in etcd: one key per host, bound to an etcd lease of 24 hours, or to none where an operator reserved it.
 *
 *   /coreos.com/network/config                    net-conf.json
 *   /coreos.com/network/subnets/10.244.1.0-24     {"PublicIP":"172.31.240.11","BackendType":"udp"}
 */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'
import { overlaps } from '../../component-base/ip-address.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type NetworkConfig, parseNetworkConfig, subnetRanges } from '../config.ts'
import { families, familiesOf, type PerFamily, perFamily } from '../family.ts'
import type { Flags } from '../flags.ts'
import { ConfigError } from '../json-fields.ts'
import { type PreviousEnv, readPreviousEnv } from './env-file.ts'
import { CompactedError, EtcdClient, type EtcdConfig, EtcdError, type KeyValue } from './etcd-client.ts'
import { chooseSubnets, fits, parseLease, renderAttributes, subnetKey } from './etcd-records.ts'
import { describeSubnets, type Lease, type LeaseAttributes, type SubnetManager, sortLeases } from './lease.ts'

type EtcdOptions = { readonly flags: Flags; readonly clock: Clock; readonly logger: Logger }

type Store = EtcdOptions & {
  readonly client: EtcdClient
  /** `/coreos.com/network/subnets/` */
  readonly folder: string
  readonly configKey: string
  readonly held: Held
}

type Held = {
  /** The etcd lease that our key is bound to; `'0'` when it is reserved for us. */
  id: string
  /** Ends the watch so that everything is read again. */
  readAgain: () => void
}

const leaseSeconds = 24 * 3600
const retryMs = 1_000
/** A subnet can be lost to another host between reading and writing. */
const maxRaces = 10
/** How often the lease is looked at. Lost keys are noticed by the watch, at once. */
const checkMs = 30_000

/** Leases kept in etcd. */
export async function createEtcdSubnetManager(options: EtcdOptions): Promise<SubnetManager> {
  const { flags } = options
  const prefix = `/${flags['etcd-prefix'].replace(/^\/+|\/+$/g, '')}`
  const client = new EtcdClient(await readEtcdConfig(flags))
  const held: Held = { id: '0', readAgain: () => undefined }
  const store: Store = { ...options, client, folder: `${prefix}/subnets/`, configKey: `${prefix}/config`, held }
  return {
    networkConfig: async (signal) => {
      const attempt = async (): Promise<NetworkConfig> => await readConfig(store, signal)
      return await untilDone(store, "Couldn't fetch network config", attempt, signal)
    },
    givenAddresses: async () => ({}),
    acquire: async (attributes, signal) => {
      const previous = await readPreviousEnv(flags['subnet-file'])
      const attempt = async (): Promise<Lease> => await acquire(store, attributes, previous, signal)
      return await untilDone(store, 'Could not lease a subnet', attempt, signal)
    },
    watch: (own, signal) => watch(store, own, signal),
    keep: async (_own, signal) => await keep(store, signal),
  }
}

async function readEtcdConfig(flags: Flags): Promise<EtcdConfig> {
  const pem = async (path: string): Promise<string | undefined> =>
    path === '' ? undefined : await readFile(path, 'utf8')
  const [ca, cert, key] = await Promise.all([
    pem(flags['etcd-cafile']),
    pem(flags['etcd-certfile']),
    pem(flags['etcd-keyfile']),
  ])
  return {
    endpoints: flags['etcd-endpoints'].map((endpoint) => endpoint.replace(/\/+$/, '')),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(flags['etcd-username'] !== '' && { username: flags['etcd-username'], password: flags['etcd-password'] }),
  }
}

async function untilDone<T>(
  { clock, logger }: Store,
  message: string,
  attempt: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (signal.aborted || !(error instanceof EtcdError || error instanceof ConfigError)) throw error
      logger.error(message, { error })
    }
    await clock.sleep(retryMs, signal)
  }
}

/** The configuration, checked: an operator may put it right while we wait. */
async function readConfig({ client, configKey }: Store, signal: AbortSignal): Promise<NetworkConfig> {
  const { items } = await client.range(configKey, false, signal)
  if (items[0] === undefined) throw new EtcdError(`key ${configKey} is not set`, 5)
  const config = parseNetworkConfig(items[0].value)
  if (config.networks.ipv4 === undefined) {
    throw new ConfigError('a network without IPv4 needs --kube-subnet-mgr: keys in etcd name an IPv4 subnet')
  }
  subnetRanges(config)
  return config
}

async function acquire(
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

function subnetsOf({ ipv4, ipv6 }: Lease): PreviousEnv['subnets'] {
  return { ...(ipv4 !== undefined && { ipv4: ipv4.subnet }), ...(ipv6 !== undefined && { ipv6: ipv6.subnet }) }
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

async function create({ client, folder, held }: Store, own: Lease, signal: AbortSignal): Promise<Lease | undefined> {
  const id = await client.grantLease(leaseSeconds, signal)
  if (!(await client.create(folder + subnetKey(subnetsOf(own)), renderAttributes(own), id, signal))) {
    await client.revokeLease(id, signal)
    return undefined
  }
  held.id = id
  return own
}

/** Renews long before the margin begins. What is lost is for the watch to take again. */
async function keep({ client, clock, logger, flags, held }: Store, signal: AbortSignal): Promise<void> {
  const marginSeconds = flags['subnet-lease-renew-margin'] * 60
  while (!signal.aborted) {
    await clock.sleep(checkMs, signal)
    if (held.id === '0') continue
    try {
      const left = await client.leaseSeconds(held.id, signal)
      if (left <= 0) held.readAgain()
      else if (left < Math.max(marginSeconds, leaseSeconds / 2)) {
        await client.renewLease(held.id, signal)
        logger.info('Renewed the lease', { secondsLeft: left })
      }
    } catch (error) {
      if (signal.aborted || !(error instanceof EtcdError)) throw error
      logger.error('Could not renew the lease', { error })
      // The watch may hang on a connection that is dead without knowing it.
      held.readAgain()
    }
  }
}

async function* watch(store: Store, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { clock, logger, held } = store
  while (!signal.aborted) {
    const again = new AbortController()
    const linked = linkSignals([signal, again.signal])
    held.readAgain = () => again.abort(new Error('the leases are to be read again'))
    try {
      yield* watchOnce(store, own, linked.signal)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof LostError) throw error
      if (again.signal.aborted) continue
      if (!(error instanceof CompactedError)) logger.error('Watch of leases ended', { error })
    } finally {
      linked.unlink()
    }
    await clock.sleep(retryMs, signal)
  }
}

/** Everything as it is now, then every change, without a gap: the watch begins at the revision that was read. */
async function* watchOnce(store: Store, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { client, folder } = store
  const { revision, items } = await client.range(folder, true, signal)
  const present = new Map(items.map((item) => [item.key, item]))
  await checkOwn(store, own, present, signal)
  yield others(folder, present, own)
  for await (const events of client.watch(folder, revision, signal)) {
    for (const event of events) {
      if (event.type === 'delete') present.delete(event.key)
      else present.set(event.key, event)
    }
    if (events.length === 0) continue
    await checkOwn(store, own, present, signal)
    yield others(folder, present, own)
  }
  throw new EtcdError('etcd ended the watch', 14)
}

/** Our subnet belongs to another host now. */
class LostError extends Error {
  override readonly name = 'LostError'
}

/**
 * A key that is gone (deleted, expired, lost with etcd's data) is made again at once. Where another host was faster,
 * the daemon ends: with another subnet every pod of this host would need another address.
 */
async function checkOwn(
  store: Store,
  own: Lease,
  present: ReadonlyMap<string, KeyValue>,
  signal: AbortSignal,
): Promise<void> {
  const { folder, held, logger } = store
  const key = folder + subnetKey(subnetsOf(own))
  const item = present.get(key)
  if (item === undefined) {
    // When the key has come back meanwhile, its event is on the way and is judged then.
    if ((await create(store, own, signal)) !== undefined) {
      logger.info('Leased the subnet again', { subnet: describeSubnets(own) })
    }
    return
  }
  if (parseLease(key.slice(folder.length), item.value)?.ipv4?.publicIp !== own.ipv4?.publicIp) {
    throw new LostError(`subnet ${describeSubnets(own)} was lost to another host: ${item.value}`)
  }
  held.id = item.lease
}

function others(folder: string, present: ReadonlyMap<string, KeyValue>, own: Lease): readonly Lease[] {
  const leases = [...present.values()].flatMap(({ key, value }) => parseLease(key.slice(folder.length), value) ?? [])
  // A second lease of this host's address is one that it held before.
  return sortLeases(leases.filter((lease) => !isOwn(lease, own)))
}

function isOwn(lease: PerFamily<{ readonly publicIp: string }>, own: Lease): boolean {
  return lease.ipv4?.publicIp === own.ipv4?.publicIp
}
