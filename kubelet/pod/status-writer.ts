/** Writes pod statuses to the API: the newest one of each pod, again and again until it is there; then deletes ended pods. */
import { isDeepStrictEqual } from 'node:util'
import type { Pod, PodStatus } from '../../api/core/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { pods } from '../../client/rest/resource-refs.ts'
import { createWorkqueue } from '../../client/workqueue/workqueue.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { kubeletConditionTypes } from './conditions.ts'

export type StatusWriter = {
  /** Remembers the status to write; `whenGone`: delete the pod's object afterwards, everything of it has been cleaned. */
  readonly set: (pod: Pod, status: PodStatus, options?: { readonly delete?: boolean }) => void
  /** The newest status of a pod, written or not. */
  readonly get: (podUid: string) => PodStatus | undefined
  readonly forget: (podUid: string) => void
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Pods whose status is written at the same time. */
const workers = 8
const retryBackoff = { initialMs: 200, maxMs: 10_000, factor: 2, jitter: 0.2 }

type Pending = { readonly pod: Pod; readonly status: PodStatus; readonly delete: boolean }
type Written = { readonly uid: string; readonly status: PodStatus }

/** `apiPod` names the object that stands for a pod in the API: the pod itself, or its mirror; undefined: none yet. */
export function createStatusWriter(options: {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly apiPod: (pod: Pod) => Pod | undefined
}): StatusWriter {
  const { client, clock, logger, apiPod } = options
  const queue = createWorkqueue({ clock, backoff: retryBackoff })
  const newest = new Map<string, Pending>()
  const written = new Map<string, Written>()

  const write = async (key: string, signal: AbortSignal): Promise<void> => {
    const pending = newest.get(key)
    const target = pending === undefined ? undefined : apiPod(pending.pod)
    if (pending === undefined || target === undefined) return
    const { name, namespace, uid } = target.metadata
    const known = written.get(key)
    const before = known?.uid === uid ? known.status : target.status
    if (!isDeepStrictEqual(before, pending.status)) {
      const body = { metadata: { uid }, status: statusPatch(before, pending.status) }
      await client.patch(pods, { namespace, name }, { type: 'strategic', subresource: 'status', body }, signal)
      written.set(key, { uid, status: pending.status })
    }
    if (pending.delete && target.metadata.deletionTimestamp !== undefined) {
      await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }, signal)
    }
  }

  const work = async (signal: AbortSignal): Promise<void> => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        await write(key, signal)
        queue.forget(key)
      } catch (error) {
        if (signal.aborted) return
        // Gone, or replaced by another pod of the same name: nothing left to report on.
        if (hasReason(error, 'NotFound') || hasReason(error, 'Conflict')) queue.forget(key)
        else {
          logger.info('Pod status was not written', { uid: key, error })
          queue.addRateLimited(key)
        }
      } finally {
        queue.done(key)
      }
    }
  }

  return {
    set: (pod, status, { delete: remove = false } = {}) => {
      const key = pod.metadata.uid
      const before = newest.get(key)
      if (before !== undefined && before.delete === remove && isDeepStrictEqual(before.status, status)) {
        newest.set(key, { ...before, pod })
        // Somebody else may have changed what we wrote; a mirror pod may have appeared.
        if (isDeepStrictEqual(apiPod(pod)?.status, status)) return
      } else newest.set(key, { pod, status, delete: remove })
      queue.add(key)
    },
    get: (podUid) => newest.get(podUid)?.status,
    forget: (podUid) => {
      newest.delete(podUid)
      written.delete(podUid)
      queue.forget(podUid)
    },
    run: async (signal) => {
      signal.addEventListener('abort', () => queue.shutDown(), { once: true })
      await Promise.all(Array.from({ length: workers }, () => work(signal)))
    },
  }
}

/** The strategic merge patch from one status to another: what vanished is null; address lists are replaced, not merged. */
export function statusPatch(before: PodStatus | undefined, after: PodStatus): Record<string, unknown> {
  const vanished = Object.keys(before ?? {}).filter((key) => !(key in after))
  // Conditions of others may have come since; only our own are taken away.
  const withdrawn = (before?.conditions ?? []).filter(
    ({ type }) => kubeletConditionTypes.includes(type) && !(after.conditions ?? []).some((one) => one.type === type),
  )
  return {
    ...after,
    ...Object.fromEntries(vanished.map((key) => [key, null])),
    ...replacedList('podIPs', before?.podIPs, after.podIPs),
    ...replacedList('hostIPs', before?.hostIPs, after.hostIPs),
    conditions: [
      ...(after.conditions ?? []).map((condition) => ({ reason: null, message: null, ...condition })),
      ...withdrawn.map(({ type }) => ({ type, $patch: 'delete' })),
    ],
  }
}

function replacedList(
  name: string,
  before: readonly unknown[] | undefined,
  after: readonly unknown[] | undefined,
): Record<string, unknown> {
  if (after === undefined || before === undefined || before.length === 0) return {}
  if (isDeepStrictEqual(before, after)) return { [name]: after }
  return { [name]: [{ $patch: 'replace' }, ...after] }
}
