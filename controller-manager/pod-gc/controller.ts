/** The pod garbage collector: one pass every 20 seconds. */
import { namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Client } from '../../client/rest/client.ts'
import { nodes as nodesRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, newQueue, reportTo } from '../context.ts'
import { isTerminal } from '../pod/activity.ts'
import { type Action, plan } from './plan.ts'

const periodMs = 20_000
/** A node must be missing this long before its pods are given up. */
const quarantineMs = 40_000
/** The one key of the queue: a pass is over all pods. */
const allPods = namespacedName('', 'all-pods')

/** Wires the controller. */
export function startPodGcController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const pods = informers.of(podsRef)
  const nodes = informers.of(nodesRef)
  const queue = newQueue(context)
  const missingSince = new Map<string, number>()
  queue.add(allPods)
  const goneNodes = (known: ReadonlySet<string>, nowMs: number): ReadonlySet<string> => {
    const missing = new Set(
      pods
        .list()
        .flatMap(({ spec }) => (spec.nodeName ?? '') || [])
        .filter((name) => !known.has(name)),
    )
    for (const name of missingSince.keys()) if (!missing.has(name)) missingSince.delete(name)
    for (const name of missing) if (!missingSince.has(name)) missingSince.set(name, nowMs)
    return new Set([...missingSince].filter(([, since]) => since + quarantineMs <= nowMs).map(([name]) => name))
  }
  return controllerTask(
    [pods, nodes],
    {
      name: 'pod-gc',
      queue,
      observe: () => {
        const known = new Map(nodes.list().map((node) => [node.metadata.name, node]))
        const gone = goneNodes(new Set(known.keys()), clock.now())
        return { pods: pods.list(), nodes: known, goneNodes: gone, threshold: config.terminatedPodThreshold }
      },
      plan: (observed) => ({ ...plan(observed), requeueAfterMs: periodMs }),
      apply: async (action, signal) => await remove(client, action, formatTime(clock.now()), signal),
      report: reportTo(logger, 'pod-gc'),
    },
    1,
  )
}

async function remove(client: Client, { pod, message }: Action, now: string, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  try {
    if (!isTerminal(pod) && message !== undefined) {
      // Nobody is left to say that the pod has ended; Jobs count it as failed.
      const disrupted = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByPodGC',
        message,
        lastTransitionTime: now,
      }
      const body = { metadata: { uid }, status: { phase: 'Failed', conditions: [disrupted] } }
      await client.patch(podsRef, { namespace, name }, { type: 'strategic', body, subresource: 'status' }, signal)
    }
    await client.delete(podsRef, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
  }
}
