/** The ReplicaSet controller: keeps the wanted number of pods. Start reading at `plan.ts`. */
import type { NamespacedName } from '../../apimachinery/brand.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { pods as podsRef, replicaSets as replicaSetsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { indexDependents, wakeOwners } from '../owner/dependents.ts'
import { createPodControl } from '../pod/control.ts'
import { applyAction } from './apply.ts'
import { observeReplicaSet } from './observe.ts'
import { plan } from './plan.ts'
import type { ManageFailure } from './status.ts'

/** Wires the controller. */
export function startReplicaSetController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const replicaSets = informers.of(replicaSetsRef)
  const pods = informers.of(podsRef)
  const podsOf = indexDependents(pods)
  const replicaSetsOf = indexDependents(replicaSets)
  const queue = newQueue(context)
  /** Lasts until the next attempt; lost with the process, and found again by trying again. */
  const failures = new Map<NamespacedName, ManageFailure>()
  enqueueChanges(replicaSets, queue)
  wakeOwners({
    dependents: pods,
    owners: replicaSets,
    kind: 'ReplicaSet',
    selectorOf: ({ spec }) => selectorFromLabelSelector(spec.selector),
    wake: queue.add,
  })
  const podControl = createPodControl({ client, pods, recorder: context.recorder('replicaset-controller') })
  return controllerTask(
    [replicaSets, pods],
    {
      name: 'replicaset',
      queue,
      observe: (key) => observeReplicaSet({ replicaSets, podsOf, replicaSetsOf, failures, nowMs: clock.now() }, key),
      plan,
      apply: async (action, signal) => await applyAction({ client, replicaSets, podControl, failures }, action, signal),
      report: reportTo(logger, 'replicaset'),
    },
    config.concurrentSyncs.replicaset,
  )
}
