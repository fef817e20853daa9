/** Writes what every cluster starts with, then keeps the Service `kubernetes` pointing here. */
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Access } from '../access.ts'
import type { Config } from '../config.ts'
import type { Store } from '../registry/store.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { ensureAll, ensureFields } from './ensure.ts'
import {
  authenticationConfigMap,
  kubernetesService,
  namespaceObject,
  priorityClasses,
  serviceCidr,
  systemNamespaces,
} from './objects.ts'
import { ensureRbac } from './rbac.ts'

export type BootstrapOptions = {
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly access: Access
  readonly store: Store
  readonly caches: WatchCache
  readonly port: number
  /** Told once, after the first complete pass. */
  readonly onDone: () => void
}

/** Source: `DefaultEndpointReconcilerInterval`. */
const everyMs = 10_000
const retryMs = 500

/** Runs until `signal` aborts. A store that is away for a while only delays it. */
export async function runBootstrap(options: BootstrapOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, caches, store } = options
  // Many writes at once listen to it.
  setMaxListeners(0, signal)
  while (!caches.isLoaded) await clock.sleep(5, signal)
  let done = false
  for (;;) {
    try {
      await writeAlways(options, signal)
      if (!done) {
        await writeOnce(options, signal)
        await ensureRbac(store, signal)
        done = true
        options.onDone()
      }
    } catch (error) {
      signal.throwIfAborted()
      logger.error('Could not write bootstrap objects', { error })
      await clock.sleep(retryMs, signal)
      continue
    }
    await clock.sleep(everyMs, signal)
  }
}

/** What is put back when someone deletes it. */
async function writeAlways({ config, access, store, port }: BootstrapOptions, signal: AbortSignal): Promise<void> {
  await ensureAll(store, systemNamespaces.map(namespaceObject), signal)
  const facts = { clusterIp: access.kubernetesServiceIp, address: config.advertiseAddress, port }
  const [service, ...backends] = kubernetesService(facts)
  if (service !== undefined) await ensureAll(store, [service], signal)
  for (const backend of backends) await ensureFields(store, backend, ['subsets', 'endpoints', 'ports'], signal)
}

async function writeOnce({ config, access, store }: BootstrapOptions, signal: AbortSignal): Promise<void> {
  await ensureAll(store, [...priorityClasses, serviceCidr(config.flags['service-cluster-ip-range'])], signal)
  if (Object.keys(access.authenticationData).length > 0) {
    await ensureFields(store, authenticationConfigMap(access.authenticationData), ['data'], signal)
  }
}
