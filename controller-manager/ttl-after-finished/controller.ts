/** The TTL-after-finished controller. */
import { hasReason } from '../../apimachinery/status.ts'
import { jobs as jobsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { plan } from './plan.ts'

/** Wires the controller. */
export function startTtlAfterFinishedController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const jobs = informers.of(jobsRef)
  const queue = newQueue(context)
  enqueueChanges(jobs, queue)
  return controllerTask(
    [jobs],
    {
      name: 'ttl-after-finished',
      queue,
      observe: (key) => {
        const job = jobs.get(key)
        return job === undefined ? undefined : { job, nowMs: clock.now() }
      },
      plan,
      apply: async ({ job }, signal) => {
        const { namespace, name, uid, resourceVersion } = job.metadata
        // A longer time that was set meanwhile changes the version.
        const options = { propagationPolicy: 'Foreground', preconditions: { uid, resourceVersion } } as const
        try {
          await client.delete(jobsRef, { namespace, name }, options, signal)
        } catch (error) {
          if (!hasReason(error, 'NotFound')) throw error
        }
      },
      report: reportTo(logger, 'ttl-after-finished'),
    },
    config.concurrentSyncs.ttlAfterFinished,
  )
}
