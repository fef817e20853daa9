/** The CronJob controller: Jobs by the clock. Start reading at `plan.ts`. */

import type { CronJob, Job } from '../../api/batch/v1.ts'
import { assertNever, namespacedName } from '../../apimachinery/brand.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { cronJobs as cronJobsRef, jobs as jobsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { indexDependents } from '../owner/dependents.ts'
import { isNamespaceTerminating, messageOf } from '../pod/control.ts'
import { type Action, plan } from './plan.ts'

type Effects = {
  readonly client: Client
  readonly cronJobs: Informer<CronJob>
  readonly jobs: Informer<Job>
  readonly recorder: Recorder
}

/** Wires the controller. */
export function startCronJobController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const cronJobs = informers.of(cronJobsRef)
  const jobs = informers.of(jobsRef)
  const jobsOf = indexDependents(jobs)
  const queue = newQueue(context)
  enqueueChanges(cronJobs, queue)
  jobs.onChange(({ object }) => {
    const owner = controllerRef(object)
    if (owner?.kind === 'CronJob') queue.add(namespacedName(object.metadata.namespace, owner.name))
  })
  const effects = { client, cronJobs, jobs, recorder: context.recorder('cronjob-controller') }
  return controllerTask(
    [cronJobs, jobs],
    {
      name: 'cronjob',
      queue,
      observe: (key) => {
        const cronJob = cronJobs.get(key)
        if (cronJob === undefined) return undefined
        return { cronJob, jobs: jobsOf.ownedBy(cronJob.metadata.uid), nowMs: clock.now() }
      },
      plan,
      apply: async (action, signal) => await applyAction(effects, action, signal),
      report: reportTo(logger, 'cronjob'),
    },
    config.concurrentSyncs.cronjob,
  )
}

async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  const { client, cronJobs, recorder } = effects
  const { cronJob } = action
  switch (action.type) {
    case 'event':
      return recorder.event(cronJob, action.level, action.reason, action.message)
    case 'deleteJob':
      return await deleteJob(effects, cronJob, action.job, signal)
    case 'start':
      return await startJob(effects, action, signal)
    case 'updateStatus': {
      const written = await client.updateStatus(cronJobsRef, { ...cronJob, status: action.status }, signal)
      return await whenShown(cronJobs, written, signal)
    }
    default:
      return assertNever(action)
  }
}

async function deleteJob(
  { client, recorder }: Effects,
  cronJob: CronJob,
  job: Job,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = job.metadata
  try {
    await client.delete(jobsRef, { namespace, name }, { propagationPolicy: 'Background' }, signal)
    recorder.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`)
  } catch (error) {
    if (hasReason(error, 'NotFound')) return
    if (!signal.aborted) recorder.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`)
    throw error
  }
}

/** A job that is there already was made for this time before; then only the note of it is missing. */
async function startJob(
  { client, cronJobs, jobs, recorder }: Effects,
  { cronJob, draft, status }: Extract<Action, { type: 'start' }>,
  signal: AbortSignal,
): Promise<void> {
  let job: Job
  try {
    job = await client.create(jobsRef, draft, signal)
    recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`)
  } catch (error) {
    if (isNamespaceTerminating(error)) return
    if (!hasReason(error, 'AlreadyExists')) {
      if (!signal.aborted) recorder.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`)
      throw error
    }
    const { namespace } = cronJob.metadata
    job = await client.get(jobsRef, { namespace, name: draft.metadata?.name ?? '' }, signal)
    if (controllerRef(job)?.uid !== cronJob.metadata.uid) return
  }
  const { name, namespace = '', uid, resourceVersion } = job.metadata
  const reference = { kind: 'Job', namespace, name, uid, apiVersion: 'batch/v1', resourceVersion }
  const fresh = cronJobs.get(namespacedName(cronJob.metadata.namespace, cronJob.metadata.name)) ?? cronJob
  const noted = { ...status, active: [...(status.active ?? []), reference] }
  const written = await client.updateStatus(cronJobsRef, { ...fresh, status: noted }, signal)
  await whenShown(jobs, job, signal)
  await whenShown(cronJobs, written, signal)
}
