import type { Job } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { assertNever } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { jobs as jobsRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import { whenShown } from '../informers.ts'
import { mayAdopt } from '../owner/may-adopt.ts'
import { all, isNamespaceTerminating, type PodControl } from '../pod/control.ts'
import type { Action } from './plan.ts'
import { jobPod, trackingFinalizer } from './pod.ts'

export type Effects = {
  readonly client: Client
  readonly jobs: Informer<Job>
  readonly pods: Informer<Pod>
  readonly podControl: PodControl
  readonly recorder: Recorder
}

/** The only writer of the controller. */
export async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  const { client, jobs, podControl, recorder } = effects
  const { job } = action
  switch (action.type) {
    case 'adopt':
      await mayAdopt(client, jobsRef, job, signal)
      return await podControl.adopt(job, action.pod, signal, [trackingFinalizer])
    case 'release':
      return await podControl.release(job, action.pod, signal, [trackingFinalizer])
    case 'createPods': {
      const drafts = action.wishes.map((wish) => jobPod(job, wish))
      try {
        return await podControl.createMany(job, drafts, signal)
      } catch (error) {
        if (isNamespaceTerminating(error)) return
        throw error
      }
    }
    case 'deletePods':
      return await podControl.deleteMany(job, action.pods, signal)
    case 'updateStatus': {
      const written = await client.updateStatus(jobsRef, { ...job, status: action.status }, signal)
      return await whenShown(jobs, written, signal)
    }
    case 'removeFinalizers':
      return await all(action.pods, async (pod) => await removeTracking(effects, pod, signal))
    case 'event':
      return recorder.event(job, action.level, action.reason, action.message)
    default:
      return assertNever(action)
  }
}

/** Lets go of a pod that is counted. */
export async function removeTracking(
  { client, pods }: Pick<Effects, 'client' | 'pods'>,
  { metadata }: Pod,
  signal: AbortSignal,
): Promise<void> {
  const body = { metadata: { uid: metadata.uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } }
  const at = { namespace: metadata.namespace, name: metadata.name }
  try {
    await whenShown(pods, await client.patch(podsRef, at, { type: 'strategic', body }, signal), signal)
  } catch (error) {
    // Gone, or a namesake by now.
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
  }
}
