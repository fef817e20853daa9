/**
 * Tells which pods have changed in the runtime: by comparing lists every second, and by the runtime's own events where it
 * has them. A missed event costs a second, never more. Source: KEP-3386 and upstream's generic PLEG.
 */
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { CriError, type Runtime } from './cri.ts'
import { podUidLabel } from './labels.ts'
import { listRuntimePods, type RuntimePodSummary } from './runtime-pod.ts'

export type RuntimePods = ReadonlyMap<string, RuntimePodSummary>
export type PlegOptions = {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly logger: Logger
  readonly relistMs: number
  readonly onChange: (podUid: string) => void
  /** Told after every list, and how long it took. */
  readonly onList: (pods: RuntimePods, seconds: number) => void
  /** Told when the runtime did not answer. */
  readonly onFailure: (error: unknown) => void
}

/** Watches until `signal` aborts. */
export async function runPleg(options: PlegOptions, signal: AbortSignal): Promise<void> {
  await Promise.all([relist(options, signal), followEvents(options, signal)])
}

async function relist(options: PlegOptions, signal: AbortSignal): Promise<void> {
  let before: RuntimePods = new Map()
  while (!signal.aborted) {
    const startedMs = options.clock.now()
    try {
      const now = await listRuntimePods(options.runtime, signal)
      for (const uid of changedPods(before, now)) options.onChange(uid)
      before = now
      options.onList(now, (options.clock.now() - startedMs) / 1000)
    } catch (error) {
      if (signal.aborted) break
      options.onFailure(error)
    }
    await options.clock.sleep(options.relistMs, signal)
  }
  signal.throwIfAborted()
}

/** Uids of pods that differ between two lists. */
export function changedPods(before: RuntimePods, now: RuntimePods): readonly string[] {
  const uids = new Set([...before.keys(), ...now.keys()])
  return [...uids].filter((uid) => !isSame(before.get(uid), now.get(uid)))
}

function isSame(a: RuntimePodSummary | undefined, b: RuntimePodSummary | undefined): boolean {
  if (a === undefined || b === undefined || a.states.size !== b.states.size) return a === b
  return [...a.states].every(([id, state]) => b.states.get(id) === state)
}

async function followEvents(options: PlegOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of options.runtime.events(signal)) {
        const uid = event.podSandboxStatus?.labels[podUidLabel]
        if (uid !== undefined) options.onChange(uid)
      }
    } catch (error) {
      if (signal.aborted) break
      if (error instanceof CriError && error.code === 'Unimplemented') return
    }
    await options.clock.sleep(options.relistMs, signal)
  }
}
