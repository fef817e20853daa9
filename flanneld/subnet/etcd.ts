/**
 * Leases in etcd: one key per host, bound to an etcd lease of 24 hours, or to none where an operator reserved it.
 *
 *   /coreos.com/network/config                    net-conf.json
 *   /coreos.com/network/subnets/10.244.1.0-24     {"PublicIP":"172.31.240.11","PublicIPv6":null,"BackendType":"host-gw"}
 */
import { readFile } from 'node:fs/promises'
import type { NetworkConfig } from '../config.ts'
import type { Flags } from '../flags.ts'
import { ConfigError } from '../json-fields.ts'
import { readPreviousEnv } from './env-file.ts'
import { acquire } from './etcd-acquire.ts'
import { EtcdClient, type EtcdConfig } from './etcd-client.ts'
import { type EtcdOptions, type Held, leaseSeconds, readConfig, type Store } from './etcd-store.ts'
import { watch } from './etcd-watch.ts'
import { EtcdError } from './etcd-wire.ts'
import type { Lease, SubnetManager } from './lease.ts'

const retryMs = 1_000
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
