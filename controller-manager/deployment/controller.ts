/** The Deployment controller: one ReplicaSet per version of the template, sized step by step. Start reading at `plan.ts`. */

import type { Deployment, ReplicaSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { type NamespacedName, namespacedName } from '../../apimachinery/brand.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { Informer } from '../../client/cache/informer.ts'
import {
  deployments as deploymentsRef,
  pods as podsRef,
  replicaSets as replicaSetsRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { indexDependents, wakeOwners } from '../owner/dependents.ts'
import { applyAction } from './apply.ts'
import { observeDeployment } from './observe.ts'
import { plan } from './plan.ts'

/** Wires the controller. */
export function startDeploymentController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const deployments = informers.of(deploymentsRef)
  const replicaSets = informers.of(replicaSetsRef)
  const pods = informers.of(podsRef)
  const replicaSetsOf = indexDependents(replicaSets)
  const podsOf = indexDependents(pods)
  const queue = newQueue(context)
  enqueueChanges(deployments, queue)
  wakeOwners({
    dependents: replicaSets,
    owners: deployments,
    kind: 'Deployment',
    selectorOf: ({ spec }) => selectorFromLabelSelector(spec.selector),
    wake: queue.add,
  })
  wakeOnLastPod(pods, replicaSets, deployments, queue.add)
  const recorder = context.recorder('deployment-controller')
  return controllerTask(
    [deployments, replicaSets, pods],
    {
      name: 'deployment',
      queue,
      observe: (key) => observeDeployment({ deployments, replicaSetsOf, podsOf, nowMs: clock.now() }, key),
      plan,
      apply: async (action, signal) =>
        await applyAction({ client, clock, deployments, replicaSets, recorder }, action, signal),
      report: reportTo(logger, 'deployment'),
    },
    config.concurrentSyncs.deployment,
  )
}

/** Recreate waits until the last old pod is gone, which no replica set tells. */
function wakeOnLastPod(
  pods: Informer<Pod>,
  replicaSets: Informer<ReplicaSet>,
  deployments: Informer<Deployment>,
  wake: (key: NamespacedName) => void,
): void {
  pods.onChange(({ type, object }) => {
    if (type === 'added') return
    const namespace = object.metadata.namespace ?? ''
    const owner = controllerRef(object)
    const replicaSet = owner?.kind === 'ReplicaSet' ? replicaSets.get(`${namespace}/${owner.name}`) : undefined
    const deployment = replicaSet === undefined ? undefined : controllerRef(replicaSet)
    if (deployment?.kind !== 'Deployment') return
    const key = namespacedName(namespace, deployment.name)
    if (deployments.get(key)?.spec.strategy.type === 'Recreate') wake(key)
  })
}
