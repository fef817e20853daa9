/** The DaemonSet controller: a pod on every node. Start reading at `plan.ts`. */

import type { ControllerRevision, DaemonSet } from '../../api/apps/v1.ts'
import { assertNever, objectKey } from '../../apimachinery/brand.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  nodes as nodesRef,
  pods as podsRef,
  controllerRevisions as revisionsRef,
  daemonSets as setsRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { createRevision, deleteRevision, renumberRevision } from '../history/control.ts'
import { whenShown } from '../informers.ts'
import { planClaim } from '../owner/claim.ts'
import { indexDependents, wakeOwners } from '../owner/dependents.ts'
import { mayAdopt } from '../owner/may-adopt.ts'
import { isSame } from '../pod/canonical-json.ts'
import { createPodControl, type PodControl } from '../pod/control.ts'
import { type Action, plan, selectorOf } from './plan.ts'
import { generationAnnotation } from './pod.ts'

/** Wires the controller. */
export function startDaemonSetController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const sets = informers.of(setsRef)
  const pods = informers.of(podsRef)
  const nodes = informers.of(nodesRef)
  const revisions = informers.of(revisionsRef)
  const podsOf = indexDependents(pods)
  const revisionsOf = indexDependents(revisions)
  const queue = newQueue(context)
  enqueueChanges(sets, queue)
  wakeOwners({ dependents: pods, owners: sets, kind: 'DaemonSet', selectorOf, wake: queue.add })
  wakeOwners({ dependents: revisions, owners: sets, kind: 'DaemonSet', selectorOf, wake: queue.add })
  nodes.onChange((change) => {
    const seen = ({ metadata, spec }: typeof change.object) => [metadata.labels, spec.taints, spec.unschedulable]
    if (change.type === 'updated' && isSame(seen(change.old), seen(change.object))) return
    for (const set of sets.list()) queue.add(objectKey(set))
  })
  const recorder = context.recorder('daemonset-controller')
  const podControl = createPodControl({ client, pods, recorder })
  const effects = { client, sets, revisions, podControl, recorder }
  return controllerTask(
    [sets, pods, nodes, revisions],
    {
      name: 'daemonset',
      queue,
      observe: (key) => {
        const set = sets.get(key)
        if (set === undefined) return undefined
        return {
          set,
          claim: planClaim(set, selectorOf(set), podsOf.candidates(set)),
          revisions: revisionsOf.ownedBy(set.metadata.uid),
          nodes: nodes.list(),
          nowMs: clock.now(),
        }
      },
      plan,
      apply: async (action, signal) => await applyAction(effects, action, signal),
      report: reportTo(logger, 'daemonset'),
    },
    config.concurrentSyncs.daemonset,
  )
}

type Effects = {
  readonly client: Client
  readonly sets: Informer<DaemonSet>
  readonly revisions: Informer<ControllerRevision>
  readonly podControl: PodControl
  readonly recorder: Recorder
}

async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  const { client, sets, podControl, recorder } = effects
  const { set } = action
  switch (action.type) {
    case 'adopt':
      await mayAdopt(client, setsRef, set, signal)
      return await podControl.adopt(set, action.pod, signal)
    case 'release':
      return await podControl.release(set, action.pod, signal)
    case 'warnSelectsAll': {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.'
      return recorder.event(set, 'Warning', 'SelectingAll', message)
    }
    case 'createRevision': {
      const generation = set.metadata.annotations?.[generationAnnotation]
      const annotations = {
        ...action.draft.metadata?.annotations,
        ...(generation === undefined ? {} : { [generationAnnotation]: generation }),
      }
      const draft = { ...action.draft, metadata: { ...action.draft.metadata, annotations } }
      if ((await createRevision(effects, set, draft, signal)) === 'created') return
      const status = { ...set.status, collisionCount: (set.status.collisionCount ?? 0) + 1 }
      return await whenShown(sets, await client.updateStatus(setsRef, { ...set, status }, signal), signal)
    }
    case 'renumber':
      return await renumberRevision(effects, action.revision, action.number, signal)
    case 'deleteRevision':
      return await deleteRevision(effects, action.revision, signal)
    case 'reportEnded': {
      const { namespace, name } = action.pod.metadata
      const node = action.pod.spec.nodeName ?? ''
      const [kind, word] = action.pod.status.phase === 'Failed' ? ['Failed', 'failed'] : ['Succeeded', 'succeeded']
      const verb = kind === 'Failed' ? 'kill' : 'delete'
      const message = `Found ${word} daemon pod ${namespace}/${name} on node ${node}, will try to ${verb} it`
      return recorder.event(set, kind === 'Failed' ? 'Warning' : 'Normal', `${kind}DaemonPod`, message)
    }
    case 'createPods':
      return await podControl.createMany(set, action.drafts, signal)
    case 'deletePods':
      return await podControl.deleteMany(set, action.pods, signal)
    case 'updateStatus': {
      const written = await client.updateStatus(setsRef, { ...set, status: action.status }, signal)
      return await whenShown(sets, written, signal)
    }
    default:
      return assertNever(action)
  }
}
