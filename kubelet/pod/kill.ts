/** Ends containers: preStop hook, then the runtime's stop with what is left of the grace period. */
import type { Container, Pod } from '../../api/core/v1.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Clock } from '../../component-base/clock.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import { isNotFound, type Runtime } from '../runtime/cri.ts'
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime-pod.ts'
import { type HookRunner, runHook } from './hooks.ts'
import { isAlive } from './plan.ts'
import { containersOf, type PodContainer } from './pods.ts'

export type KillContext = {
  readonly runtime: Runtime
  readonly recorder: Recorder
  readonly clock: Clock
  readonly logger: Logger
  readonly hooks: HookRunner
}
export type Kill = {
  readonly pod: Pod
  /** Undefined: the spec no longer names it. */
  readonly container: Container | undefined
  readonly run: Pick<RuntimeContainer, 'id' | 'name'>
  readonly message: string
  readonly graceSeconds: number
}

/** Every container gets this long, so that it can close its files. Source: upstream `minimumGracePeriodInSeconds`. */
const minimumGraceSeconds = 2
/** How much longer than the grace period the runtime may take to answer. */
const stopSlackMs = 120_000

/** The grace period that holds for a pod now: the deletion's own, else the spec's. */
export function graceSecondsOf(pod: Pod): number {
  if (pod.metadata.deletionTimestamp !== undefined && pod.metadata.deletionGracePeriodSeconds !== undefined) {
    return pod.metadata.deletionGracePeriodSeconds
  }
  return pod.spec.terminationGracePeriodSeconds ?? 30
}

/** Ends one container and waits until it has ended. */
export async function killContainer(context: KillContext, kill: Kill, signal: AbortSignal): Promise<void> {
  const { runtime, recorder, clock, logger, hooks } = context
  const { pod, container, run, graceSeconds } = kill
  const message = kill.message === '' ? `Stopping container ${run.name}` : kill.message
  recorder.event(pod, 'Normal', 'Killing', message, { fieldPath: `spec.containers{${run.name}}` })
  const endMs = clock.now() + graceSeconds * 1000
  const preStop = container?.lifecycle?.preStop
  if (preStop !== undefined && container !== undefined && graceSeconds > 0) {
    const limit = linkSignals([signal], graceSeconds * 1000)
    const failure = await runHook(hooks, { pod, container, containerId: run.id, handler: preStop }, limit.signal)
    limit.unlink()
    if (failure !== undefined && !signal.aborted) {
      logger.info('PreStop hook failed', { pod: pod.metadata.name, container: run.name, failure })
      recorder.event(pod, 'Warning', 'FailedPreStopHook', 'PreStopHook failed', {
        fieldPath: `spec.containers{${run.name}}`,
      })
    }
  }
  const timeout = Math.max(Math.ceil((endMs - clock.now()) / 1000), minimumGraceSeconds)
  try {
    await runtime.call('StopContainer', { containerId: run.id, timeout }, signal, timeout * 1000 + stopSlackMs)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Ends all containers of a pod: app containers together, then sidecars in reverse order of their start. */
export async function killContainers(
  context: KillContext,
  pod: Pod,
  runtimePod: RuntimePod,
  graceSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map(containersOf(pod).map((one): [string, PodContainer] => [one.container.name, one]))
  const alive = runtimePod.containers.filter(isAlive)
  const isSidecar = ({ name }: RuntimeContainer) => known.get(name)?.kind === 'sidecar'
  const kill = (run: RuntimeContainer, seconds: number) =>
    killContainer(
      context,
      { pod, container: known.get(run.name)?.container, run, message: '', graceSeconds: seconds },
      signal,
    )
  const endMs = context.clock.now() + graceSeconds * 1000
  await Promise.all(alive.filter((run) => !isSidecar(run)).map((run) => kill(run, graceSeconds)))
  const order = [...known.keys()]
  const sidecars = alive.filter(isSidecar).toSorted((a, b) => order.indexOf(b.name) - order.indexOf(a.name))
  for (const run of sidecars) await kill(run, Math.max(0, (endMs - context.clock.now()) / 1000))
}
