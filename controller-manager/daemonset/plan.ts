/** One pod on every node that fits; a new template replaces pods a few nodes at a time. Pure. */

import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '../../api/apps/v1.ts'
import { fitsNodeAffinity } from '../../api/core/node-selector.ts'
import { untoleratedTaints } from '../../api/core/tolerations.ts'
import type { Node, Pod } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { resolveIntOrPercent } from '../../apimachinery/int-or-string.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { findRevision, newRevision, nextNumber, surplusRevisions } from '../history/revision.ts'
import type { Claim } from '../owner/claim.ts'
import { isAvailable, isReady, nextAvailabilityMs } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'
import { daemonPod, daemonSpec, hashLabel, targetNode } from './pod.ts'

/** No more pods than this are made or removed in one go. */
const burstReplicas = 250

/** Everything the decision depends on. */
export type Observed = {
  readonly set: DaemonSet
  readonly claim: Claim<Pod>
  readonly revisions: readonly ControllerRevision[]
  readonly nodes: readonly Node[]
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'adopt' | 'release'; readonly set: DaemonSet; readonly pod: Pod }
  | { readonly type: 'warnSelectsAll'; readonly set: DaemonSet }
  | { readonly type: 'createRevision'; readonly set: DaemonSet; readonly draft: Draft<'apps.v1.ControllerRevision'> }
  | {
      readonly type: 'renumber'
      readonly set: DaemonSet
      readonly revision: ControllerRevision
      readonly number: number
    }
  | { readonly type: 'deleteRevision'; readonly set: DaemonSet; readonly revision: ControllerRevision }
  | { readonly type: 'reportEnded'; readonly set: DaemonSet; readonly pod: Pod }
  | { readonly type: 'createPods'; readonly set: DaemonSet; readonly drafts: readonly Draft<'core.v1.Pod'>[] }
  | { readonly type: 'deletePods'; readonly set: DaemonSet; readonly pods: readonly Pod[] }
  | { readonly type: 'updateStatus'; readonly set: DaemonSet; readonly status: DaemonSetStatus }

/** The revision of the template comes first: pods carry its hash. */
export function plan(observed: Observed): Plan<Action> {
  const { set, claim, revisions } = observed
  if (isSame(set.spec.selector, {})) return { actions: [{ type: 'warnSelectsAll', set }] }
  if (set.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const claims: readonly Action[] = [
    ...claim.adopt.map((pod) => ({ type: 'adopt' as const, set, pod })),
    ...claim.release.map((pod) => ({ type: 'release' as const, set, pod })),
  ]
  if (claims.length > 0) return { actions: claims }
  const current = findRevision(set, revisions)
  const number = nextNumber(revisions)
  if (current === undefined) {
    const options = { collisionCount: set.status.collisionCount, hashLabel }
    return { actions: [{ type: 'createRevision', set, draft: newRevision(set, number, options) }] }
  }
  if (current.revision < number - 1) return { actions: [{ type: 'renumber', set, revision: current, number }] }
  return planSet(observed, current.metadata.labels?.[hashLabel] ?? '')
}

/** A node, whether it should have a pod, and those it has. */
type Place = {
  readonly node: Node
  readonly shouldRun: boolean
  readonly shouldStay: boolean
  readonly pods: readonly Pod[]
}

function planSet(observed: Observed, hash: string): Plan<Action> {
  const { set, claim, revisions, nodes, nowMs } = observed
  const byNode = new Map<string, Pod[]>()
  for (const pod of claim.owned) {
    const node = targetNode(pod) ?? ''
    byNode.set(node, [...(byNode.get(node) ?? []), pod])
  }
  const places = nodes.map((node) => placeOf(set, node, byNode.get(node.metadata.name) ?? []))
  const manage = planManage(set, places, hash)
  // A rollout goes on only when nothing else is to be done: its pods are counted as they are.
  const roll = manage.length === 0 ? planRollout(observed, places, hash) : []
  const status = planStatus(observed, places, hash)
  const minReadySeconds = set.spec.minReadySeconds ?? 0
  const used = new Set([hash, ...claim.owned.map(({ metadata }) => metadata.labels?.[hashLabel] ?? '')])
  const isUsed = ({ metadata }: ControllerRevision): boolean => used.has(metadata.labels?.[hashLabel] ?? '')
  const surplus = surplusRevisions(revisions, isUsed, set.spec.revisionHistoryLimit ?? 10)
  const actions: readonly Action[] = [
    ...manage,
    ...roll,
    ...(isSame(status, set.status) ? [] : [{ type: 'updateStatus' as const, set, status }]),
    ...surplus.map((revision) => ({ type: 'deleteRevision' as const, set, revision })),
  ]
  const wait = nextAvailabilityMs(claim.owned, minReadySeconds, nowMs)
  return wait === undefined ? { actions } : { actions, requeueAfterMs: wait }
}

/** Source: `NodeShouldRunDaemonPod`: a taint that only keeps new pods away lets an old one stay. */
function placeOf(set: DaemonSet, node: Node, pods: readonly Pod[]): Place {
  const spec = daemonSpec(set)
  const wantsOther = (spec.nodeName ?? '') !== '' && spec.nodeName !== node.metadata.name
  const taints = node.spec.taints ?? []
  const tolerations = spec.tolerations ?? []
  const fits = !wantsOther && fitsNodeAffinity(spec, node)
  return {
    node,
    pods: pods.toSorted(byAge),
    shouldRun: fits && untoleratedTaints(taints, tolerations, ['NoSchedule', 'NoExecute']).length === 0,
    shouldStay: fits && untoleratedTaints(taints, tolerations, ['NoExecute']).length === 0,
  }
}

function byAge(a: Pod, b: Pod): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  return x === y ? (a.metadata.name < b.metadata.name ? -1 : 1) : x < y ? -1 : 1
}

