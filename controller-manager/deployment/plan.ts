/**
 * Decides the next step of a deployment: which replica set is current, how large each one should be, what to report.
 * One plan makes one step; the change it causes wakes the controller for the next. Pure.
 */

import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { Plan } from '../../client/controller/controller.ts'
import type { Claim } from '../owner/claim.ts'
import { isTerminal } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'
import { isRolling, nextSizeOfNew, sizeOf, totalOf, wantedReplicas, withPods } from './bounds.ts'
import {
  type Conditions,
  conditionOf,
  hasProgressDeadline,
  isComplete,
  pausedConditions,
  rolloutConditions,
  stuckCheckMs,
  withCondition,
} from './conditions.ts'
import { newReplicaSet } from './new-replica-set.ts'
import {
  type Annotations,
  byRevision,
  currentAnnotations,
  findNewReplicaSet,
  nextRevision,
  revisionAnnotation,
  sizeAnnotations,
} from './revision.ts'
import { planRollingStep } from './rolling.ts'
import { isScaling, planScale, type Resize } from './scale.ts'
import { deploymentStatus, withReplicaFailure } from './status.ts'

/** Everything the decision depends on. */
export type Observed = {
  readonly deployment: Deployment
  readonly claim: Claim<ReplicaSet>
  /** Pods of the deployment's replica sets, by the uid of the replica set. */
  readonly podsByOwner: ReadonlyMap<string, readonly Pod[]>
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'adopt' | 'release'; readonly deployment: Deployment; readonly replicaSet: ReplicaSet }
  | { readonly type: 'warnSelectsAll'; readonly deployment: Deployment }
  | { readonly type: 'create'; readonly deployment: Deployment; readonly draft: Draft<'apps.v1.ReplicaSet'> }
  | {
      readonly type: 'annotate'
      readonly replicaSet: ReplicaSet
      readonly annotations: Annotations
      readonly minReadySeconds: number
    }
  | { readonly type: 'resize'; readonly deployment: Deployment; readonly replicaSet: ReplicaSet; readonly to: number }
  | { readonly type: 'delete'; readonly replicaSet: ReplicaSet }
  | {
      readonly type: 'updateStatus'
      readonly deployment: Deployment
      readonly status: DeploymentStatus
      readonly revision: string | undefined
    }

/** What is known before the strategy matters. */
type Situation = {
  readonly deployment: Deployment
  readonly all: readonly ReplicaSet[]
  readonly current: ReplicaSet | undefined
  readonly old: readonly ReplicaSet[]
  readonly podsByOwner: ReadonlyMap<string, readonly Pod[]>
  readonly nowMs: number
}

/** Claims first; then scales or takes one step of the rollout. */
export function plan(observed: Observed): Plan<Action> {
  const { deployment, claim, podsByOwner, nowMs } = observed
  if (isSame(deployment.spec.selector, {})) return planSelectsAll(deployment)
  if (claim.adopt.length + claim.release.length > 0) return { actions: planClaims(observed) }
  const current = findNewReplicaSet(deployment, claim.owned)
  const old = claim.owned.filter((replicaSet) => replicaSet !== current)
  return planStep({ deployment, all: claim.owned, current, old, podsByOwner, nowMs })
}

function planClaims({ deployment, claim }: Observed): readonly Action[] {
  return [
    ...claim.adopt.map((replicaSet) => ({ type: 'adopt' as const, deployment, replicaSet })),
    ...claim.release.map((replicaSet) => ({ type: 'release' as const, deployment, replicaSet })),
  ]
}

function planSelectsAll(deployment: Deployment): Plan<Action> {
  const generation = deployment.metadata.generation ?? 0
  const warn: Action = { type: 'warnSelectsAll', deployment }
  if ((deployment.status.observedGeneration ?? 0) >= generation) return { actions: [warn] }
  const status = { ...deployment.status, observedGeneration: generation }
  return { actions: [warn, { type: 'updateStatus', deployment, status, revision: undefined }] }
}

