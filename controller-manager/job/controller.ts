/** The Job controller: pods that run to completion. Start reading at `plan.ts`. */

import type { Job } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { type NamespacedName, namespacedName, objectKey } from '../../apimachinery/brand.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { type Controller, runController } from '../../client/controller/controller.ts'
import { jobs as jobsRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import { runAll, type Task } from '../../component-base/run.ts'
import { type ControllerContext, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { planClaim } from '../owner/claim.ts'
import { indexDependents, wakeOwners } from '../owner/dependents.ts'
import { createPodControl } from '../pod/control.ts'
import { applyAction, removeTracking } from './apply.ts'
import { type Action, type Observed, plan } from './plan.ts'
import { isTracked } from './pod.ts'
import { isFinished } from './verdict.ts'

/** Wires the controller, and the one that frees tracked pods whose job is gone. */
export function startJobController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const jobs = informers.of(jobsRef)
  const pods = informers.of(podsRef)
  const podsOf = indexDependents(pods)
  const queue = newQueue(context)
  const selectorOf = ({ spec }: Job) => selectorFromLabelSelector(spec.selector)
  enqueueChanges(jobs, queue)
  wakeOwners({ dependents: pods, owners: jobs, kind: 'Job', selectorOf, wake: queue.add })
  const recorder = context.recorder('job-controller')
  const podControl = createPodControl({ client, pods, recorder })
  const counted: Controller<Observed, Action> = {
    name: 'job',
    queue,
    observe: (key) => {
      const job = jobs.get(key)
      if (job === undefined) return undefined
      return { job, claim: planClaim(job, selectorOf(job), podsOf.candidates(job)), nowMs: clock.now() }
    },
    plan,
    apply: async (action, signal) => await applyAction({ client, jobs, pods, podControl, recorder }, action, signal),
    report: reportTo(logger, 'job'),
  }
  const orphans = orphanController(context)
  return async (signal) => {
    await jobs.whenSynced(signal)
    await pods.whenSynced(signal)
    await runAll(signal, {
      jobs: async (inner) => await runController(counted, { workers: config.concurrentSyncs.job }, inner),
      'orphaned pods': async (inner) => await runController(orphans, { workers: 1 }, inner),
    })
  }
}

/** Pods that nobody will count any more must not be held by the finalizer. */
function orphanController(context: ControllerContext): Controller<Pod, Pod> {
  const { client, informers, logger } = context
  const jobs = informers.of(jobsRef)
  const pods = informers.of(podsRef)
  const podsOf = indexDependents(pods)
  const queue = newQueue(context)
  const isOrphan = (pod: Pod): boolean => isTracked(pod) && !isCountedBy(jobOf(pod, (key) => jobs.get(key)))
  pods.onChange(({ type, object }) => {
    if (type !== 'deleted' && isTracked(object)) queue.add(objectKey(object))
  })
  jobs.onChange(({ type, object }) => {
    if (type !== 'deleted' && !isFinished(object)) return
    for (const pod of podsOf.ownedBy(object.metadata.uid)) queue.add(objectKey(pod))
  })
  return {
    name: 'job-orphans',
    queue,
    observe: (key) => {
      const pod = pods.get(key)
      return pod !== undefined && isOrphan(pod) ? pod : undefined
    },
    plan: (pod) => ({ actions: [pod] }),
    apply: async (pod, signal) => await removeTracking({ client, pods }, pod, signal),
    report: reportTo(logger, 'job-orphans'),
  }
}

function jobOf(pod: Pod, find: (key: NamespacedName) => Job | undefined): Job | undefined {
  const owner = controllerRef(pod)
  if (owner?.kind !== 'Job') return undefined
  const job = find(namespacedName(pod.metadata.namespace, owner.name))
  return job?.metadata.uid === owner.uid ? job : undefined
}

function isCountedBy(job: Job | undefined): boolean {
  return job !== undefined && !isFinished(job)
}
