/** Keeps pods with fixed names in order: created from 0 up, removed and updated from the top down, one after the other. Pure. */
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { resolveIntOrPercent } from '../../apimachinery/int-or-string.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { findRevision, newRevision, nextNumber, surplusRevisions, templateOf } from '../history/revision.ts'
import type { Claim } from '../owner/claim.ts'
import { isAvailable, isReady, nextAvailabilityMs } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'
import { claimsOf, ordinalOf, revisionOfPod, statefulPod } from './identity.ts'

const hashLabel = 'controller.kubernetes.io/hash'

/** Everything the decision depends on. */
export type Observed = {
  readonly set: StatefulSet
  readonly claim: Claim<Pod>
  readonly revisions: readonly ControllerRevision[]
  /** The claims that are there, by name. */
  readonly volumeClaims: ReadonlyMap<string, PersistentVolumeClaim>
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'adopt' | 'release'; readonly set: StatefulSet; readonly pod: Pod }
  | { readonly type: 'createRevision'; readonly set: StatefulSet; readonly draft: Draft<'apps.v1.ControllerRevision'> }
  | {
      readonly type: 'renumber'
      readonly set: StatefulSet
      readonly revision: ControllerRevision
      readonly number: number
    }
  | { readonly type: 'deleteRevision'; readonly set: StatefulSet; readonly revision: ControllerRevision }
  | {
      readonly type: 'createClaim'
      readonly set: StatefulSet
      readonly pod: string
      readonly draft: Draft<'core.v1.PersistentVolumeClaim'>
    }
  | { readonly type: 'createPod'; readonly set: StatefulSet; readonly draft: Draft<'core.v1.Pod'> }
  | {
      readonly type: 'deletePod'
      readonly set: StatefulSet
      readonly pod: Pod
      readonly why: 'scale' | 'failed' | 'succeeded'
    }
  | {
      readonly type: 'ownClaim'
      readonly set: StatefulSet
      readonly claim: PersistentVolumeClaim
      readonly pod: Pod
    }
  | { readonly type: 'updateStatus'; readonly set: StatefulSet; readonly status: StatefulSetStatus }

/** The revision of the template comes first: pods carry its name. */
export function plan(observed: Observed): Plan<Action> {
  const { set, claim, revisions } = observed
  const claims: readonly Action[] = [
    ...claim.adopt.map((pod) => ({ type: 'adopt' as const, set, pod })),
    ...claim.release.map((pod) => ({ type: 'release' as const, set, pod })),
  ]
  if (claims.length > 0) return { actions: claims }
  const update = findRevision(set, revisions)
  if (set.metadata.deletionTimestamp === undefined) {
    const number = nextNumber(revisions)
    if (update === undefined) {
      const options = { collisionCount: set.status.collisionCount, hashLabel }
      return { actions: [{ type: 'createRevision', set, draft: newRevision(set, number, options) }] }
    }
    if (update.revision < number - 1) return { actions: [{ type: 'renumber', set, revision: update, number }] }
  }
  return update === undefined ? { actions: [] } : planSet(observed, update)
}

/** The set with its two revisions and its pods in order. */
type Situation = Observed & {
  readonly update: ControllerRevision
  readonly current: ControllerRevision
  /** By ordinal; `undefined` where a pod is missing. */
  readonly replicas: readonly (readonly [ordinal: number, pod: Pod | undefined])[]
  /** Pods beyond the wanted ordinals, highest first. */
  readonly condemned: readonly Pod[]
  readonly minReadySeconds: number
}