function planStep(situation: Situation): Plan<Action> {
  const { deployment, all } = situation
  const annotate = planAnnotations(situation)
  if (deployment.metadata.deletionTimestamp !== undefined) {
    return { actions: [...annotate, ...report(situation, [], 'scale')] }
  }
  if (deployment.spec.paused === true || isScaling(deployment, all)) return planSizing(situation, annotate)
  return isRolling(deployment) ? planRolling(situation, annotate) : planRecreate(situation, annotate)
}

/** The current replica set carries the newest number and the deployment's own annotations. */
function planAnnotations({ deployment, current, old }: Situation): readonly Action[] {
  if (current === undefined) return []
  const before = current.metadata.annotations ?? {}
  const annotations = currentAnnotations(deployment, before, nextRevision(old))
  const minReadySeconds = deployment.spec.minReadySeconds ?? 0
  if (isSame(before, annotations) && (current.spec.minReadySeconds ?? 0) === minReadySeconds) return []
  return [{ type: 'annotate', replicaSet: current, annotations, minReadySeconds }]
}

function planSizing(situation: Situation, annotate: readonly Action[]): Plan<Action> {
  const { deployment, current, old } = situation
  const resizes = planScale(deployment, current, old)
  const clean = deployment.spec.paused === true ? planCleanUp(situation) : []
  const actions = [...annotate, ...resizeActions(deployment, resizes), ...clean, ...report(situation, resizes, 'scale')]
  return { actions, ...requeue(situation) }
}

function planRolling(situation: Situation, annotate: readonly Action[]): Plan<Action> {
  const { deployment, current, old } = situation
  if (current === undefined) return planCreate(situation)
  return planRollout(situation, annotate, planRollingStep(deployment, current, old))
}

/** All old pods are gone before the first new one comes. */
function planRecreate(situation: Situation, annotate: readonly Action[]): Plan<Action> {
  const { deployment, current, old } = situation
  const removals = withPods(old).map((replicaSet) => ({ replicaSet, to: 0 }))
  if (removals.length > 0 || hasOldPods(situation)) return planRollout(situation, annotate, removals)
  if (current === undefined) return planCreate(situation)
  const wanted = wantedReplicas(deployment)
  return planRollout(situation, annotate, sizeOf(current) === wanted ? [] : [{ replicaSet: current, to: wanted }])
}

function hasOldPods({ old, current, podsByOwner }: Situation): boolean {
  if (totalOf(old, 'replicas') > 0) return true
  return [...podsByOwner].some(
    ([owner, pods]) => owner !== current?.metadata.uid && pods.some((pod) => !isTerminal(pod)),
  )
}

function planRollout(situation: Situation, annotate: readonly Action[], resizes: readonly Resize[]): Plan<Action> {
  const { deployment } = situation
  const isDone = resizes.length === 0 && isComplete(deployment, deployment.status)
  const actions = [
    ...annotate,
    ...resizeActions(deployment, resizes),
    ...(isDone ? planCleanUp(situation) : []),
    ...report(situation, resizes, 'rollout'),
  ]
  return { actions, ...requeue(situation) }
}

function planCreate(situation: Situation): Plan<Action> {
  const { deployment, old, nowMs } = situation
  const revision = nextRevision(old)
  const draft = newReplicaSet(deployment, revision, nextSizeOfNew(deployment, old, 0))
  const message = `Created new replica set "${draft.metadata?.name ?? ''}"`
  const created = { type: 'Progressing', status: 'True', reason: 'NewReplicaSetCreated', message }
  const before = pausedConditions(deployment, nowMs)
  const conditions = hasProgressDeadline(deployment) ? withCondition(before, created, nowMs) : before
  const status = { ...deployment.status, ...(conditions.length === 0 ? {} : { conditions }) }
  const actions: readonly Action[] = [
    { type: 'create', deployment, draft },
    { type: 'updateStatus', deployment, status, revision: String(revision) },
  ]
  return { actions, ...requeue(situation) }
}

