import type { ReplicaSet } from '../../api/apps/v1.ts'
import { assertNever, type NamespacedName, objectKey } from '../../apimachinery/brand.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { replicaSets as replicaSetsRef } from '../../client/rest/resource-refs.ts'
import { whenShown } from '../informers.ts'
import { mayAdopt } from '../owner/may-adopt.ts'
import { isNamespaceTerminating, messageOf, type PodControl } from '../pod/control.ts'
import { podFromTemplate } from '../pod/template.ts'
import type { Action } from './plan.ts'
import type { ManageFailure } from './status.ts'

export type Effects = {
  readonly client: Client
  readonly replicaSets: Informer<ReplicaSet>
  readonly podControl: PodControl
  readonly failures: Map<NamespacedName, ManageFailure>
}

/** The only writer of the controller. */
export async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  const { client, replicaSets } = effects
  if (action.type === 'adopt') await mayAdopt(client, replicaSetsRef, action.replicaSet, signal)
  if (action.type !== 'updateStatus') return await applyToPods(effects, action, signal)
  const written = await client.updateStatus(replicaSetsRef, { ...action.replicaSet, status: action.status }, signal)
  await whenShown(replicaSets, written, signal)
}

/** What a plan does to pods; ReplicationControllers share it. */
export async function applyToPods(
  effects: Pick<Effects, 'podControl' | 'failures'>,
  action: Exclude<Action, { type: 'updateStatus' }>,
  signal: AbortSignal,
): Promise<void> {
  const { podControl } = effects
  const { replicaSet } = action
  switch (action.type) {
    case 'adopt':
      return await podControl.adopt(replicaSet, action.pod, signal)
    case 'release':
      return await podControl.release(replicaSet, action.pod, signal)
    case 'createPods': {
      const drafts = Array.from({ length: action.count }, () => podOf(replicaSet))
      const create = async (): Promise<void> => await podControl.createMany(replicaSet, drafts, signal)
      return await noteFailure(effects, replicaSet, 'FailedCreate', create)
    }
    case 'deletePods': {
      const remove = async (): Promise<void> => await podControl.deleteMany(replicaSet, action.pods, signal)
      return await noteFailure(effects, replicaSet, 'FailedDelete', remove)
    }
    default:
      return assertNever(action)
  }
}

/** The pod that a replica set makes. */
function podOf(replicaSet: ReplicaSet) {
  return podFromTemplate(replicaSet.spec.template, {
    namespace: replicaSet.metadata.namespace ?? '',
    generateName: `${replicaSet.metadata.name}-`,
    owner: controllerReference(replicaSet),
  })
}

/** Remembers why pods could not be made or removed: the next plan reports it. */
async function noteFailure(
  { failures }: Pick<Effects, 'failures'>,
  replicaSet: ReplicaSet,
  reason: ManageFailure['reason'],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (isNamespaceTerminating(error)) return
    failures.set(objectKey(replicaSet), { reason, message: messageOf(error) })
    throw error
  }
}
