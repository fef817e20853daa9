/** Builds kube-proxy from its parts and runs it. */

import type { Node, Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import type { ServiceCIDR } from '../api/networking/v1.ts'
import { createInformer } from '../client/cache/informer.ts'
import type { Client } from '../client/rest/client.ts'
import { endpointSlices, nodes, serviceCidrs, services } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll, type Task } from '../component-base/run.ts'
import type { ProxyConfig } from './config.ts'
import type { ProxyMetrics } from './metrics.ts'
import type { ProxyMode } from './mode.ts'
import { type ClusterSnapshot, createFamilySync } from './sync/family-sync.ts'
import { type HealthCheckServers, serviceHealthOf } from './sync/health-check.ts'
import { SyncLoop } from './sync/loop.ts'
import { ProgrammingLatency } from './sync/programming-latency.ts'
import type { ProxyHealth } from './sync/proxy-health.ts'

export type ProxyOptions = {
  readonly config: ProxyConfig
  readonly client: Client
  readonly nodeName: string
  /** One for each address family that this node can serve. */
  readonly modes: readonly ProxyMode[]
  /** Removes what other modes have left, once the rules of this one are in place; `false` when connections still need some of it. */
  readonly cleanUpOthers: (signal: AbortSignal) => Promise<boolean>
  /** All addresses of the interfaces in this network namespace. */
  readonly hostIps: () => readonly string[]
  readonly health: ProxyHealth
  readonly healthChecks: HealthCheckServers
  readonly metrics: ProxyMetrics
  readonly clock: Clock
  readonly logger: Logger
}

const byService = 'service'
/** How often connections that need what another mode has left are looked for: that reads all rules. */
const connectionsPeriodMs = 60_000
/** Services and slices that are not ours by label: headless ones, and those of another proxy. */
const notOurs = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name'

/** Keeps the node's rules in step with the cluster until `signal` aborts. */
export async function startProxy(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, nodeName, config, health, metrics } = options
  const informers = {
    services: createInformer({ client, ref: services, labelSelector: notOurs, clock, logger }),
    slices: createInformer({ client, ref: endpointSlices, labelSelector: notOurs, clock, logger }),
    nodes: createInformer({ client, ref: nodes, fieldSelector: `metadata.name=${nodeName}`, clock, logger }),
    serviceCidrs: createInformer({ client, ref: serviceCidrs, clock, logger }),
  }
  informers.slices.addIndex(byService, serviceKeys)
  const latency = new ProgrammingLatency(clock.now())
  const { once, check } = createSync(options, () => snapshotOf(options, informers), latency)
  const { minSyncPeriodMs, syncPeriodMs } = config
  const loop = new SyncLoop({ sync: once, check, minSyncPeriodMs, syncPeriodMs, clock, logger })
  const changed = () => {
    health.queued()
    metrics.setQueued(clock.now() / 1_000)
    loop.request()
  }
  const count = (kind: 'service' | 'endpoint') => () => {
    metrics.countChange(kind)
    changed()
  }
  const syncing: Task = async (stop) => {
    for (const { whenSynced } of Object.values(informers)) await whenSynced(stop)
    informers.services.onChange(count('service'))
    const countEndpoints = count('endpoint')
    informers.slices.onChange(({ object }) => {
      latency.note(object)
      countEndpoints()
    })
    informers.serviceCidrs.onChange(changed)
    informers.nodes.onChange(({ type, object }) => {
      health.setNodeEligible(type !== 'deleted' && object.metadata.deletionTimestamp === undefined)
      changed()
    })
    await loop.run(stop)
  }
  await runAll(signal, {
    services: (stop) => informers.services.run(stop),
    endpointslices: (stop) => informers.slices.run(stop),
    nodes: (stop) => informers.nodes.run(stop),
    servicecidrs: (stop) => informers.serviceCidrs.run(stop),
    rules: syncing,
  })
}

type Informers = {
  readonly services: { readonly list: () => readonly Service[] }
  readonly slices: { readonly byIndex: (name: string, value: string) => readonly EndpointSlice[] }
  readonly nodes: { readonly get: (name: string) => Node | undefined }
  readonly serviceCidrs: { readonly list: () => readonly ServiceCIDR[] }
}

function snapshotOf({ nodeName, config, hostIps }: ProxyOptions, informers: Informers): ClusterSnapshot {
  const { detectLocal, nodePortAddresses, bindAddress } = config
  return {
    facts: {
      ...{ nodeName, detectLocal, nodePortAddresses, bindAddress },
      node: informers.nodes.get(nodeName),
      hostIps: hostIps(),
      serviceCidrs: informers.serviceCidrs.list().flatMap(({ spec }) => spec?.cidrs ?? []),
    },
    services: informers.services.list(),
    slicesOf: ({ metadata }) => informers.slices.byIndex(byService, `${metadata.namespace ?? ''}/${metadata.name}`),
  }
}

function createSync(options: ProxyOptions, snapshot: () => ClusterSnapshot, latency: ProgrammingLatency) {
  const { modes, cleanUpOthers, clock, health, healthChecks, metrics, logger } = options
  const families = modes.map((mode) => createFamilySync({ mode, metrics, clock, logger }))
  // From then on the others' rules are looked for; never again once they are gone.
  let othersDueMs = clock.now()
  const once = async (signal: AbortSignal): Promise<number | undefined> => {
    const startMs = clock.now()
    const cluster = snapshot()
    const changes = latency.take()
    // Both families are tried: one that fails must not keep the other from its changes.
    const results = await Promise.allSettled(families.map(async ({ sync }) => await sync(cluster, signal)))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    metrics.settleChanges()
    for (const { family, changedMs } of changes) metrics.observeProgramming(family, (clock.now() - changedMs) / 1_000)
    const synced = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    healthChecks.update(serviceHealthOf(synced.flatMap(({ ports }) => ports)), signal)
    health.updated(startMs)
    if (clock.now() >= othersDueMs) othersDueMs = clock.now() + (await removeOthers(signal))
    const retries = synced.flatMap(({ retryAfterMs }) => retryAfterMs ?? [])
    return retries.length === 0 ? undefined : Math.min(...retries)
  }
  /** The rules of this mode stand; what others left is in nobody's way for long. In how many milliseconds to try again. */
  const removeOthers = async (signal: AbortSignal): Promise<number> => {
    try {
      return (await cleanUpOthers(signal)) ? Number.POSITIVE_INFINITY : connectionsPeriodMs
    } catch (error) {
      if (signal.aborted) throw error
      logger.error('Rules of other modes not removed', { error })
      return 0
    }
  }
  const check = async (signal: AbortSignal): Promise<void> => {
    for (const family of families) await family.check(signal)
  }
  return { once, check }
}

/** A slice belongs to the Service that its label names. */
function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`]
}