function resizeActions(deployment: Deployment, resizes: readonly Resize[]): readonly Action[] {
  return resizes
    .filter(({ replicaSet, to }) => to !== sizeOf(replicaSet) || hasOldNotes(deployment, replicaSet))
    .map(({ replicaSet, to }) => ({ type: 'resize', deployment, replicaSet, to }))
}

function hasOldNotes(deployment: Deployment, { metadata }: ReplicaSet): boolean {
  return Object.entries(sizeAnnotations(deployment)).some(([name, value]) => metadata.annotations?.[name] !== value)
}

/** Removes the oldest replica sets beyond the history limit, never one that has pods or changes. */
function planCleanUp({ deployment, old }: Situation): readonly Action[] {
  const limit = deployment.spec.revisionHistoryLimit
  if (limit === undefined || limit === 2 ** 31 - 1) return []
  const alive = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const surplus = alive.toSorted(byRevision).slice(0, Math.max(0, alive.length - limit))
  return surplus.filter(isIdle).map((replicaSet) => ({ type: 'delete', replicaSet }))
}

function isIdle({ metadata, spec, status }: ReplicaSet): boolean {
  return status.replicas === 0 && spec.replicas === 0 && (metadata.generation ?? 0) <= (status.observedGeneration ?? 0)
}

/** The status after the resizes, if it says something new. */
function report(situation: Situation, resizes: readonly Resize[], mode: 'scale' | 'rollout'): readonly Action[] {
  const { deployment, nowMs } = situation
  const sizes = new Map(resizes.map(({ replicaSet, to }) => [replicaSet.metadata.name, to]))
  const resized = (replicaSet: ReplicaSet): ReplicaSet => {
    const to = sizes.get(replicaSet.metadata.name)
    return to === undefined ? replicaSet : { ...replicaSet, spec: { ...replicaSet.spec, replicas: to } }
  }
  const all = situation.all.map(resized)
  const current = situation.current === undefined ? undefined : resized(situation.current)
  const counted = deploymentStatus(deployment, all, current, foundConditions(situation), nowMs)
  const status = mode === 'scale' ? counted : withRollout(situation, counted, all, current)
  const revision = situation.current?.metadata.annotations?.[revisionAnnotation]
  const isKnown = revision === undefined || deployment.metadata.annotations?.[revisionAnnotation] === revision
  return isKnown && isSame(status, deployment.status) ? [] : [{ type: 'updateStatus', deployment, status, revision }]
}

function withRollout(
  { deployment, nowMs }: Situation,
  counted: DeploymentStatus,
  all: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): DeploymentStatus {
  const conditions = rolloutConditions(deployment, counted, current, nowMs)
  return { ...counted, conditions: withReplicaFailure(conditions, all, current, nowMs) }
}

/** A replica set that was there before anybody asked for progress starts the deadline. */
function foundConditions({ deployment, current, nowMs }: Situation): Conditions {
  const isLeaving = deployment.metadata.deletionTimestamp !== undefined
  const conditions = isLeaving ? (deployment.status.conditions ?? []) : pausedConditions(deployment, nowMs)
  const isNoted = conditionOf(conditions, 'Progressing') !== undefined
  if (current === undefined || isNoted || !hasProgressDeadline(deployment)) return conditions
  const message = `Found new replica set "${current.metadata.name}"`
  const found = { type: 'Progressing', status: 'True', reason: 'FoundNewReplicaSet', message }
  return withCondition(conditions, found, nowMs)
}

function requeue({ deployment, nowMs }: Situation): { readonly requeueAfterMs?: number } {
  const requeueAfterMs = stuckCheckMs(deployment, deployment.status, nowMs)
  return requeueAfterMs === undefined ? {} : { requeueAfterMs }
}

/** The pods' selector of a deployment. */
export function selectorOf({ spec }: Deployment | ReplicaSet) {
  return selectorFromLabelSelector(spec.selector)
}
