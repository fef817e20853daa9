/** Makes and removes pods for controllers, with the events that users look for. */

import type { Pod } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { ApiObject } from '../../api/resource.ts'
import { hasReason, StatusError } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import { pods as podsRef } from '../../client/rest/resource-refs.ts'
import { whenShown } from '../informers.ts'
import { adoptPatch, releasePatch } from '../owner/claim.ts'

export type PodControl = {
  /** Creates pods in batches that double while all goes well: a template that is refused costs one request, not hundreds. */
  readonly createMany: (owner: ApiObject, drafts: readonly Draft<'core.v1.Pod'>[], signal: AbortSignal) => Promise<void>
  readonly create: (owner: ApiObject, draft: Draft<'core.v1.Pod'>, signal: AbortSignal) => Promise<Pod>
  readonly deleteMany: (owner: ApiObject, pods: readonly Pod[], signal: AbortSignal) => Promise<void>
  readonly delete: (owner: ApiObject, pod: Pod, signal: AbortSignal) => Promise<void>
  readonly adopt: (owner: ApiObject, pod: Pod, signal: AbortSignal, finalizers?: readonly string[]) => Promise<void>
  readonly release: (owner: ApiObject, pod: Pod, signal: AbortSignal, finalizers?: readonly string[]) => Promise<void>
}

type Options = { readonly client: Client; readonly pods: Informer<Pod>; readonly recorder: Recorder }

/** Makes the control of one controller. */
export function createPodControl(options: Options): PodControl {
  const control = {
    create: async (owner: ApiObject, draft: Draft<'core.v1.Pod'>, signal: AbortSignal) =>
      await createPod(options, owner, draft, signal),
    delete: async (owner: ApiObject, pod: Pod, signal: AbortSignal) => await deletePod(options, owner, pod, signal),
  }
  const patch = async (pod: Pod, body: unknown, signal: AbortSignal): Promise<void> => {
    try {
      const at = { namespace: pod.metadata.namespace, name: pod.metadata.name }
      const written = await options.client.patch(podsRef, at, { type: 'strategic', body }, signal)
      await whenShown(options.pods, written, signal)
    } catch (error) {
      // Gone, or a namesake by now: then there is nothing to claim or release.
      if (!hasReason(error, 'NotFound') && !hasReason(error, 'Invalid')) throw error
    }
  }
  return {
    ...control,
    createMany: async (owner, drafts, signal) =>
      await slowStart(drafts, async (draft) => void (await control.create(owner, draft, signal))),
    deleteMany: async (owner, pods, signal) => await all(pods, async (pod) => await control.delete(owner, pod, signal)),
    adopt: async (owner, pod, signal, finalizers) => await patch(pod, adoptPatch(owner, pod, finalizers), signal),
    release: async (owner, pod, signal, finalizers) => await patch(pod, releasePatch(owner, pod, finalizers), signal),
  }
}

/** True when the API refuses because the namespace is going away: nothing will help, and nobody needs to be told. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof StatusError)) return false
  return (error.details?.causes ?? []).some(({ reason }) => String(reason) === 'NamespaceTerminating')
}

async function createPod(
  { client, pods, recorder }: Options,
  owner: ApiObject,
  draft: Draft<'core.v1.Pod'>,
  signal: AbortSignal,
): Promise<Pod> {
  try {
    const pod = await client.create(podsRef, draft, signal)
    recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    await whenShown(pods, pod, signal)
    return pod
  } catch (error) {
    if (!signal.aborted && !isNamespaceTerminating(error)) {
      recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
    }
    throw error
  }
}

async function deletePod(
  { client, pods, recorder }: Options,
  owner: ApiObject,
  { metadata }: Pod,
  signal: AbortSignal,
): Promise<void> {
  try {
    const at = { namespace: metadata.namespace, name: metadata.name }
    const answer = await client.delete(podsRef, at, { preconditions: { uid: metadata.uid } }, signal)
    recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${metadata.name}`)
    if (isObject(answer)) await whenShown(pods, answer, signal)
  } catch (error) {
    if (hasReason(error, 'NotFound') || hasReason(error, 'Conflict')) return
    if (!signal.aborted) recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
    throw error
  }
}

/** Whether a DELETE was answered with the object rather than with a Status. */
export function isObject(answer: unknown): answer is ApiObject {
  const metadata = (answer as { readonly metadata?: { readonly resourceVersion?: unknown } } | undefined)?.metadata
  return typeof metadata?.resourceVersion === 'string' && metadata.resourceVersion !== ''
}

/** The words of an error, as they stand in events. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Works on 1, then 2, then 4 … items at once; stops after the first batch with a failure. */
export async function slowStart<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0, size = 1; from < items.length; from += size, size = Math.min(size * 2, 64)) {
    await all(items.slice(from, from + size), work)
  }
}

/** Works on all items at once, waits for all, and throws the first failure. */
export async function all<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(work))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
