/** The disruption controller: how many evictions each budget allows now. Start reading at `plan.ts`. */

import type { Pod } from '../../api/core/v1.ts'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import { objectKey } from '../../apimachinery/brand.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import {
  podDisruptionBudgets as budgetsRef,
  deployments as deploymentsRef,
  pods as podsRef,
  replicaSets as replicaSetsRef,
  replicationControllers as replicationControllersRef,
  statefulSets as statefulSetsRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { plan } from './plan.ts'
import { expectedScale } from './scale.ts'

/** Wires the controller. */
export function startDisruptionController(context: ControllerContext): Task {
  const { client, clock, informers, logger } = context
  const byNamespace = ({ metadata }: Pod | PodDisruptionBudget): readonly string[] => [metadata.namespace ?? '']
  const budgets = withIndex(informers.of(budgetsRef), 'namespace', byNamespace)
  const pods = withIndex(informers.of(podsRef), 'namespace', byNamespace)
  const caches = {
    deployments: informers.of(deploymentsRef),
    replicaSets: informers.of(replicaSetsRef),
    statefulSets: informers.of(statefulSetsRef),
    replicationControllers: informers.of(replicationControllersRef),
  }
  const queue = newQueue(context)
  const selects = ({ spec }: PodDisruptionBudget, pod: Pod): boolean =>
    matches(selectorFromLabelSelector(spec.selector), pod.metadata.labels ?? {})
  enqueueChanges(budgets, queue)
  pods.onChange((change) => {
    const namespace = change.object.metadata.namespace ?? ''
    for (const budget of budgets.byIndex('namespace', namespace)) {
      const isOld = change.type === 'updated' && selects(budget, change.old)
      if (isOld || selects(budget, change.object)) queue.add(objectKey(budget))
    }
  })
  const wakeNamespace = ({
    object,
  }: {
    readonly object: { readonly metadata: { readonly namespace?: string } }
  }): void => {
    for (const budget of budgets.byIndex('namespace', object.metadata.namespace ?? '')) queue.add(objectKey(budget))
  }
  caches.deployments.onChange(wakeNamespace)
  caches.replicaSets.onChange(wakeNamespace)
  caches.statefulSets.onChange(wakeNamespace)
  caches.replicationControllers.onChange(wakeNamespace)
  const recorder = context.recorder('controllermanager')
  return controllerTask(
    [budgets, pods, ...Object.values(caches)],
    {
      name: 'disruption',
      queue,
      observe: (key) => {
        const budget = budgets.get(key)
        if (budget === undefined) return undefined
        const own = pods.byIndex('namespace', budget.metadata.namespace ?? '').filter((pod) => selects(budget, pod))
        return { budget, pods: own, scale: expectedScale(caches, own), nowMs: clock.now() }
      },
      plan,
      apply: async (action, signal) => {
        if (action.type === 'warn') return recorder.event(action.budget, 'Warning', action.reason, action.message)
        const written = await client.updateStatus(budgetsRef, { ...action.budget, status: action.status }, signal)
        await whenShown(budgets, written, signal)
      },
      report: reportTo(logger, 'disruption'),
    },
    2,
  )
}
