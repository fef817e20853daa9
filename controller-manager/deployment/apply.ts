import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/apps/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { assertNever, objectKey } from '../../apimachinery/brand.ts'
import { isControlledBy } from '../../apimachinery/owner-reference.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { deployments as deploymentsRef, replicaSets as replicaSetsRef } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { whenShown } from '../informers.ts'
import { adoptPatch, releasePatch } from '../owner/claim.ts'
import { mayAdopt } from '../owner/may-adopt.ts'
import { isNamespaceTerminating, messageOf } from '../pod/control.ts'
import { hasProgressDeadline, withCondition } from './conditions.ts'
import type { Action } from './plan.ts'
import { isSameTemplate, revisionAnnotation, sizeAnnotations } from './revision.ts'

export type Effects = {
  readonly client: Client
  readonly clock: Clock
  readonly deployments: Informer<Deployment>
  readonly replicaSets: Informer<ReplicaSet>
  readonly recorder: Recorder
}

/** The only writer of the controller. */
export async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  switch (action.type) {
    case 'adopt':
      await mayAdopt(effects.client, deploymentsRef, action.deployment, signal)
      return await patchOwner(effects, action.replicaSet, adoptPatch(action.deployment, action.replicaSet), signal)
    case 'release':
      return await patchOwner(effects, action.replicaSet, releasePatch(action.deployment, action.replicaSet), signal)
    case 'warnSelectsAll': {
      const message = 'This deployment is selecting all pods. A non-empty selector is required.'
      return effects.recorder.event(action.deployment, 'Warning', 'SelectingAll', message)
    }
    case 'create':
      return await createReplicaSet(effects, action.deployment, action.draft, signal)
    case 'annotate':
      return await changeReplicaSet(
        effects,
        action.replicaSet,
        (fresh) => ({
          ...fresh,
          metadata: { ...fresh.metadata, annotations: action.annotations },
          spec: { ...fresh.spec, minReadySeconds: action.minReadySeconds },
        }),
        signal,
      )
    case 'resize':
      return await resize(effects, action.deployment, action.replicaSet, action.to, signal)
    case 'delete':
      return await removeReplicaSet(effects, action.replicaSet, signal)
    case 'updateStatus':
      return await writeStatus(effects, action.deployment, action.status, action.revision, signal)
    default:
      return assertNever(action)
  }
}

async function patchOwner(
  { client, replicaSets }: Effects,
  { metadata }: ReplicaSet,
  body: unknown,
  signal: AbortSignal,
) {
  try {
    const at = { namespace: metadata.namespace, name: metadata.name }
    await whenShown(replicaSets, await client.patch(replicaSetsRef, at, { type: 'strategic', body }, signal), signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Invalid')) throw error
  }
}

/** A name that is taken by another template makes the next hash different. */
async function createReplicaSet(
  effects: Effects,
  deployment: Deployment,
  draft: Draft<'apps.v1.ReplicaSet'>,
  signal: AbortSignal,
): Promise<void> {
  const { client, replicaSets, recorder } = effects
  const size = draft.spec?.replicas ?? 0
  try {
    const created = await client.create(replicaSetsRef, draft, signal)
    if (size > 0) {
      const message = `Scaled up replica set ${created.metadata.name} from 0 to ${size}`
      recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message)
    }
    await whenShown(replicaSets, created, signal)
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return await resolveCollision(effects, deployment, draft, error, signal)
    if (!signal.aborted && !isNamespaceTerminating(error))
      await reportFailedCreate(effects, deployment, draft, error, signal)
    throw error
  }
}

async function resolveCollision(
  effects: Effects,
  deployment: Deployment,
  draft: Draft<'apps.v1.ReplicaSet'>,
  error: Error,
  signal: AbortSignal,
): Promise<void> {
  const at = { namespace: deployment.metadata.namespace, name: draft.metadata?.name ?? '' }
  const existing = await effects.client.get(replicaSetsRef, at, signal)
  const isOurs = isControlledBy(existing, deployment)
  if (isOurs && isSameTemplate(existing.spec.template, deployment.spec.template)) {
    return await whenShown(effects.replicaSets, existing, signal)
  }
  const status = { ...deployment.status, collisionCount: (deployment.status.collisionCount ?? 0) + 1 }
  await writeStatus(effects, deployment, status, undefined, signal)
  throw error
}

async function reportFailedCreate(
  effects: Effects,
  deployment: Deployment,
  draft: Draft<'apps.v1.ReplicaSet'>,
  error: unknown,
  signal: AbortSignal,
): Promise<void> {
  const message = `Failed to create new replica set "${draft.metadata?.name ?? ''}": ${messageOf(error)}`
  effects.recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message)
  if (!hasProgressDeadline(deployment)) return
  const failed = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message }
  const conditions = withCondition(deployment.status.conditions ?? [], failed, effects.clock.now())
  if (conditions === deployment.status.conditions) return
  await writeStatus(effects, deployment, { ...deployment.status, conditions }, undefined, signal)
}

async function resize(
  effects: Effects,
  deployment: Deployment,
  replicaSet: ReplicaSet,
  to: number,
  signal: AbortSignal,
): Promise<void> {
  let from = to
  const change = (fresh: ReplicaSet): ReplicaSet => {
    from = fresh.spec.replicas ?? 1
    const annotations = { ...fresh.metadata.annotations, ...sizeAnnotations(deployment) }
    return { ...fresh, metadata: { ...fresh.metadata, annotations }, spec: { ...fresh.spec, replicas: to } }
  }
  await changeReplicaSet(effects, replicaSet, change, signal)
  if (from === to) return
  const direction = from < to ? 'up' : 'down'
  const message = `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${from} to ${to}`
  effects.recorder.event(deployment, 'Normal', 'ScalingReplicaSet', message)
}

/** Changes what the cache shows now: an earlier action of the same plan may have written already. */
async function changeReplicaSet(
  { client, replicaSets }: Effects,
  replicaSet: ReplicaSet,
  change: (fresh: ReplicaSet) => ReplicaSet,
  signal: AbortSignal,
): Promise<void> {
  const cached = replicaSets.get(objectKey(replicaSet))
  const fresh = cached?.metadata.uid === replicaSet.metadata.uid ? cached : replicaSet
  await whenShown(replicaSets, await client.update(replicaSetsRef, change(fresh), signal), signal)
}

async function removeReplicaSet({ client }: Effects, { metadata }: ReplicaSet, signal: AbortSignal): Promise<void> {
  try {
    const { namespace, name, uid } = metadata
    const propagationPolicy = 'Background'
    await client.delete(replicaSetsRef, { namespace, name }, { propagationPolicy, preconditions: { uid } }, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}

/** The revision of the current replica set stands on the deployment too; upstream writes both by the status subresource. */
async function writeStatus(
  { client, deployments }: Effects,
  deployment: Deployment,
  status: DeploymentStatus,
  revision: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const annotations = {
    ...deployment.metadata.annotations,
    ...(revision === undefined ? {} : { [revisionAnnotation]: revision }),
  }
  const metadata = { ...deployment.metadata, annotations }
  await whenShown(
    deployments,
    await client.updateStatus(deploymentsRef, { ...deployment, metadata, status }, signal),
    signal,
  )
}