function planSet(observed: Observed, update: ControllerRevision): Plan<Action> {
  const { set, claim, revisions, nowMs } = observed
  const pods = claim.owned.flatMap((pod) => {
    const ordinal = ordinalOf(set, pod)
    return ordinal === undefined ? [] : [{ ordinal, pod }]
  })
  const start = set.spec.ordinals?.start ?? 0
  const count = set.spec.replicas ?? 1
  const byOrdinal = new Map(pods.map(({ ordinal, pod }) => [ordinal, pod]))
  const replicas = Array.from({ length: count }, (_, at) => [start + at, byOrdinal.get(start + at)] as const)
  const condemned = pods.filter(({ ordinal }) => ordinal < start || ordinal >= start + count)
  const minReadySeconds = set.spec.minReadySeconds ?? 0
  const situation: Situation = {
    ...observed,
    update,
    current: revisions.find(({ metadata }) => metadata.name === set.status.currentRevision) ?? update,
    replicas,
    condemned: condemned.toSorted((a, b) => b.ordinal - a.ordinal).map(({ pod }) => pod),
    minReadySeconds,
  }
  const steps = set.metadata.deletionTimestamp === undefined ? planPods(situation) : []
  const status = planStatus(situation, steps)
  const wait = nextAvailabilityMs(claim.owned, minReadySeconds, nowMs)
  const actions = [
    ...steps,
    ...(isSame(status, set.status) ? [] : [{ type: 'updateStatus' as const, set, status }]),
    ...planHistory(situation, status),
  ]
  return wait === undefined ? { actions } : { actions, requeueAfterMs: wait }
}

function isParallel({ spec }: StatefulSet): boolean {
  return spec.podManagementPolicy === 'Parallel'
}

/** A pod that the next one may follow. */
function isSettled({ minReadySeconds, nowMs }: Situation, pod: Pod): boolean {
  const isRunning = pod.status.phase === 'Running' && pod.metadata.deletionTimestamp === undefined
  return isRunning && isAvailable(pod, minReadySeconds, nowMs)
}

/** Missing pods upwards, surplus ones downwards, then the update: each stage waits for the one before. */
function planPods(situation: Situation): readonly Action[] {
  const up = planUp(situation)
  if (up.mustWait) return up.actions
  const down = planDown(situation)
  if (down.mustWait) return [...up.actions, ...down.actions]
  return [...up.actions, ...down.actions, ...planUpdate(situation)]
}

type Stage = { readonly actions: readonly Action[]; readonly mustWait: boolean }

function planUp(situation: Situation): Stage {
  const { set } = situation
  const actions: Action[] = []
  for (const [ordinal, pod] of situation.replicas) {
    actions.push(...missingClaims(situation, ordinal))
    if (pod === undefined) actions.push(createPod(situation, ordinal))
    else if (pod.metadata.deletionTimestamp === undefined && pod.status.phase === 'Failed') {
      actions.push({ type: 'deletePod', set, pod, why: 'failed' })
    } else if (pod.metadata.deletionTimestamp === undefined && pod.status.phase === 'Succeeded') {
      actions.push({ type: 'deletePod', set, pod, why: 'succeeded' })
    }
    const isDone = pod !== undefined && isSettled(situation, pod)
    if (!isDone && !isParallel(set)) return { actions, mustWait: true }
  }
  return { actions, mustWait: false }
}

function missingClaims({ set, volumeClaims }: Situation, ordinal: number): readonly Action[] {
  const pod = `${set.metadata.name}-${ordinal}`
  return claimsOf(set, ordinal)
    .filter(({ metadata }) => !volumeClaims.has(metadata?.name ?? ''))
    .map((draft) => ({ type: 'createClaim', set, pod, draft }))
}

function createPod({ set, update, current }: Situation, ordinal: number): Action {
  const start = set.spec.ordinals?.start ?? 0
  const partition = set.spec.updateStrategy.rollingUpdate?.partition ?? 0
  const isRolling = set.spec.updateStrategy.type === 'RollingUpdate'
  // Ordinals below the partition keep the old template even when their pod is made anew.
  const revision = isRolling && ordinal < start + partition ? current : update
  const template: PodTemplateSpec = templateOf(revision) ?? set.spec.template
  return { type: 'createPod', set, draft: statefulPod(set, template, revision.metadata.name, ordinal) }
}

function planDown(situation: Situation): Stage {
  const { set, condemned, replicas } = situation
  const actions: Action[] = []
  const unhealthy = replicas.find(([, pod]) => pod === undefined || !isSettled(situation, pod))?.[1]
  const firstUnhealthy = unhealthy ?? condemned.findLast((pod) => !isSettled(situation, pod))
  for (const pod of condemned) {
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (isParallel(set)) continue
      return { actions, mustWait: true }
    }
    if (!isParallel(set) && !isReady(pod) && pod !== firstUnhealthy) return { actions, mustWait: true }
    actions.push(...claimsLeftBy(situation, pod), { type: 'deletePod', set, pod, why: 'scale' })
    if (!isParallel(set)) return { actions, mustWait: true }
  }
  return { actions, mustWait: false }
}

