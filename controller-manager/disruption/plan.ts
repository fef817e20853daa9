/** How many pods may go by the wish of somebody: the status of PodDisruptionBudgets. Pure. */

import type { Pod } from '../../api/core/v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/policy/v1.ts'
import { resolveIntOrPercent } from '../../apimachinery/int-or-string.ts'
import { formatTime, parseTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isReady } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'

/** An eviction that was allowed and did not happen is forgotten after this long. */
const evictionLimitMs = 120_000

/** Everything the decision depends on. */
export type Observed = {
  readonly budget: PodDisruptionBudget
  readonly pods: readonly Pod[]
  /** How many pods the controllers of these pods want together; a string says why nobody knows. */
  readonly scale: number | string
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'updateStatus'; readonly budget: PodDisruptionBudget; readonly status: PodDisruptionBudgetStatus }
  | { readonly type: 'warn'; readonly budget: PodDisruptionBudget; readonly reason: string; readonly message: string }

type Expectation = { readonly expectedPods: number; readonly desiredHealthy: number }

/** Counts healthy pods against those that must stay. */
export function plan(observed: Observed): Plan<Action> {
  const { budget, pods, nowMs } = observed
  const expected = expectationOf(observed)
  if (typeof expected === 'string') return planUnknown(budget, expected, nowMs)
  const disruptedPods = pendingEvictions(observed)
  const healthy = pods.filter(
    (pod) =>
      isReady(pod) && pod.metadata.deletionTimestamp === undefined && disruptedPods[pod.metadata.name] === undefined,
  ).length
  const spare = healthy - expected.desiredHealthy
  const disruptionsAllowed = expected.expectedPods <= 0 ? 0 : Math.max(0, spare)
  const status: PodDisruptionBudgetStatus = {
    observedGeneration: budget.metadata.generation ?? 0,
    ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    disruptionsAllowed,
    currentHealthy: healthy,
    ...expected,
    conditions: withCondition(budget, disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods', '', nowMs),
  }
  const actions: readonly Action[] = isSame(status, budget.status) ? [] : [{ type: 'updateStatus', budget, status }]
  const waits = Object.values(disruptedPods).map((time) => parseTime(time) + evictionLimitMs - nowMs)
  return waits.length === 0 ? { actions } : { actions, requeueAfterMs: Math.min(...waits) }
}

/** A budget whose controllers nobody knows lets no pod go. */
function planUnknown(budget: PodDisruptionBudget, why: string, nowMs: number): Plan<Action> {
  const conditions = withCondition(budget, 'SyncFailed', why, nowMs)
  const status = { ...budget.status, disruptionsAllowed: 0, conditions }
  const warn: Action = {
    type: 'warn',
    budget,
    reason: 'CalculateExpectedPodCountFailed',
    message: `Failed to calculate the number of expected pods: ${why}`,
  }
  return { actions: isSame(status, budget.status) ? [] : [warn, { type: 'updateStatus', budget, status }] }
}

function expectationOf({ budget, pods, scale }: Observed): Expectation | string {
  const { minAvailable, maxUnavailable } = budget.spec
  if (maxUnavailable !== undefined) {
    if (typeof scale === 'string') return scale
    const missing = resolveIntOrPercent(maxUnavailable, scale, true)
    return { expectedPods: scale, desiredHealthy: Math.max(0, scale - missing) }
  }
  if (typeof minAvailable === 'number') return { expectedPods: pods.length, desiredHealthy: minAvailable }
  if (minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 }
  if (typeof scale === 'string') return scale
  return { expectedPods: scale, desiredHealthy: resolveIntOrPercent(minAvailable, scale, true) }
}

/** Pods that the API server has let go and that are still there. */
function pendingEvictions({ budget, pods, nowMs }: Observed): Readonly<Record<string, string>> {
  const living = new Set(
    pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name),
  )
  const pending = Object.entries(budget.status.disruptedPods ?? {}).filter(
    ([name, time]) => living.has(name) && parseTime(time) + evictionLimitMs > nowMs,
  )
  return Object.fromEntries(pending)
}

function withCondition(budget: PodDisruptionBudget, reason: string, message: string, nowMs: number) {
  const before = budget.status.conditions ?? []
  const status = reason === 'SufficientPods' ? 'True' : 'False'
  const old = before.find(({ type }) => type === 'DisruptionAllowed')
  const next = {
    type: 'DisruptionAllowed',
    status,
    observedGeneration: budget.metadata.generation ?? 0,
    lastTransitionTime: old?.status === status ? old.lastTransitionTime : formatTime(nowMs),
    reason,
    message,
  }
  return [...before.filter((condition) => condition !== old), next]
}
