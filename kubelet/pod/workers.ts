/** The workers of all pods of this node, one per pod uid. */
import type { Pod } from '../../api/core/v1.ts'
import type { Logger } from '../../component-base/logger.ts'
import { byResizeOrder } from './resize.ts'
import { PodWorker, type Verdict, type WorkerContext } from './worker.ts'

/** Asks for every pod that waits for other resources, in order of right; `refuse` says why one does not fit. */
export function retryResizes(workers: readonly PodWorker[], refuse: (pod: Pod) => Verdict | undefined): void {
  const waiting = workers.flatMap((worker) => {
    const { resizeWanted: wanted } = worker
    return wanted === undefined ? [] : [{ worker, ...wanted }]
  })
  for (const { worker, pod } of waiting.toSorted((a, b) => byResizeOrder(a.candidate, b.candidate))) {
    worker.decideResize(refuse(pod))
  }
}

export type PodWorkers = {
  /** A pod that should be on this node, new or changed. */
  readonly update: (pod: Pod) => void
  /** A pod that is in no source any more. */
  readonly remove: (podUid: string) => void
  readonly wake: (podUid: string) => void
  readonly wakeAll: () => void
  readonly get: (podUid: string) => PodWorker | undefined
  readonly list: () => readonly PodWorker[]
  /** Runs every worker until `signal` aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Makes the set; workers start working with `run`. */
export function createPodWorkers(context: WorkerContext, logger: Logger): PodWorkers {
  const workers = new Map<string, PodWorker>()
  const running = new Map<string, Promise<void>>()
  let started: AbortSignal | undefined

  const start = (uid: string, worker: PodWorker, signal: AbortSignal): void => {
    const work = worker
      .run(signal)
      .catch((error: unknown) => logger.error('Pod worker ended', { pod: worker.pod.metadata.name, error }))
      .finally(() => {
        running.delete(uid)
        // The object may still be in the API until the writer has deleted it; only then may the uid be forgotten.
        if (worker.isCleaned && workers.get(uid) === worker && goneUids.has(uid)) forget(uid)
      })
    running.set(uid, work)
  }
  const goneUids = new Set<string>()
  const forget = (uid: string): void => {
    workers.delete(uid)
    goneUids.delete(uid)
    context.statuses.forget(uid)
  }

  return {
    update: (pod) => {
      const { uid } = pod.metadata
      const known = workers.get(uid)
      if (known !== undefined) {
        known.update(pod)
        return
      }
      const worker = new PodWorker(context, pod)
      workers.set(uid, worker)
      if (started !== undefined) start(uid, worker, started)
    },
    remove: (uid) => {
      const worker = workers.get(uid)
      if (worker === undefined) return
      if (worker.isCleaned) {
        forget(uid)
        return
      }
      goneUids.add(uid)
      worker.remove()
    },
    wake: (uid) => workers.get(uid)?.wake(),
    wakeAll: () => {
      for (const worker of workers.values()) worker.wake()
    },
    get: (uid) => workers.get(uid),
    list: () => [...workers.values()],
    run: async (signal) => {
      started = signal
      for (const [uid, worker] of workers) start(uid, worker, signal)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      await Promise.all(running.values())
    },
  }
}
