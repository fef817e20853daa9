import type { ControllerRevision, StatefulSet } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import { assertNever } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  persistentVolumeClaims as claimsRef,
  pods as podsRef,
  statefulSets as setsRef,
} from '../../client/rest/resource-refs.ts'
import { createRevision, deleteRevision, renumberRevision } from '../history/control.ts'
import { whenShown } from '../informers.ts'
import { mayAdopt } from '../owner/may-adopt.ts'
import { isNamespaceTerminating, isObject, messageOf, type PodControl } from '../pod/control.ts'
import type { Action } from './plan.ts'

export type Effects = {
  readonly client: Client
  readonly sets: Informer<StatefulSet>
  readonly pods: Informer<Pod>
  readonly revisions: Informer<ControllerRevision>
  readonly claims: Informer<PersistentVolumeClaim>
  readonly podControl: PodControl
  readonly recorder: Recorder
}

/** The only writer of the controller. */
export async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  const { client, sets, claims, podControl } = effects
  const { set } = action
  switch (action.type) {
    case 'adopt':
      await mayAdopt(client, setsRef, set, signal)
      return await podControl.adopt(set, action.pod, signal)
    case 'release':
      return await podControl.release(set, action.pod, signal)
    case 'createRevision': {
      if ((await createRevision(effects, set, action.draft, signal)) === 'created') return
      const status = { ...set.status, collisionCount: (set.status.collisionCount ?? 0) + 1 }
      return await whenShown(sets, await client.updateStatus(setsRef, { ...set, status }, signal), signal)
    }
    case 'renumber':
      return await renumberRevision(effects, action.revision, action.number, signal)
    case 'deleteRevision':
      return await deleteRevision(effects, action.revision, signal)
    case 'createClaim': {
      const name = action.draft.metadata?.name ?? ''
      const work = async () => await whenShown(claims, await client.create(claimsRef, action.draft, signal), signal)
      const words = { verb: 'Create', subject: `Claim ${name} Pod ${action.pod}`, outcome: 'success' }
      return await withEvent(effects, set, words, work, signal)
    }
    case 'ownClaim':
      return await ownClaim(effects, action.claim, action.pod, signal)
    case 'createPod': {
      const words = { verb: 'Create', subject: `Pod ${action.draft.metadata?.name ?? ''}`, outcome: 'successful' }
      const work = async () => await whenShown(effects.pods, await client.create(podsRef, action.draft, signal), signal)
      return await withEvent(effects, set, words, work, signal)
    }
    case 'deletePod':
      return await deletePod(effects, set, action.pod, action.why, signal)
    case 'updateStatus': {
      const written = await client.updateStatus(setsRef, { ...set, status: action.status }, signal)
      return await whenShown(sets, written, signal)
    }
    default:
      return assertNever(action)
  }
}

type Words = { readonly verb: string; readonly subject: string; readonly outcome: string }

/** Says what was done, or why it failed. What is there already was done before. */
async function withEvent(
  { recorder }: Effects,
  set: StatefulSet,
  { verb, subject, outcome }: Words,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const message = `${verb} ${subject} in StatefulSet ${set.metadata.name}`
  try {
    await work()
    recorder.event(set, 'Normal', `Successful${verb}`, `${message} ${outcome}`)
  } catch (error) {
    if (hasReason(error, 'AlreadyExists') || isNamespaceTerminating(error)) return
    if (!signal.aborted) {
      recorder.event(set, 'Warning', `Failed${verb}`, `${message} failed error: ${messageOf(error)}`)
    }
    throw error
  }
}

async function deletePod(
  effects: Effects,
  set: StatefulSet,
  pod: Pod,
  why: 'scale' | 'failed' | 'succeeded',
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  const subject = `StatefulSet ${namespace}/${set.metadata.name} is recreating`
  if (why === 'failed') effects.recorder.event(set, 'Warning', 'RecreatingFailedPod', `${subject} failed Pod ${name}`)
  if (why === 'succeeded') {
    effects.recorder.event(set, 'Normal', 'RecreatingTerminatedPod', `${subject} terminated Pod ${name}`)
  }
  const words = { verb: 'Delete', subject: `Pod ${name}`, outcome: 'successful' }
  const work = async (): Promise<void> => {
    try {
      const answer = await effects.client.delete(podsRef, { namespace, name }, { preconditions: { uid } }, signal)
      if (isObject(answer)) await whenShown(effects.pods, answer, signal)
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    }
  }
  await withEvent(effects, set, words, work, signal)
}

async function ownClaim(effects: Effects, claim: PersistentVolumeClaim, pod: Pod, signal: AbortSignal): Promise<void> {
  const { name, uid } = pod.metadata
  const ownerReferences = [...(claim.metadata.ownerReferences ?? []), { apiVersion: 'v1', kind: 'Pod', name, uid }]
  const owned = { ...claim, metadata: { ...claim.metadata, ownerReferences } }
  await whenShown(effects.claims, await effects.client.update(claimsRef, owned, signal), signal)
}
