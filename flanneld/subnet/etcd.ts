/**
 * Leases in etcd: one key per host, bound to an etcd lease of 24 hours.
 *
 *   /coreos.com/network/config                    net-conf.json
 *   /coreos.com/network/subnets/10.244.1.0-24     {"PublicIP":"172.31.240.11","BackendType":"udp"}
 */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type NetworkConfig, parseNetworkConfig } from '../config.ts'
import type { Flags } from '../flags.ts'
import { formatSubnet, parseSubnet, type Subnet } from '../ipv4.ts'
import { parsePreviousSubnet } from './env-file.ts'
import { CompactedError, EtcdClient, type EtcdConfig, EtcdError } from './etcd-client.ts'
import { chooseSubnet, fits, parseLease, renderAttributes, subnetKey } from './etcd-records.ts'
import { type Lease, type LeaseAttributes, type SubnetManager, sortLeases } from './lease.ts'

type EtcdOptions = { readonly flags: Flags; readonly clock: Clock; readonly logger: Logger }

type Store = EtcdOptions & {
  readonly client: EtcdClient
  readonly prefix: string
  /** The etcd lease that our key is bound to, per key; renewed by `keep`. */
  readonly held: { id: string; modRevision: string }
}

const leaseSeconds = 24 * 3600
const retryMs = 1_000
/** A subnet can be lost to another host between reading and writing. */
const maxRaces = 10

/** Leases kept in etcd. */
export async function createEtcdSubnetManager(options: EtcdOptions): Promise<SubnetManager> {
  const { flags } = options
  const prefix = `/${flags['etcd-prefix'].replace(/^\/+|\/+$/g, '')}`
  const client = new EtcdClient(await readEtcdConfig(flags))
  const store: Store = { ...options, client, prefix, held: { id: '0', modRevision: '0' } }
  return {
    networkConfig: async (signal) =>
      await untilDone(
        store,
        'Waiting for the network configuration',
        async () => await readConfig(store, signal),
        signal,
      ),
    acquire: async (attributes, signal) => {
      const config = parseNetworkConfig(await readConfig(store, signal))
      return await untilDone(
        store,
        'Could not lease a subnet',
        async () => await acquire(store, config, attributes, signal),
        signal,
      )
    },
    watch: (own, signal) => watch(store, own, signal),
    keep: async (own, signal) => await keep(store, own, signal),
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
      if (signal.aborted || !(error instanceof EtcdError)) throw error
      logger.error(message, { error })
    }
    await clock.sleep(retryMs, signal)
  }
}

async function readConfig({ client, prefix }: Store, signal: AbortSignal): Promise<string> {
  const { items } = await client.range(`${prefix}/config`, false, signal)
  if (items[0] === undefined) throw new EtcdError(`key ${prefix}/config is not set`, 5)
  return items[0].value
}

async function acquire(
  store: Store,
  config: NetworkConfig,
  attributes: LeaseAttributes,
  signal: AbortSignal,
): Promise<Lease> {
  const previous = parsePreviousSubnet(await readFile(store.flags['subnet-file'], 'utf8').catch(() => ''))
  const wanted = previous === undefined ? undefined : parseSubnet(previous)
  for (let race = 0; race < maxRaces; race += 1) {
    const lease = await tryAcquire(store, config, attributes, wanted, signal)
    if (lease !== undefined) return lease
  }
  throw new EtcdError('max retries reached trying to acquire a subnet', 10)
}

/** Takes this host's own lease over, or the subnet of an earlier run, or a free one; `undefined` when another host was faster. */
async function tryAcquire(
  store: Store,
  config: NetworkConfig,
  attributes: LeaseAttributes,
  wanted: Subnet | undefined,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const { client, prefix } = store
  const folder = `${prefix}/subnets/`
  const { items } = await client.range(folder, true, signal)
  const present = items.flatMap((item) => {
    const lease = parseLease(item.key.slice(folder.length), item.value)
    return lease === undefined ? [] : [{ lease, item }]
  })
  const own = present.find(({ lease }) => lease.publicIp === attributes.publicIp && fits(config, lease.subnet))
  const isWantedFree =
    wanted !== undefined &&
    fits(config, wanted) &&
    !present.some(({ lease }) => formatSubnet(lease.subnet) === formatSubnet(wanted))
  const free = isWantedFree
    ? wanted
    : chooseSubnet(
        config,
        present.map(({ lease }) => lease.subnet),
        Math.random,
      )
  const subnet = own?.lease.subnet ?? free
  if (subnet === undefined) throw new EtcdError('out of subnets', 8)
  const key = folder + subnetKey(subnet)
  const isReserved = own !== undefined && own.item.lease === '0'
  const id = isReserved ? '0' : await client.grantLease(leaseSeconds, signal)
  const value = renderAttributes(attributes)
  const isOurs =
    own === undefined
      ? await client.create(key, value, id, signal)
      : await client.replace(key, value, id, own.item.modRevision, signal)
  if (!isOurs) return undefined
  store.held.id = id
  return { ...attributes, subnet }
}

/** Renews before the margin begins; a lease that is lost is taken again, or the daemon stops so that its successor can. */
async function keep(store: Store, own: Lease, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, flags, held } = store
  const marginSeconds = flags['subnet-lease-renew-margin'] * 60
  while (!signal.aborted) {
    await clock.sleep(checkMs, signal)
    if (held.id === '0') continue
    try {
      const left = await client.leaseSeconds(held.id, signal)
      if (left <= 0) await regain(store, own, signal)
      else if (left < Math.max(marginSeconds, leaseSeconds / 2)) await client.renewLease(held.id, signal)
    } catch (error) {
      if (signal.aborted || !(error instanceof EtcdError)) throw error
      logger.error('Could not renew the lease', { error })
    }
  }
}

/** How often the lease is looked at: an expired or revoked one is missed for this long at most. */
const checkMs = 30_000

async function regain({ client, prefix, held, logger }: Store, own: Lease, signal: AbortSignal): Promise<void> {
  const id = await client.grantLease(leaseSeconds, signal)
  const key = `${prefix}/subnets/${subnetKey(own.subnet)}`
  if (!(await client.create(key, renderAttributes(own), id, signal))) {
    throw new Error(`subnet ${formatSubnet(own.subnet)} was lost to another host`)
  }
  held.id = id
  logger.info('Leased subnet again', { subnet: formatSubnet(own.subnet) })
}

async function* watch(store: Store, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { client, prefix, clock, logger } = store
  const folder = `${prefix}/subnets/`
  while (!signal.aborted) {
    try {
      const { revision, items } = await client.range(folder, true, signal)
      const leases = new Map(items.map((item) => [item.key, parseLease(item.key.slice(folder.length), item.value)]))
      yield others(leases, own)
      for await (const events of client.watch(folder, revision, signal)) {
        for (const { type, key, value } of events) {
          if (type === 'delete') leases.delete(key)
          else leases.set(key, parseLease(key.slice(folder.length), value))
        }
        if (events.length > 0) yield others(leases, own)
      }
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof CompactedError)) logger.error('Watch of leases ended', { error })
      await clock.sleep(retryMs, signal)
    }
  }
}

function others(leases: ReadonlyMap<string, Lease | undefined>, own: Lease): readonly Lease[] {
  const known = [...leases.values()].filter((lease) => lease !== undefined)
  return sortLeases(known.filter(({ subnet }) => formatSubnet(subnet) !== formatSubnet(own.subnet)))
}
