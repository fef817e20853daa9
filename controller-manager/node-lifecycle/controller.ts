/** The node lifecycle controller: watches for silent nodes. Start reading at `plan.ts`. */

import type { Node, Pod } from '../../api/core/v1.ts'
import { assertNever, namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import { leases as leasesRef, nodes as nodesRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { type Health, nextHealth, nodeCondition } from './health.ts'
import { type Action, type Observed, plan } from './plan.ts'

const leaseNamespace = 'kube-node-lease'
export const nodeIndex = 'nodeName'

/** Wires the controller. */
export function startNodeLifecycleController(context: ControllerContext): Task {
  const { clock, config, informers, logger } = context
  const nodes = informers.of(nodesRef)
  const leases = informers.of(leasesRef)
  const pods = withIndex(informers.of(podsRef), nodeIndex, ({ spec }) => [spec.nodeName ?? ''])
  const queue = newQueue(context)
  /** Signs of life, by our own clock: a new process gives every node a full grace period. */
  const healths = new Map<string, Health>()
  const recorder = context.recorder('node-controller')
  enqueueChanges(nodes, queue)
  nodes.onChange(({ type, object }) => {
    if (type !== 'deleted') return
    const { name } = object.metadata
    healths.delete(name)
    recorder.event(object, 'Normal', 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`)
  })
  const observe = (key: string): Observed | undefined => {
    const node = nodes.get(key)
    if (node === undefined) return undefined
    const nowMs = clock.now()
    const before = healths.get(key)
    const health = nextHealth(before, node, leases.get(namespacedName(leaseNamespace, key)), nowMs)
    healths.set(key, health)
    const others = nodes.list().filter((other) => other !== node)
    const hasLiving = others.some((other) => nodeCondition(other, 'Ready')?.status === 'True')
    return {
      node,
      health,
      readyBefore: before?.ready,
      pods: pods.byIndex(nodeIndex, key),
      mayEvict: hasLiving,
      isNew: before === undefined,
      gracePeriodMs: config.nodeGracePeriodMs,
      startupGracePeriodMs: config.nodeStartupGracePeriodMs,
      monitorPeriodMs: config.nodeMonitorPeriodMs,
      nowMs,
    }
  }
  const noteReported = (name: string): void => {
    const health = healths.get(name)
    if (health !== undefined) healths.set(name, { ...health, ready: 'Unknown' })
  }
  const apply = async (action: Action, signal: AbortSignal): Promise<void> =>
    await applyAction({ ...context, nodes, recorder, noteReported }, action, signal)
  const controller = { name: 'node-lifecycle', queue, observe, plan, apply, report: reportTo(logger, 'node-lifecycle') }
  return controllerTask([nodes, leases, pods], controller, 4)
}

type Effects = Pick<ControllerContext, 'client' | 'clock'> & {
  readonly nodes: Informer<Node>
  readonly recorder: Recorder
  /** The turn to not ready is reported once. */
  readonly noteReported: (node: string) => void
}

async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  const { client, nodes, recorder } = effects
  switch (action.type) {
    case 'register': {
      const { name } = action.node.metadata
      return recorder.event(
        action.node,
        'Normal',
        'RegisteredNode',
        `Node ${name} event: Registered Node ${name} in Controller`,
      )
    }
    case 'updateConditions': {
      const status = { ...action.node.status, conditions: action.conditions }
      const written = await client.updateStatus(nodesRef, { ...action.node, status }, signal)
      return await whenShown(nodes, written, signal)
    }
    case 'setTaints': {
      const { name } = action.node.metadata
      // The list is one value: the version guards against a change by somebody else.
      const cached = nodes.get(name) ?? action.node
      const { resourceVersion } = cached.metadata
      const body = { metadata: { resourceVersion }, spec: { taints: action.taints } }
      const written = await client.patch(nodesRef, { name }, { type: 'merge', body }, signal)
      return await whenShown(nodes, written, signal)
    }
    case 'reportNotReady': {
      const { name } = action.node.metadata
      effects.noteReported(name)
      return recorder.event(action.node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
    }
    case 'markNotReady':
      recorder.event(action.pod, 'Warning', 'NodeNotReady', 'Node is not ready')
      return await markNotReady(effects, action.pod, signal)
    default:
      return assertNever(action)
  }
}

async function markNotReady({ client, clock }: Effects, pod: Pod, signal: AbortSignal): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  const condition = { type: 'Ready', status: 'False', lastTransitionTime: formatTime(clock.now()) }
  const body = { metadata: { uid }, status: { conditions: [condition] } }
  try {
    await client.patch(podsRef, { namespace, name }, { type: 'strategic', body, subresource: 'status' }, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
  }
}
