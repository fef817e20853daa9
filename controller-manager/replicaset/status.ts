/** What a ReplicaSet reports. Pure. */

import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { isAvailable, isReady } from '../pod/activity.ts'

/** Why pods could not be made or removed. */
export type ManageFailure = { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string }

/** Input of {@link replicaSetStatus}. */
export type StatusInput = {
  readonly replicaSet: ReplicaSet
  readonly active: readonly Pod[]
  readonly terminating: number
  readonly failure: ManageFailure | undefined
  readonly nowMs: number
}

/** Counts the pods. Source: `calculateStatus` of the replicaset controller. */
export function replicaSetStatus({ replicaSet, active, terminating, failure, nowMs }: StatusInput): ReplicaSetStatus {
  const { template, minReadySeconds } = replicaSet.spec
  const everyLabel = selectorFromLabelSelector({ matchLabels: template.metadata.labels ?? {} })
  const conditions = failureConditions(replicaSet.status.conditions ?? [], failure, nowMs)
  return {
    replicas: active.length,
    ...nonZero('fullyLabeledReplicas', active.filter((pod) => matches(everyLabel, pod.metadata.labels ?? {})).length),
    ...nonZero('readyReplicas', active.filter(isReady).length),
    ...nonZero('availableReplicas', active.filter((pod) => isAvailable(pod, minReadySeconds ?? 0, nowMs)).length),
    terminatingReplicas: terminating,
    ...nonZero('observedGeneration', replicaSet.metadata.generation ?? 0),
    ...(conditions.length === 0 ? {} : { conditions }),
  }
}

/** The wire leaves out counts that are zero. */
function nonZero<Name extends string>(name: Name, value: number): { readonly [K in Name]?: number } {
  return value === 0 ? {} : ({ [name]: value } as { readonly [K in Name]?: number })
}

function failureConditions(
  conditions: readonly ReplicaSetCondition[],
  failure: ManageFailure | undefined,
  nowMs: number,
): readonly ReplicaSetCondition[] {
  const others = conditions.filter(({ type }) => type !== 'ReplicaFailure')
  if (failure === undefined) return others
  if (others.length < conditions.length) return conditions
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: formatTime(nowMs), ...failure }]
}
