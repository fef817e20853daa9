/** service-lb: addresses for Services of type LoadBalancer, and answers for them on the network. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { createInformer } from '../client/cache/informer.ts'
import { runWithLease } from '../client/controller/leader-election.ts'
import { createClient } from '../client/rest/client.ts'
import { loadKubeconfig } from '../client/rest/kubeconfig.ts'
import { nodes as nodesRef } from '../client/rest/resource-refs.ts'
import { systemClock } from '../component-base/clock.ts'
import { HealthChecks } from '../component-base/health.ts'
import { diagnosticsHandler, serveHttp } from '../component-base/http.ts'
import { runMain } from '../component-base/main.ts'
import { runAll, type Task } from '../component-base/run.ts'
import { runAllocator } from './allocate/controller.ts'
import { createMembership } from './announce/membership.ts'
import { runSpeaker } from './announce/speaker.ts'
import { flags as flagSpecs, parseConfig } from './config.ts'
import { createLoadBalancerMetrics } from './metrics.ts'

await runMain({
  name: 'service-lb',
  purpose:
    'Gives Services of type LoadBalancer addresses from a pool, and answers for them on the network of the nodes.',
  flags: flagSpecs,
  work: async ({ flags, logger }, signal) => {
    const { pool, classes, metrics: diagnostics } = parseConfig(flags)
    const clock = systemClock
    const client = createClient({ ...(await loadKubeconfig(flags.kubeconfig)), userAgent: 'service-lb' })
    const nodeName = (flags['node-name'] || hostname()).trim().toLowerCase()
    const nodes = createInformer({ client, ref: nodesRef, clock, logger })
    const metrics = createLoadBalancerMetrics()
    const checks = new HealthChecks()
    checks.add('nodes', () => (nodes.synced() ? undefined : 'nodes are not known yet'), ['readyz'])
    const allocating: Task = async (stop) => {
      await nodes.whenSynced(stop)
      const options = { client, pool, classes, nodes: nodes.list, metrics, clock, logger }
      await runAllocator(options, stop)
    }
    const lease = {
      client,
      namespace: flags.namespace,
      name: flags['leader-elect-resource-name'],
      identity: `${nodeName}_${randomUUID()}`,
      clock,
      logger,
      leaseDurationMs: flags['leader-elect-lease-duration'],
      renewDeadlineMs: flags['leader-elect-renew-deadline'],
      retryPeriodMs: flags['leader-elect-retry-period'],
    }
    const controller: Task = async (stop) => {
      for (;;) {
        try {
          await runWithLease(lease, allocating, stop)
        } catch (error) {
          // Losing the lease must not end the speaker: the API server may be away for long.
          if (!stop.aborted) logger.info('Stopped allocating', { error })
        }
        stop.throwIfAborted()
        await clock.sleep(flags['leader-elect-retry-period'], stop)
      }
    }
    const speaker: Task = async (stop) => {
      const membership = createMembership({
        ...{ client, nodeName, clock, logger, namespace: flags.namespace },
        leaseDurationMs: flags['speaker-lease-duration'],
        node: () => nodes.get(nodeName),
      })
      const { interface: interfaces } = flags
      await runSpeaker({ client, nodeName, interfaces, pool, classes, nodes, membership, metrics, clock, logger }, stop)
    }
    const handler = diagnosticsHandler(checks, metrics.registry)
    try {
      await runAll(signal, {
        nodes: nodes.run,
        ...(flags.controller ? { controller } : {}),
        ...(flags.speaker ? { speaker } : {}),
        ...(diagnostics === undefined
          ? {}
          : { metrics: async (stop) => await serveHttp({ ...diagnostics, handler }, stop) }),
      })
    } finally {
      client.close()
    }
  },
})
