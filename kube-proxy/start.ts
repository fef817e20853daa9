/** Builds kube-proxy from its parts and runs it. */

import type { Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import { createInformer } from '../client/cache/informer.ts'
import type { Client } from '../client/rest/client.ts'
import { endpointSlices, nodes, services } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll, type Task } from '../component-base/run.ts'
import type { Iptables } from '../netfilter/iptables.ts'
import type { ProxyConfig } from './config.ts'
import type { ProxyMetrics } from './metrics.ts'
import { localDetectorOf, nodeIpsOf, nodePortAddressesOf, podSourcesOf } from './plan/node.ts'
import { type PlannedPort, Planner } from './plan/planner.ts'
import { baseJumps } from './render/base.ts'
import type { RenderOptions } from './render/options.ts'
import { Applier } from './sync/applier.ts'
import { cleanUpFlows, udpFingerprint } from './sync/conntrack.ts'
import { type HealthCheckServers, serviceHealthOf } from './sync/health-check.ts'
import { SyncLoop } from './sync/loop.ts'
import type { ProxyHealth } from './sync/proxy-health.ts'
import type { KernelSettings } from './sync/sysctl.ts'

export type ProxyOptions = {
  readonly config: ProxyConfig
  readonly client: Client
  readonly nodeName: string
  readonly iptables: Iptables
  readonly kernel: KernelSettings
  /** All addresses of the interfaces in this network namespace. */
  readonly hostIps: () => readonly string[]
  readonly health: ProxyHealth
  readonly healthChecks: HealthCheckServers
  readonly metrics: ProxyMetrics
  readonly clock: Clock
  readonly logger: Logger
}

/** Everything is written anew this often, whatever we believe is in the kernel. */
const fullSyncPeriodMs = 3_600_000
const byService = 'service'
/** Services and slices that are not ours by label: headless ones, and those of another proxy. */
const notOurs = '!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name'

/** Keeps the node's rules in step with the cluster until `signal` aborts. */
export async function startProxy(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, logger, nodeName, config, health } = options
  const informers = {
    services: createInformer({ client, ref: services, labelSelector: notOurs, clock, logger }),
    slices: createInformer({ client, ref: endpointSlices, labelSelector: notOurs, clock, logger }),
    nodes: createInformer({ client, ref: nodes, fieldSelector: `metadata.name=${nodeName}`, clock, logger }),
  }
  informers.slices.addIndex(byService, serviceKeys)
  const sync = createSync(options, informers)
  const loop = new SyncLoop({
    sync: sync.once,
    check: sync.check,
    minSyncPeriodMs: config.minSyncPeriodMs,
    syncPeriodMs: config.syncPeriodMs,
    clock,
    logger,
  })
  const changed = () => {
    health.queued()
    loop.request()
  }
  const syncing: Task = async (stop) => {
    for (const { whenSynced } of Object.values(informers)) await whenSynced(stop)
    informers.services.onChange(changed)
    informers.slices.onChange(changed)
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
    rules: syncing,
  })
}

type Informers = {
  readonly services: { readonly list: () => readonly Service[] }
  readonly slices: { readonly byIndex: (name: string, value: string) => readonly EndpointSlice[] }
  readonly nodes: { readonly get: (name: string) => Parameters<typeof nodeIpsOf>[0] }
}

function createSync(options: ProxyOptions, informers: Informers) {
  const { iptables, nodeName, clock, health, healthChecks, metrics, logger } = options
  const planner = new Planner()
  const applier = new Applier(iptables)
  const flows = { fingerprint: '' }
  let fullAtMs = clock.now()
  const once = async (signal: AbortSignal): Promise<void> => {
    const startMs = clock.now()
    const node = informers.nodes.get(nodeName)
    const renderOptions = renderOptionsOf(options, node)
    const { blocks, ports } = planner.plan({
      services: informers.services.list(),
      slicesOf: ({ metadata }) => informers.slices.byIndex(byService, `${metadata.namespace ?? ''}/${metadata.name}`),
      topology: { nodeName, zone: node?.metadata.labels?.['topology.kubernetes.io/zone'] ?? '' },
      options: renderOptions,
    })
    if (startMs - fullAtMs >= fullSyncPeriodMs) applier.forget()
    try {
      const result = await applier.apply(blocks, baseJumps(renderOptions), signal)
      const seconds = (clock.now() - startMs) / 1_000
      if (result.type === 'full') fullAtMs = startMs
      metrics.observeSync(result, seconds)
      if (result.type !== 'none') logger.info('Synced rules', { type: result.type, lines: result.lines, seconds })
    } catch (error) {
      metrics.observeFailure()
      throw error
    }
    metrics.setTimestamp(clock.now() / 1_000)
    healthChecks.update(serviceHealthOf(ports), signal)
    await refreshFlows(ports, renderOptions, signal)
    health.updated(startMs)
  }
  const refreshFlows = async (ports: readonly PlannedPort[], { family }: RenderOptions, signal: AbortSignal) => {
    const fingerprint = udpFingerprint(ports)
    if (fingerprint === flows.fingerprint) return
    try {
      const deleted = await cleanUpFlows(family, ports, new Set(options.hostIps()), signal)
      if (deleted > 0) logger.info('Deleted stale UDP flows', { count: deleted })
    } catch (error) {
      if (signal.aborted) throw error
      // The rules are in place: new flows are right, old ones end by themselves. Another try with the next change.
      logger.error('Stale UDP flows not deleted', { error })
    }
    flows.fingerprint = fingerprint
  }
  const check = async (signal: AbortSignal): Promise<void> => {
    if (!(await applier.isFlushed(signal))) return
    logger.info('Found rules gone, writing all of them anew')
    applier.forget()
  }
  return { once, check }
}

function renderOptionsOf(
  { config, iptables: { family }, kernel, hostIps }: ProxyOptions,
  node: Parameters<typeof nodeIpsOf>[0],
): RenderOptions {
  const nodeIps = nodeIpsOf(node, family)
  return {
    family,
    masqueradeAll: config.masqueradeAll,
    masqueradeMark: config.masqueradeMark,
    localDetector: localDetectorOf(config.detectLocal, node, family),
    nodeIps,
    nodePortAddresses: nodePortAddressesOf(config.nodePortAddresses, hostIps(), nodeIps, family),
    hasLocalhostNodePorts: config.localhostNodePorts && family === 'ip',
    dropsInvalid: !kernel.isTcpLiberal,
    bridgedSources: kernel.seesBridged ? undefined : podSourcesOf(node, family),
  }
}

/** A slice belongs to the Service that its label names. */
function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`]
}