/** With `whenScaled: Delete` the claims of a pod that goes are owned by it, and so go with it. */
function claimsLeftBy({ set, volumeClaims }: Situation, pod: Pod): readonly Action[] {
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return []
  const ordinal = ordinalOf(set, pod) ?? 0
  return claimsOf(set, ordinal).flatMap(({ metadata }): readonly Action[] => {
    const claim = volumeClaims.get(metadata?.name ?? '')
    const isOwned = claim?.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) === true
    return claim === undefined || isOwned ? [] : [{ type: 'ownClaim', set, claim, pod }]
  })
}

/** From the top down, waiting for each pod; never more than `maxUnavailable` are out at once. */
function planUpdate(situation: Situation): readonly Action[] {
  const { set, update, replicas } = situation
  const { type, rollingUpdate } = set.spec.updateStrategy
  if (type !== 'RollingUpdate') return []
  const limit = Math.max(1, resolveIntOrPercent(rollingUpdate?.maxUnavailable ?? 1, replicas.length, false))
  let out = replicas.filter(([, pod]) => pod === undefined || !isSettled(situation, pod)).length
  const actions: Action[] = []
  for (const [, pod] of replicas.slice(rollingUpdate?.partition ?? 0).toReversed()) {
    if (pod === undefined) continue
    const isOld = revisionOfPod(pod) !== update.metadata.name
    if (isOld && pod.metadata.deletionTimestamp === undefined) {
      const isOut = !isSettled(situation, pod)
      if (!isOut && out >= limit) return actions
      actions.push({ type: 'deletePod', set, pod, why: 'scale' })
      if (!isOut) out += 1
      if (limit === 1) return actions
    } else if (!isSettled(situation, pod) && out >= limit) return actions
  }
  return actions
}

function planStatus(situation: Situation, steps: readonly Action[]): StatefulSetStatus {
  const { set, claim, current, update, minReadySeconds, nowMs } = situation
  const isLeaving = ({ metadata }: Pod): boolean =>
    metadata.deletionTimestamp !== undefined ||
    steps.some((step) => step.type === 'deletePod' && step.pod.metadata.uid === metadata.uid)
  const running = claim.owned.filter(({ status }) => status.phase === 'Running')
  const of = (revision: ControllerRevision): number =>
    claim.owned.filter((pod) => !isLeaving(pod) && revisionOfPod(pod) === revision.metadata.name).length
  const replicas = claim.owned.length
  const readyReplicas = running.filter((pod) => isReady(pod)).length
  const updatedReplicas = of(update)
  const isRolled =
    set.spec.updateStrategy.type === 'RollingUpdate' &&
    updatedReplicas === replicas &&
    readyReplicas === replicas &&
    replicas === (set.spec.replicas ?? 1)
  const currentRevision = isRolled ? update : current
  const counts = {
    readyReplicas,
    currentReplicas: isRolled ? updatedReplicas : of(current),
    updatedReplicas,
    observedGeneration: set.metadata.generation ?? 0,
  }
  return {
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    replicas,
    availableReplicas: running.filter((pod) => !isLeaving(pod) && isAvailable(pod, minReadySeconds, nowMs)).length,
    currentRevision: currentRevision.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: set.status.collisionCount ?? 0,
    ...(set.status.conditions === undefined ? {} : { conditions: set.status.conditions }),
  }
}

function planHistory({ set, claim, revisions }: Situation, status: StatefulSetStatus): readonly Action[] {
  const used = new Set([status.currentRevision, status.updateRevision, ...claim.owned.map(revisionOfPod)])
  const isUsed = ({ metadata }: ControllerRevision): boolean => used.has(metadata.name)
  const surplus = surplusRevisions(revisions, isUsed, set.spec.revisionHistoryLimit ?? 10)
  return surplus.map((revision) => ({ type: 'deleteRevision', set, revision }))
}
