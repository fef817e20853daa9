/** Removes what no pod owns any more: containers and sandboxes of vanished pods, their directories, and surplus dead containers. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../api/core/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { isNotFound, type Runtime } from '../runtime/cri.ts'
import { listRuntimePods, type RuntimePod, readRuntimePod } from '../runtime/runtime-pod.ts'
import { podsOnDisk, type Volumes } from '../volumes/volumes.ts'
import { removePodCgroup } from './cgroup.ts'
import { removeDeadLinks } from './log-links.ts'
import { rotateLogs } from './log-rotation.ts'
import { isAlive } from './plan.ts'

export type HousekeepingContext = {
  readonly runtime: Runtime
  readonly volumes: Volumes
  readonly clock: Clock
  readonly logger: Logger
  readonly rootDir: string
  readonly podLogsDir: string
  readonly containerLogsDir: string
  readonly cgroupRoot: string
  readonly logMaxBytes: number
  readonly logMaxFiles: number
  /** Pods that have a worker. */
  readonly isKnown: (podUid: string) => boolean
  readonly pods: () => readonly Pod[]
}

const periodMs = 30_000
/** Grace for containers whose pod nobody knows any more: its own is not known either. */
const orphanGraceSeconds = 30
/** Dead containers kept of each container, for `kubectl logs --previous`. */
const keptDeadContainers = 1

/** Ends and removes everything of pods that no source knows. */
export async function removeOrphans(context: HousekeepingContext, signal: AbortSignal): Promise<void> {
  const found = await listRuntimePods(context.runtime, signal)
  const orphans = [...found.values()].filter(({ uid }) => !context.isKnown(uid))
  for (const { uid, name, namespace } of orphans) {
    context.logger.info('Removed orphaned pod', { pod: `${namespace}/${name}`, uid })
    await removeFromRuntime(context, await readRuntimePod(context.runtime, uid, signal), signal)
    await removePodCgroup(context.cgroupRoot, uid)
    await rm(join(context.podLogsDir, `${namespace}_${name}_${uid}`), { recursive: true, force: true })
  }
}

/** Looks after disk and dead containers until `signal` aborts. */
export async function keepHouse(
  context: HousekeepingContext,
  isReady: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await context.clock.sleep(periodMs, signal)
    if (!isReady()) continue
    try {
      await removeDiskOrphans(context, signal)
      await removeSurplus(context, signal)
      await rotateLogs({ ...context, maxBytes: context.logMaxBytes, maxFiles: context.logMaxFiles }, signal)
      await removeDeadLinks(context.containerLogsDir)
    } catch (error) {
      if (signal.aborted) break
      context.logger.info('Housekeeping ended early', { error })
    }
  }
  signal.throwIfAborted()
}

async function removeDiskOrphans(context: HousekeepingContext, signal: AbortSignal): Promise<void> {
  const found = await listRuntimePods(context.runtime, signal)
  for (const uid of await podsOnDisk(context.rootDir)) {
    if (!context.isKnown(uid) && !found.has(uid)) await context.volumes.tearDown(uid, signal)
  }
}

async function removeFromRuntime(
  { runtime }: HousekeepingContext,
  pod: RuntimePod,
  signal: AbortSignal,
): Promise<void> {
  const timeout = orphanGraceSeconds
  await Promise.all(
    pod.containers
      .filter(isAlive)
      .map(({ id }) => runtime.call('StopContainer', { containerId: id, timeout }, signal).catch(ignoreNotFound)),
  )
  for (const { id } of pod.sandboxes) {
    await runtime.call('StopPodSandbox', { podSandboxId: id }, signal).catch(ignoreNotFound)
    await runtime.call('RemovePodSandbox', { podSandboxId: id }, signal).catch(ignoreNotFound)
  }
  for (const { id } of pod.containers) {
    await runtime.call('RemoveContainer', { containerId: id }, signal).catch(ignoreNotFound)
  }
}

/** Removes dead containers beyond the one that is kept per name, and dead sandboxes behind the newest. */
async function removeSurplus(context: HousekeepingContext, signal: AbortSignal): Promise<void> {
  for (const { metadata } of context.pods()) {
    const runtimePod = await readRuntimePod(context.runtime, metadata.uid, signal)
    for (const id of surplusContainers(runtimePod)) {
      await context.runtime.call('RemoveContainer', { containerId: id }, signal).catch(ignoreNotFound)
    }
    for (const { id, ready } of runtimePod.sandboxes.slice(1)) {
      const filter = { podSandboxId: id }
      const isEmpty =
        !ready && (await context.runtime.call('ListContainers', { filter }, signal)).containers.length === 0
      if (!isEmpty) continue
      await context.runtime.call('RemovePodSandbox', { podSandboxId: id }, signal).catch(ignoreNotFound)
    }
  }
}

/** Ids of dead containers that may go: per name, all but the newest dead one (and the newest run at all). */
export function surplusContainers({ containers }: RuntimePod): readonly string[] {
  const kept = new Map<string, number>()
  return containers.flatMap((run) => {
    if (isAlive(run)) return []
    const count = kept.get(run.name) ?? 0
    kept.set(run.name, count + 1)
    return count < keptDeadContainers ? [] : [run.id]
  })
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}
