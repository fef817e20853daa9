/** One pass for one address family: snapshot → plan → the mode writes → stale UDP flows go. */
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { ProxyMetrics } from '../metrics.ts'
import type { ProxyMode } from '../mode.ts'
import { type NodeFacts, nodeStateOf } from '../plan/node.ts'
import { type PlannedPort, Planner } from '../plan/planner.ts'
import { cleanUpFlows, fingerprintOf, type UdpFrontends, udpFrontendsOf, withGone } from './conntrack.ts'

/** What the caches hold, for both families. */
export type ClusterSnapshot = {
  readonly facts: NodeFacts
  readonly services: readonly Service[]
  readonly slicesOf: (service: Service) => readonly EndpointSlice[]
}

export type FamilySyncOptions = {
  readonly mode: ProxyMode
  readonly metrics: ProxyMetrics
  readonly clock: Clock
  readonly logger: Logger
}

export type FamilySync = {
  /** Brings the kernel in step. */
  readonly sync: (snapshot: ClusterSnapshot, signal: AbortSignal) => Promise<FamilySynced>
  /** Looks whether somebody else has changed the kernel. */
  readonly check: (signal: AbortSignal) => Promise<void>
}

/** The ports that are served now, and when to try again what the kernel refused. */
export type FamilySynced = { readonly ports: readonly PlannedPort[]; readonly retryAfterMs: number | undefined }

/** Everything is written anew this often, whatever we believe is in the kernel. */
const fullSyncPeriodMs = 3_600_000

/** Remembers plan and kernel state of one family. */
export function createFamilySync(options: FamilySyncOptions): FamilySync {
  const { mode, metrics, clock, logger } = options
  const { family } = mode
  const planner = new Planner()
  const flows: { before: UdpFrontends; ports: readonly PlannedPort[] } = { before: new Map(), ports: [] }
  let fullAtMs = clock.now()
  const write = async (snapshot: ClusterSnapshot, signal: AbortSignal): Promise<FamilySynced> => {
    const startMs = clock.now()
    const { facts, services, slicesOf } = snapshot
    const node = nodeStateOf(facts, family)
    const ports = planner.plan({ family, services, slicesOf, topology: node.topology })
    if (startMs - fullAtMs >= fullSyncPeriodMs) mode.forget()
    const result = await mode.sync({ node, ports }, signal)
    if (result.type === 'full') fullAtMs = startMs
    const seconds = (clock.now() - startMs) / 1_000
    metrics.observeSync(family, result, seconds)
    metrics.setTimestamp(family, clock.now() / 1_000)
    const { internal, external } = countNoLocal(ports)
    metrics.setNoLocal(family, internal, external)
    const { type, lines } = result
    if (type !== 'none') logger.info('Synced rules', { family, type, lines, seconds })
    return { ports, retryAfterMs: result.retryAfterMs }
  }
  const refreshFlows = async (ports: readonly PlannedPort[], hostIps: readonly string[], signal: AbortSignal) => {
    if (ports === flows.ports) return
    const frontends = udpFrontendsOf(ports)
    const { before } = flows
    flows.ports = ports
    flows.before = frontends
    if (fingerprintOf(frontends) === fingerprintOf(before)) return
    const startMs = clock.now()
    try {
      const deleted = await cleanUpFlows(family, withGone(frontends, before), new Set(hostIps), signal)
      metrics.observeFlows(family, deleted, (clock.now() - startMs) / 1_000)
      if (deleted > 0) logger.info('Deleted stale UDP flows', { family, count: deleted })
    } catch (error) {
      if (signal.aborted) throw error
      // The rules are in place: new flows are right, old ones end by themselves. Another try with the next change.
      logger.error('Stale UDP flows not deleted', { family, error })
    }
  }
  return {
    sync: async (snapshot, signal) => {
      try {
        const synced = await write(snapshot, signal)
        await refreshFlows(synced.ports, snapshot.facts.hostIps, signal)
        return synced
      } catch (error) {
        if (!signal.aborted) metrics.observeFailure(family)
        throw error
      }
    },
    check: async (signal) => {
      if (!(await mode.isDisturbed(signal))) return
      logger.info('Found rules gone, writing all of them anew', { family })
      mode.forget()
    },
  }
}

/** Ports for which somebody has endpoints and this node, under a policy Local, has none. */
function countNoLocal(ports: readonly PlannedPort[]): { readonly internal: number; readonly external: number } {
  const without = ports.filter(({ endpoints }) => endpoints.hasAny && endpoints.local.length === 0)
  return {
    internal: without.filter(({ port }) => port.isInternalLocal).length,
    external: without.filter(({ port }) => port.isExternalLocal).length,
  }
}
