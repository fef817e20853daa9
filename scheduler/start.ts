/** Builds the scheduler from its parts and runs it. */

import { runWithLease } from '../client/controller/leader-election.ts'
import { createRecorder } from '../client/events/recorder.ts'
import type { Client } from '../client/rest/client.ts'
import type { Clock } from '../component-base/clock.ts'
import type { HealthChecks } from '../component-base/health.ts'
import type { Logger } from '../component-base/logger.ts'
import type { Registry } from '../component-base/metrics.ts'
import { runAll, type Task } from '../component-base/run.ts'
import { bindClaims } from './bind-claims.ts'
import { ClusterCache } from './cache/cluster-cache.ts'
import { createInformers, createListers, feed, informerTasks } from './cache/informers.ts'
import type { SchedulerConfig } from './config.ts'
import { createEffects } from './effects.ts'
import { createSchedulerMetrics } from './metrics.ts'
import { Nominator } from './queue/nominator.ts'
import { SchedulingQueue } from './queue/scheduling-queue.ts'
import { Scheduler } from './scheduler.ts'

export type StartOptions = {
  readonly config: SchedulerConfig
  readonly client: Client
  /** Who holds the lease: host name and a unique part. */
  readonly identity: string
  readonly registry: Registry
  readonly health: HealthChecks
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

/** Watches the cluster and, while it is the leader, places pods. Runs until `signal` aborts or the lease is lost. */
export async function startScheduler(options: StartOptions, signal: AbortSignal): Promise<void> {
  const { config, client, identity, registry, health, clock, random, logger } = options
  const cache = new ClusterCache()
  const nominator = new Nominator()
  const profiles = new Map(config.profiles.map((profile) => [profile.schedulerName, profile]))
  const queue = new SchedulingQueue({
    plugins: [...new Set(config.profiles.flatMap(({ filters }) => filters))],
    now: clock.now,
    initialBackoffMs: config.podInitialBackoffMs,
    maxBackoffMs: config.podMaxBackoffMs,
  })
  const informers = createInformers({ client, clock, logger })
  const listers = createListers(informers)
  const component = config.profiles[0]?.schedulerName ?? 'default-scheduler'
  const recorder = createRecorder({ client, component, clock, logger })
  const scheduler = new Scheduler({
    ...{ cache, queue, nominator, profiles, listers, clock, random, logger },
    metrics: createSchedulerMetrics(registry, { queue, cache }),
    isWaiting: ({ key, uid }) => {
      const pod = informers.pods.get(key)
      return pod !== undefined && pod.metadata.uid === uid && (pod.spec?.nodeName ?? '') === ''
    },
    effects: createEffects({
      ...{ client, recorder, clock },
      bindClaims: async (pod, node, stop) => await bindClaims({ client, listers, clock }, pod, node, stop),
      nominatedBelow: (pod, nodeName) =>
        nominator.on(nodeName).filter((other) => other.uid !== pod.uid && other.priority < pod.priority),
    }),
  })
  const isSynced = () => Object.values(informers).every(({ synced }) => synced())
  health.add('informer-sync', () => (isSynced() ? undefined : 'informers not synced'), ['readyz'])
  const schedule: Task = async (stop) => {
    for (const { whenSynced } of Object.values(informers)) await whenSynced(stop)
    feed({ informers, cache, queue, nominator, isOurs: ({ spec }) => profiles.has(spec?.schedulerName ?? '') })
    logger.info('Started scheduling', { profiles: [...profiles.keys()] })
    await runAll(stop, { scheduler: (s) => scheduler.run(s), queue: (s) => scheduler.flushQueue(s) })
  }
  await runAll(signal, {
    ...informerTasks(informers),
    events: (stop) => recorder.run(stop),
    scheduling: withLease(schedule, { config, client, identity, clock, logger }),
  })
}

function withLease(
  work: Task,
  options: Pick<StartOptions, 'config' | 'client' | 'identity' | 'clock' | 'logger'>,
): Task {
  const { leaderElection } = options.config
  if (!leaderElection.leaderElect) return work
  const { resourceName, resourceNamespace, leaseDurationMs, renewDeadlineMs, retryPeriodMs } = leaderElection
  const { client, identity, clock, logger } = options
  const lease = {
    ...{ client, identity, clock, logger, leaseDurationMs, renewDeadlineMs, retryPeriodMs },
    name: resourceName,
    namespace: resourceNamespace,
  }
  return async (signal) => await runWithLease(lease, work, signal)
}
