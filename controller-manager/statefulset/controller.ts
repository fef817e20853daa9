/** The StatefulSet controller: pods with names that last. Start reading at `plan.ts`. */

import type { StatefulSet } from '../../api/apps/v1.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import {
  persistentVolumeClaims as claimsRef,
  pods as podsRef,
  controllerRevisions as revisionsRef,
  statefulSets as setsRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { withIndex } from '../informers.ts'
import { planClaim } from '../owner/claim.ts'
import { indexDependents, wakeOwners } from '../owner/dependents.ts'
import { createPodControl } from '../pod/control.ts'
import { applyAction } from './apply.ts'
import { ordinalOf } from './identity.ts'
import { plan } from './plan.ts'

/** Wires the controller. */
export function startStatefulSetController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const sets = informers.of(setsRef)
  const pods = informers.of(podsRef)
  const revisions = informers.of(revisionsRef)
  const claims = withIndex(informers.of(claimsRef), 'namespace', ({ metadata }) => [metadata.namespace ?? ''])
  const podsOf = indexDependents(pods)
  const revisionsOf = indexDependents(revisions)
  const queue = newQueue(context)
  const selectorOf = ({ spec }: StatefulSet) => selectorFromLabelSelector(spec.selector)
  enqueueChanges(sets, queue)
  wakeOwners({ dependents: pods, owners: sets, kind: 'StatefulSet', selectorOf, wake: queue.add })
  wakeOwners({ dependents: revisions, owners: sets, kind: 'StatefulSet', selectorOf, wake: queue.add })
  const recorder = context.recorder('statefulset-controller')
  const podControl = createPodControl({ client, pods, recorder })
  const effects = { client, sets, pods, revisions, claims, podControl, recorder }
  return controllerTask(
    [sets, pods, revisions, claims],
    {
      name: 'statefulset',
      queue,
      observe: (key) => {
        const set = sets.get(key)
        if (set === undefined) return undefined
        // A set takes only pods that bear its name.
        const candidates = podsOf.candidates(set).filter((pod) => ordinalOf(set, pod) !== undefined)
        const namespace = set.metadata.namespace ?? ''
        return {
          set,
          claim: planClaim(set, selectorOf(set), candidates),
          revisions: revisionsOf.ownedBy(set.metadata.uid),
          volumeClaims: new Map(claims.byIndex('namespace', namespace).map((claim) => [claim.metadata.name, claim])),
          nowMs: clock.now(),
        }
      },
      plan,
      apply: async (action, signal) => await applyAction(effects, action, signal),
      report: reportTo(logger, 'statefulset'),
    },
    config.concurrentSyncs.statefulset,
  )
}
