/** The ReplicationController controller: the plan of ReplicaSets for the older kind. */

import type { ReplicationController } from '../../api/core/v1.ts'
import { type NamespacedName, objectKey } from '../../apimachinery/brand.ts'
import { selectorFromLabels } from '../../apimachinery/selector/labels.ts'
import { replicationControllers as controllersRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { planClaim } from '../owner/claim.ts'
import { indexDependents, wakeOwners } from '../owner/dependents.ts'
import { isSame } from '../pod/canonical-json.ts'
import { createPodControl } from '../pod/control.ts'
import { applyToPods } from '../replicaset/apply.ts'
import { type Action, plan } from '../replicaset/plan.ts'
import type { ManageFailure } from '../replicaset/status.ts'
import { asReplicaSet, statusOf } from './convert.ts'

/** Wires the controller. */
export function startReplicationControllerController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const controllers = informers.of(controllersRef)
  const pods = informers.of(podsRef)
  const podsOf = indexDependents(pods)
  const queue = newQueue(context)
  const failures = new Map<NamespacedName, ManageFailure>()
  const selectorOf = ({ spec }: ReplicationController) => selectorFromLabels(spec.selector)
  enqueueChanges(controllers, queue)
  wakeOwners({ dependents: pods, owners: controllers, kind: 'ReplicationController', selectorOf, wake: queue.add })
  const podControl = createPodControl({ client, pods, recorder: context.recorder('replication-controller') })
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    if (action.type !== 'updateStatus') return await applyToPods({ podControl, failures }, action, signal)
    const original = controllers.get(objectKey(action.replicaSet))
    const status = statusOf(action.status)
    if (original === undefined || isSame(original.status, status)) return
    await whenShown(controllers, await client.updateStatus(controllersRef, { ...original, status }, signal), signal)
  }
  return controllerTask(
    [controllers, pods],
    {
      name: 'replicationcontroller',
      queue,
      observe: (key) => {
        const original = controllers.get(key)
        const failure = failures.get(key)
        failures.delete(key)
        if (original === undefined) return undefined
        const replicaSet = asReplicaSet(original)
        const claim = planClaim(replicaSet, selectorOf(original), podsOf.candidates(original))
        return { replicaSet, claim, related: claim.owned, failure, nowMs: clock.now() }
      },
      plan,
      apply,
      report: reportTo(logger, 'replicationcontroller'),
    },
    config.concurrentSyncs.replicationcontroller,
  )
}
