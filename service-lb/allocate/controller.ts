/** The allocating part, run by one holder of the lease: Services in, status and finalizers out. */
import type { Node, Service } from '../../api/core/v1.ts'
import { type NamespacedName, objectKey } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { createInformer, type Informer } from '../../client/cache/informer.ts'
import { type Controller, runController } from '../../client/controller/controller.ts'
import { createRecorder, type Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { services as servicesRef } from '../../client/rest/resource-refs.ts'
import type { Backoff } from '../../client/workqueue/backoff.ts'
import { createWorkqueue } from '../../client/workqueue/workqueue.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runAll } from '../../component-base/run.ts'
import { mayAnnounce } from '../announce/elect.ts'
import type { LoadBalancerMetrics } from '../metrics.ts'
import { type Pool, sizeOf } from '../pool.ts'
import { type Classes, familiesOf, finalizer, statusAddresses, wantsLoadBalancer } from '../services.ts'
import { type Action, type Observed, plan } from './plan.ts'

export type AllocatorOptions = {
  readonly client: Client
  readonly pool: Pool
  readonly classes: Classes
  /** Nodes as the speaker's cache shows them. */
  readonly nodes: () => readonly Node[]
  readonly metrics: LoadBalancerMetrics
  readonly clock: Clock
  readonly logger: Logger
}

/** Source: cloud-provider service controller, `minRetryDelay` and `maxRetryDelay`. */
const retry: Backoff = { initialMs: 5_000, maxMs: 300_000, factor: 2, jitter: 0 }
const byAddress = 'address'
const incomplete = 'incomplete'
/** How long the worker waits for its own write to come back. */
const shownLimitMs = 10_000

/** Allocates until `signal` aborts. Its caches begin when it does, so that they show what an earlier holder wrote. */
export async function runAllocator(options: AllocatorOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, classes } = options
  const services = createInformer({ client, ref: servicesRef, clock, logger })
  services.addIndex(byAddress, statusAddresses)
  services.addIndex(incomplete, (service) => (isIncomplete(service, classes) ? ['true'] : []))
  const recorder = createRecorder({ client, component: 'service-controller', clock, logger })
  const queue = createWorkqueue<NamespacedName>({ clock, backoff: retry })
  services.onChange((change) => {
    queue.add(objectKey(change.object))
    const before = change.type === 'updated' ? change.old : change.object
    const after = change.type === 'deleted' ? [] : statusAddresses(change.object)
    const isFreed = change.type !== 'added' && statusAddresses(before).some((address) => !after.includes(address))
    // What was given back may be what others wait for.
    if (isFreed) for (const waiting of services.byIndex(incomplete, 'true')) queue.add(objectKey(waiting))
  })
  options.metrics.watchAllocations(() => ({
    addresses: sizeOf(options.pool),
    inUse: services.list().flatMap(statusAddresses).length,
  }))
  const apply = createApply(options, services, recorder)
  const controller: Controller<Observed, Action> = {
    name: 'service-lb',
    queue,
    observe: (key) => observe(services.get(key), services, options),
    plan,
    apply,
    report: (key, error) => {
      if (hasReason(error, 'Conflict')) logger.debug('Retried after a conflict', { key })
      else logger.info('Load balancer not ensured', { key, error })
    },
  }
  await runAll(signal, {
    services: services.run,
    events: recorder.run,
    allocator: async (stop) => {
      await services.whenSynced(stop)
      await runController(controller, { workers: 1 }, stop)
    },
  })
}

function isIncomplete(service: Service, classes: Classes): boolean {
  return wantsLoadBalancer(service, classes) && statusAddresses(service).length < familiesOf(service).length
}

function observe(
  service: Service | undefined,
  services: Informer<Service>,
  { pool, classes, nodes }: AllocatorOptions,
): Observed | undefined {
  if (service === undefined) return undefined
  const holdersOf = (address: string): readonly Service[] => services.byIndex(byAddress, address)
  return { service, pool, classes, holdersOf, hasNodes: nodes().some(mayAnnounce) }
}

function createApply(
  { client }: AllocatorOptions,
  services: Informer<Service>,
  recorder: Recorder,
): (action: Action, signal: AbortSignal) => Promise<void> {
  const shown = async (written: Service, signal: AbortSignal): Promise<Service> => {
    await services.whenSeen(written.metadata.resourceVersion, shownLimitMs, signal)
    return written
  }
  const setFinalizers = async (
    service: Service,
    finalizers: readonly string[],
    signal: AbortSignal,
  ): Promise<Service> => {
    const { resourceVersion } = service.metadata
    const body = { metadata: { resourceVersion, finalizers: finalizers.length === 0 ? null : finalizers } }
    return await client.patch(servicesRef, service.metadata, { type: 'merge', body }, signal)
  }
  const setStatus = async (service: Service, addresses: readonly string[], signal: AbortSignal): Promise<Service> => {
    if (statusAddresses(service).join() === addresses.join()) return service
    const { resourceVersion } = service.metadata
    const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }))
    const body = {
      metadata: { resourceVersion },
      status: { loadBalancer: { ingress: addresses.length === 0 ? null : ingress } },
    }
    return await client.patch(servicesRef, service.metadata, { type: 'merge', subresource: 'status', body }, signal)
  }
  const ensure = async ({ service, addresses, hasNodes }: Extract<Action, { type: 'ensure' }>, signal: AbortSignal) => {
    recorder.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
    const finalizers = service.metadata.finalizers ?? []
    // Before the address, so that the Service cannot go without giving it back.
    const held = finalizers.includes(finalizer)
      ? service
      : await setFinalizers(service, [...finalizers, finalizer], signal)
    if (!hasNodes) {
      recorder.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer')
    }
    await shown(await setStatus(held, addresses, signal), signal)
    recorder.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
  }
  const release = async (service: Service, signal: AbortSignal): Promise<void> => {
    recorder.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
    const emptied = await setStatus(service, [], signal)
    const rest = (emptied.metadata.finalizers ?? []).filter((each) => each !== finalizer)
    await shown(await setFinalizers(emptied, rest, signal), signal)
    recorder.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
  }
  return async (action, signal) => {
    try {
      switch (action.type) {
        case 'ensure':
          return await ensure(action, signal)
        case 'release':
          return await release(action.service, signal)
        case 'clear':
          await shown(await setStatus(action.service, [], signal), signal)
          return
        case 'refuse':
          throw new RefusedError(`failed to ensure load balancer: ${action.message}`)
      }
    } catch (error) {
      // Gone while we were at it: there is nothing left to do.
      if (hasReason(error, 'NotFound')) return
      if (!signal.aborted && !hasReason(error, 'Conflict')) {
        const why = error instanceof Error ? error.message : String(error)
        recorder.event(action.service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${why}`)
      }
      throw error
    }
  }
}

/** A Service that cannot have what it asks for. It is tried again with back-off, and when an address becomes free. */
class RefusedError extends Error {
  override readonly name = 'RefusedError'
}