function isLeaving({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined
}

function planManage(set: DaemonSet, places: readonly Place[], hash: string): readonly Action[] {
  const missing = places.filter(({ shouldRun, pods }) => shouldRun && pods.length === 0)
  const drafts = missing.slice(0, burstReplicas).map(({ node }) => daemonPod(set, node.metadata.name, hash))
  const ended = places
    .filter(({ shouldStay }) => shouldStay)
    .flatMap(({ pods }) => pods.filter((pod) => !isLeaving(pod) && hasEnded(pod)))
  const surplus = places.flatMap((place) => surplusOf(set, place, hash))
  const removed = [...new Set([...ended, ...surplus])].slice(0, burstReplicas)
  return [
    ...ended.map((pod) => ({ type: 'reportEnded' as const, set, pod })),
    ...(removed.length === 0 ? [] : [{ type: 'deletePods' as const, set, pods: removed }]),
    ...(drafts.length === 0 ? [] : [{ type: 'createPods' as const, set, drafts }]),
  ]
}

function hasEnded({ status }: Pod): boolean {
  return status.phase === 'Failed' || status.phase === 'Succeeded'
}

/** Pods where none should be, and all but the oldest where one should be. A surge needs two for a while. */
function surplusOf(set: DaemonSet, { shouldStay, pods }: Place, hash: string): readonly Pod[] {
  const living = pods.filter((pod) => !isLeaving(pod))
  if (!shouldStay) return living
  const running = living.filter((pod) => !hasEnded(pod))
  if (surgeOf(set, 1) === 0) return running.slice(1)
  const isNew = ({ metadata }: Pod): boolean => metadata.labels?.[hashLabel] === hash
  return [...running.filter(isNew).slice(1), ...running.filter((pod) => !isNew(pod)).slice(1)]
}

function surgeOf({ spec }: DaemonSet, desired: number): number {
  if (spec.updateStrategy.type !== 'RollingUpdate') return 0
  return resolveIntOrPercent(spec.updateStrategy.rollingUpdate?.maxSurge ?? 0, desired, true)
}

function planRollout(observed: Observed, places: readonly Place[], hash: string): readonly Action[] {
  const { set } = observed
  if (set.spec.updateStrategy.type !== 'RollingUpdate') return []
  const wanted = places.filter(({ shouldRun }) => shouldRun)
  const surge = surgeOf(set, wanted.length)
  if (surge > 0) return rollBySurge(observed, wanted, hash, surge)
  const value = set.spec.updateStrategy.rollingUpdate?.maxUnavailable ?? 1
  return rollByRemoval(observed, wanted, hash, resolveIntOrPercent(value, wanted.length, true))
}

/** The newest pod of the template and the newest of an older one, among those that stay. */
function pairOf({ pods }: Place, hash: string): { readonly fresh: Pod | undefined; readonly old: Pod | undefined } {
  const living = pods.filter((pod) => !isLeaving(pod))
  const isNew = ({ metadata }: Pod): boolean => metadata.labels?.[hashLabel] === hash
  return { fresh: living.find(isNew), old: living.find((pod) => !isNew(pod)) }
}

function rollByRemoval(
  { set, nowMs }: Observed,
  places: readonly Place[],
  hash: string,
  limit: number,
): readonly Action[] {
  const isUp = (pod: Pod): boolean => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  let unavailable = 0
  const candidates: Pod[] = []
  const down: Pod[] = []
  for (const place of places) {
    const { fresh, old } = pairOf(place, hash)
    if (fresh !== undefined) unavailable += isUp(fresh) ? 0 : 1
    else if (old === undefined) unavailable += 1
    else if (isUp(old)) candidates.push(old)
    else {
      unavailable += 1
      down.push(old)
    }
  }
  // Old pods that serve nobody go at once.
  const pods = [...down, ...candidates.slice(0, Math.max(0, limit - unavailable))]
  return pods.length === 0 ? [] : [{ type: 'deletePods', set, pods }]
}

function rollBySurge(
  { set, nowMs }: Observed,
  places: readonly Place[],
  hash: string,
  limit: number,
): readonly Action[] {
  const isUp = (pod: Pod): boolean => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)
  let surging = 0
  const replaced: Pod[] = []
  const candidates: string[] = []
  const urgent: string[] = []
  for (const place of places) {
    const { fresh, old } = pairOf(place, hash)
    if (old === undefined) continue
    if (fresh === undefined) (isUp(old) ? candidates : urgent).push(place.node.metadata.name)
    else if (isUp(fresh)) replaced.push(old)
    else surging += 1
  }
  const nodes = [...urgent, ...candidates.slice(0, Math.max(0, limit - surging - urgent.length))]
  const drafts = nodes.map((node) => daemonPod(set, node, hash))
  return [
    ...(replaced.length === 0 ? [] : [{ type: 'deletePods' as const, set, pods: replaced }]),
    ...(drafts.length === 0 ? [] : [{ type: 'createPods' as const, set, drafts }]),
  ]
}

function planStatus({ set, nowMs }: Observed, places: readonly Place[], hash: string): DaemonSetStatus {
  const wanted = places.filter(({ shouldRun }) => shouldRun)
  const placed = wanted.flatMap(({ pods }) => {
    const pod = pods.find((candidate) => !isLeaving(candidate)) ?? pods[0]
    return pod === undefined ? [] : [pod]
  })
  const available = placed.filter(
    (pod) => !isLeaving(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs),
  ).length
  const counts = {
    updatedNumberScheduled: placed.filter(({ metadata }) => metadata.labels?.[hashLabel] === hash).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    observedGeneration: set.metadata.generation ?? 0,
  }
  return {
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: placed.length,
    numberMisscheduled: places.filter(({ shouldRun, pods }) => !shouldRun && pods.length > 0).length,
    numberReady: placed.filter((pod) => !isLeaving(pod) && isReady(pod)).length,
    ...(set.status.collisionCount === undefined ? {} : { collisionCount: set.status.collisionCount }),
    ...(set.status.conditions === undefined ? {} : { conditions: set.status.conditions }),
  }
}

/** The pods' selector of a daemon set. */
export function selectorOf({ spec }: DaemonSet) {
  return selectorFromLabelSelector(spec.selector)
}
