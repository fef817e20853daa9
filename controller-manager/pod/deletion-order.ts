/**
 * Which pod goes first when there are too many: the one that is missed least.
 * Source: `controller.ActivePodsWithRanks`, which users rely on through the pod-deletion-cost annotation.
 */

import type { ContainerStatus, Pod } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import { isReady, readySinceMs } from './activity.ts'

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'
const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }
const nanosecondsPerMs = 1_000_000

/** A pod and how many of its siblings stand on the same node. */
export type RankedPod = { readonly pod: Pod; readonly rank: number }

/** Sorts the pods to delete first to the front. */
export function sortByDeletionPreference(pods: readonly RankedPod[], nowMs: number): readonly Pod[] {
  return pods.toSorted((a, b) => compare(a, b, nowMs)).map(({ pod }) => pod)
}

function compare(a: RankedPod, b: RankedPod, nowMs: number): number {
  const rules = [
    () => Number(isAssigned(a.pod)) - Number(isAssigned(b.pod)),
    () => (phaseRank[a.pod.status.phase ?? ''] ?? 0) - (phaseRank[b.pod.status.phase ?? ''] ?? 0),
    () => Number(isReady(a.pod)) - Number(isReady(b.pod)),
    () => deletionCost(a.pod) - deletionCost(b.pod),
    () => b.rank - a.rank,
    () => (isReady(a.pod) && isReady(b.pod) ? youngerFirst(readySinceMs, a.pod, b.pod, nowMs) : 0),
    () => mostRestarts(b.pod.status.containerStatuses) - mostRestarts(a.pod.status.containerStatuses),
    () => mostRestarts(b.pod.status.initContainerStatuses) - mostRestarts(a.pod.status.initContainerStatuses),
    () => youngerFirst(createdMs, a.pod, b.pod, nowMs),
  ]
  for (const rule of rules) {
    const order = rule()
    if (order !== 0) return order
  }
  return 0
}

function isAssigned(pod: Pod): boolean {
  return (pod.spec.nodeName ?? '') !== ''
}

/** An annotation that is no 32-bit integer counts as none. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCostAnnotation]
  return text !== undefined && /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : 0
}

function mostRestarts(statuses: readonly ContainerStatus[] | undefined): number {
  return Math.max(0, ...(statuses ?? []).map((status) => status.restartCount))
}

function createdMs(pod: Pod): number {
  return parseTime(pod.metadata.creationTimestamp)
}

/** Ages are compared by powers of two, so that pods of about the same age are chosen at random (by uid). */
function youngerFirst(timeMs: (pod: Pod) => number | undefined, a: Pod, b: Pod, nowMs: number): number {
  const [aMs, bMs] = [timeMs(a), timeMs(b)]
  if (aMs === bMs) return 0
  if (aMs === undefined) return -1
  if (bMs === undefined) return 1
  const difference = ageRank(aMs, nowMs) - ageRank(bMs, nowMs)
  if (difference !== 0) return difference
  return a.metadata.uid < b.metadata.uid ? -1 : 1
}

function ageRank(timeMs: number, nowMs: number): number {
  const age = (nowMs - timeMs) * nanosecondsPerMs
  return age > 0 ? Math.floor(Math.log2(age)) : -1
}
