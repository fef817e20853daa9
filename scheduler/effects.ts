/** What decisions write: bindings, pod status, evictions, events. */
import type { Pod, PodCondition } from '../api/core/v1.ts'
import { hasReason } from '../apimachinery/status.ts'
import { formatTime } from '../apimachinery/time.ts'
import type { Recorder } from '../client/events/recorder.ts'
import type { Client } from '../client/rest/client.ts'
import { pods } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import type { NodeInfo } from './cache/node-info.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { Effects } from './scheduler.ts'

export type EffectsOptions = {
  readonly client: Client
  readonly recorder: Recorder
  readonly clock: Clock
  /** Makes the pod's claims usable on the node; resolves once they are bound. */
  readonly bindClaims: (pod: PodInfo, node: NodeInfo, signal: AbortSignal) => Promise<void>
  /** Pods of lower priority that were promised room on a node, which they lose to `pod`. */
  readonly nominatedBelow: (pod: PodInfo, nodeName: string) => readonly PodInfo[]
}

/** The effects against a real API server. */
export function createEffects(options: EffectsOptions): Effects {
  const { client, recorder } = options
  return {
    bind: async (pod, node, signal) => {
      await options.bindClaims(pod, node, signal)
      const { namespace } = pod
      const { name, uid } = pod.pod.metadata
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { kind: 'Node', name: node.name },
      }
      await client.createSubresource(pods, { namespace, name, subresource: 'binding' }, binding, signal)
      recorder.event(pod.pod, 'Normal', 'Scheduled', `Successfully assigned ${pod.key} to ${node.name}`)
    },
    reportUnschedulable: async (pod, message, preemption, signal) => {
      recorder.event(pod.pod, 'Warning', 'FailedScheduling', message)
      const nominatedNodeName =
        preemption.type === 'evict' ? preemption.nodeName : preemption.clearsNomination ? '' : undefined
      await setScheduled(options, pod.pod, { reason: 'Unschedulable', message, nominatedNodeName }, signal)
    },
    reportError: async (pod, error, signal) => {
      const message = error instanceof Error ? error.message : String(error)
      recorder.event(pod.pod, 'Warning', 'FailedScheduling', message)
      await setScheduled(options, pod.pod, { reason: 'SchedulerError', message }, signal)
    },
    preempt: async (pod, { nodeName, victims }, signal) => {
      for (const victim of victims) await evict(options, pod, victim, nodeName, signal)
      for (const other of options.nominatedBelow(pod, nodeName)) {
        const { namespace } = other
        const { name } = other.pod.metadata
        const body = { status: { nominatedNodeName: null } }
        await client.patch(pods, { namespace, name }, { type: 'merge', body, subresource: 'status' }, signal)
      }
    },
  }
}

async function setScheduled(
  { client, clock }: EffectsOptions,
  pod: Pod,
  outcome: { readonly reason: string; readonly message: string; readonly nominatedNodeName?: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { reason, message, nominatedNodeName } = outcome
  const old = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const isNominationSame =
    nominatedNodeName === undefined || nominatedNodeName === (pod.status?.nominatedNodeName ?? '')
  if (old?.status === 'False' && old.reason === reason && old.message === message && isNominationSame) return
  const lastTransitionTime = old?.status === 'False' ? old.lastTransitionTime : formatTime(clock.now())
  const condition: Partial<PodCondition> = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    ...(typeof lastTransitionTime === 'string' ? { lastTransitionTime } : {}),
  }
  const nomination = isNominationSame ? {} : { nominatedNodeName: nominatedNodeName === '' ? null : nominatedNodeName }
  const { namespace, name, uid } = pod.metadata
  const body = { metadata: { uid }, status: { conditions: [condition], ...nomination } }
  await ignoreNotFound(
    client.patch(pods, { namespace, name }, { type: 'strategic', body, subresource: 'status' }, signal),
  )
}

async function evict(
  { client, recorder, clock }: EffectsOptions,
  pod: PodInfo,
  victim: PodInfo,
  nodeName: string,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = victim.pod.metadata
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message: `${pod.pod.spec?.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
    lastTransitionTime: formatTime(clock.now()),
  }
  const body = { metadata: { uid }, status: { conditions: [condition] } }
  const isThere = await ignoreNotFound(
    client.patch(pods, { namespace, name }, { type: 'strategic', body, subresource: 'status' }, signal),
  )
  if (!isThere) return
  const isDeleted = await ignoreNotFound(client.delete(pods, { namespace, name }, { preconditions: { uid } }, signal))
  if (isDeleted) recorder.event(victim.pod, 'Normal', 'Preempted', `Preempted by pod ${pod.uid} on node ${nodeName}`)
}

async function ignoreNotFound(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return true
  } catch (error) {
    if (hasReason(error, 'NotFound')) return false
    throw error
  }
}
