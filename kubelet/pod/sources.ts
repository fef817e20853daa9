/** Where pods come from: the API (all pods bound to this node) and files. Both end in the same workers. */
import type { Node, Pod } from '../../api/core/v1.ts'
import type { Change, Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { deleteMirror, ensureMirror } from './mirror-pods.ts'
import { isMirrorPod, isStaticPod } from './pods.ts'
import type { StatusWriter } from './status-writer.ts'
import type { PodWorkers } from './workers.ts'

export type PodSources = {
  /** True once every source has spoken: only then may anything be called an orphan. */
  readonly ready: () => boolean
  /** The object that stands for a pod in the API. */
  readonly apiPodOf: (pod: Pod) => Pod | undefined
  readonly staticPods: () => readonly Pod[] | undefined
  readonly mirrors: () => readonly Pod[]
  readonly onStaticPods: (found: readonly Pod[]) => void
}

/** Feeds the workers; `hasFiles`: static pods are configured. */
export function createPodSources(apiPods: Informer<Pod>, hasFiles: boolean, workers: () => PodWorkers): PodSources {
  let staticPods: readonly Pod[] | undefined
  apiPods.onChange((change) => followApi(change, workers()))
  return {
    ready: () => apiPods.synced() && (!hasFiles || staticPods !== undefined),
    apiPodOf: (pod) => {
      const found = apiPods.get(`${pod.metadata.namespace ?? ''}/${pod.metadata.name}`)
      if (found === undefined) return undefined
      const stands = isStaticPod(pod) ? isMirrorPod(found) : found.metadata.uid === pod.metadata.uid
      return stands ? found : undefined
    },
    staticPods: () => staticPods,
    mirrors: () => apiPods.list().filter(isMirrorPod),
    onStaticPods: (found) => {
      const before = staticPods ?? []
      staticPods = found
      const has = (list: readonly Pod[], uid: string) => list.some(({ metadata }) => metadata.uid === uid)
      for (const { metadata } of before) if (!has(found, metadata.uid)) workers().remove(metadata.uid)
      for (const pod of found) if (!has(before, pod.metadata.uid)) workers().update(pod)
    },
  }
}

function followApi(change: Change<Pod>, workers: PodWorkers): void {
  const { object: pod } = change
  if (isMirrorPod(pod)) return
  if (change.type === 'deleted') {
    workers.remove(pod.metadata.uid)
    return
  }
  // The same name with another uid: the pod before it was deleted while we did not look.
  if (change.type === 'updated' && change.old.metadata.uid !== pod.metadata.uid) workers.remove(change.old.metadata.uid)
  workers.update(pod)
}

export type MirrorOptions = {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly sources: PodSources
  readonly statuses: StatusWriter
  readonly node: () => Node | undefined
}

const mirrorPeriodMs = 1000

/** Keeps one mirror per static pod until `signal` aborts. */
export async function keepMirrors(options: MirrorOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, sources } = options
  while (!signal.aborted) {
    try {
      if (sources.ready()) await syncMirrors(options, signal)
    } catch (error) {
      if (signal.aborted) break
      logger.info('Mirror pods were not written', { error })
    }
    await clock.sleep(mirrorPeriodMs, signal)
  }
  signal.throwIfAborted()
}

async function syncMirrors({ client, sources, statuses, node }: MirrorOptions, signal: AbortSignal): Promise<void> {
  const wanted = sources.staticPods() ?? []
  const mirrors = sources.mirrors()
  const isFor = (mirror: Pod) => (pod: Pod) =>
    pod.metadata.name === mirror.metadata.name && pod.metadata.namespace === mirror.metadata.namespace
  for (const pod of wanted) {
    const mirror = mirrors.find(isFor(pod))
    await ensureMirror(client, pod, mirror, node(), signal)
    const status = statuses.get(pod.metadata.uid)
    // A mirror that was made anew knows nothing yet.
    if (status !== undefined) statuses.set(pod, status)
  }
  for (const mirror of mirrors) {
    if (!wanted.some(isFor(mirror))) await deleteMirror(client, mirror, signal)
  }
}
