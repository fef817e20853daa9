/** The taint eviction controller: NoExecute taints at work. */

import { objectKey } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { nodes as nodesRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, newQueue, reportTo } from '../context.ts'
import { withIndex } from '../informers.ts'
import { nodeIndex } from '../node-lifecycle/controller.ts'
import { isSame } from '../pod/canonical-json.ts'
import { type Action, plan } from './plan.ts'

/** Wires the controller. */
export function startTaintEvictionController(context: ControllerContext): Task {
  const { client, clock, informers, logger } = context
  const nodes = informers.of(nodesRef)
  const pods = withIndex(informers.of(podsRef), nodeIndex, ({ spec }) => [spec.nodeName ?? ''])
  const queue = newQueue(context)
  pods.onChange((change) => {
    if (change.type === 'deleted' || (change.object.spec.nodeName ?? '') === '') return
    const isNews = change.type === 'added' || !isSame(placeOf(change.old), placeOf(change.object))
    if (isNews) queue.add(objectKey(change.object))
  })
  nodes.onChange((change) => {
    const before = change.type === 'updated' ? change.old.spec.taints : undefined
    if (change.type === 'deleted' || isSame(before, change.object.spec.taints)) return
    for (const pod of pods.byIndex(nodeIndex, change.object.metadata.name)) queue.add(objectKey(pod))
  })
  const recorder = context.recorder('taint-eviction-controller')
  const apply = async ({ pod }: Action, signal: AbortSignal): Promise<void> => {
    const { namespace, name, uid } = pod.metadata
    recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${namespace}/${name}`)
    const disrupted = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: formatTime(clock.now()),
    }
    const body = { metadata: { uid }, status: { conditions: [disrupted] } }
    try {
      await client.patch(podsRef, { namespace, name }, { type: 'strategic', body, subresource: 'status' }, signal)
      await client.delete(podsRef, { namespace, name }, { preconditions: { uid } }, signal)
    } catch (error) {
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
    }
  }
  return controllerTask(
    [nodes, pods],
    {
      name: 'taint-eviction',
      queue,
      observe: (key) => {
        const pod = pods.get(key)
        return pod === undefined ? undefined : { pod, node: nodes.get(pod.spec.nodeName ?? ''), nowMs: clock.now() }
      },
      plan,
      apply,
      report: reportTo(logger, 'taint-eviction'),
    },
    8,
  )
}

function placeOf({ spec }: { readonly spec: { readonly nodeName?: string; readonly tolerations?: unknown } }) {
  return [spec.nodeName, spec.tolerations]
}
