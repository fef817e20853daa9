/** One pod's resizes: remembers what was granted while the kubelet runs, tells the runtime, and says how far it has come. */
import { qosClass } from '../../api/core/pod-resources.ts'
import { podAmounts } from '../../api/core/quota-usage.ts'
import type { Pod } from '../../api/core/v1.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Clock } from '../../component-base/clock.ts'
import { CriError, type Runtime } from '../runtime/cri.ts'
import type { RuntimePod } from '../runtime/runtime-pod.ts'
import { type Allocation, allocatedPod, isGranted, reportedAllocation, wantedAllocation } from './allocation.ts'
import { resizePodCgroup } from './cgroup.ts'
import {
  type ContainerResize,
  isResizing,
  planResizes,
  type ResizeCandidate,
  type ResizeState,
  resizeMessage,
  resizeStateOf,
} from './resize.ts'
import { containerResources } from './resources.ts'

export type ResizeContext = {
  readonly runtime: Runtime
  readonly recorder: Recorder
  readonly clock: Clock
  readonly cgroupRoot: string
  readonly nodeMemoryBytes: number
}

const retryMs = 10_000

export class Resizer {
  readonly #context: ResizeContext
  #allocation: Allocation | undefined
  #state: ResizeState
  #waitingSinceMs: number

  constructor(context: ResizeContext, pod: Pod) {
    this.#context = context
    this.#state = resizeStateOf(pod)
    this.#waitingSinceMs = context.clock.now()
  }

  get state(): ResizeState {
    return this.#state
  }

  /** The node takes the pod in with what it asks for, or goes on with what it was granted before a restart of the kubelet. */
  admit(pod: Pod): void {
    this.#allocation = pod.status.startTime === undefined ? wantedAllocation(pod) : reportedAllocation(pod)
  }

  /** The pod as it is to run: with what was granted. */
  allocated(pod: Pod): Pod {
    return this.#allocation === undefined ? pod : allocatedPod(pod, this.#allocation)
  }

  /** True while the spec asks for something else than was granted. */
  wants(pod: Pod): boolean {
    return this.#allocation !== undefined && !isGranted(pod, this.#allocation)
  }

  /** A wish that was taken back is not pending any more. */
  forgetPending(): void {
    const { pending: _, ...rest } = this.#state
    this.#state = rest
  }

  candidate(pod: Pod): ResizeCandidate {
    const [wanted, had] = [podAmounts(pod, 'requests'), podAmounts(this.allocated(pod), 'requests')]
    const grows = ['cpu', 'memory'].some((name) => {
      const [now, before] = [wanted.get(name), had.get(name)]
      return now !== undefined && (before === undefined || compareQuantities(now, before) > 0)
    })
    return {
      grows,
      priority: pod.spec.priority ?? 0,
      isGuaranteed: qosClass(pod.spec) === 'Guaranteed',
      waitingSinceMs: this.#waitingSinceMs,
    }
  }

  /** Grants what the pod asks for, or notes why it does not fit now. */
  decide(pod: Pod, refusal: { readonly message: string } | undefined): void {
    const { recorder, clock } = this.#context
    const { generation = 0 } = pod.metadata
    if (refusal === undefined) {
      this.#allocation = wantedAllocation(pod)
      this.#state = { inProgress: { generation } }
      recorder.event(pod, 'Normal', 'ResizeStarted', resizeMessage('started', pod, generation))
      return
    }
    const { pending } = this.#state
    const { message } = refusal
    if (pending?.generation === generation && pending.message === message) return
    this.#state = { ...this.#state, pending: { reason: 'Deferred', message, generation } }
    if (pending?.generation === generation) return
    if (pending === undefined) this.#waitingSinceMs = clock.now()
    recorder.event(pod, 'Warning', 'ResizeDeferred', resizeMessage('Deferred', pod, generation, message))
  }

  /**
   * Gives the running containers what was granted. `pod` is the allocated one. Resolves with `settled` when there was nothing
   * to do, `acted` when something was done, or the time to try again.
   */
  async actuate(pod: Pod, runtimePod: RuntimePod, signal: AbortSignal): Promise<'settled' | 'acted' | number> {
    const { cgroupRoot, clock } = this.#context
    try {
      if (!isResizing(pod, runtimePod)) return await this.#settle(pod)
      this.#state = { inProgress: { generation: pod.metadata.generation ?? 0 }, ...this.#state }
      const updates = planResizes(pod, runtimePod)
      await this.#refuseTooSmall(updates, signal)
      await resizePodCgroup(cgroupRoot, pod, 'grow')
      for (const update of updates) await this.#update(pod, update, signal)
      return updates.length > 0 ? 'acted' : 'settled'
    } catch (error) {
      if (signal.aborted) throw signal.reason
      this.#noteError(pod, error instanceof Error ? error.message : String(error))
      return clock.now() + retryMs
    }
  }

  /** All containers have what they were granted: the pod's own cgroup shrinks to it, and the condition goes. */
  async #settle(pod: Pod): Promise<'settled'> {
    const { inProgress, ...rest } = this.#state
    if (inProgress === undefined) return 'settled'
    await resizePodCgroup(this.#context.cgroupRoot, pod, 'settle')
    this.#state = rest
    const message = resizeMessage('completed', pod, inProgress.generation)
    this.#context.recorder.event(pod, 'Normal', 'ResizeCompleted', message)
    return 'settled'
  }

  /** The kernel would end a container that uses more than its new limit. Source: upstream `validateMemoryResizeAction`. */
  async #refuseTooSmall(updates: readonly ContainerResize[], signal: AbortSignal): Promise<void> {
    const problems: string[] = []
    for (const { container, id, memoryLimitBytes: limit } of updates) {
      if (limit === undefined) continue
      const { stats } = await this.#context.runtime.call('ContainerStats', { containerId: id }, signal)
      const used = stats?.memory?.usageBytes?.value ?? stats?.memory?.workingSetBytes?.value
      if (used === undefined) problems.push(`missing container "${container.name}" memory usage`)
      else if (used >= limit) {
        problems.push(
          `attempting to set container "${container.name}" memory limit (${limit}) below current usage (${used})`,
        )
      }
    }
    if (problems.length === 0) return
    const text = problems.length === 1 ? problems.join() : `[${problems.join(', ')}]`
    throw new Error(`cannot decrease memory limits: ${text}`)
  }

  async #update(pod: Pod, { container, id }: ContainerResize, signal: AbortSignal): Promise<void> {
    const { runtime, nodeMemoryBytes: memoryBytes } = this.#context
    const linux = containerResources(pod, container, { memoryBytes })
    await runtime.call('UpdateContainerResources', { containerId: id, linux }, signal).catch((error: unknown) => {
      throw error instanceof CriError ? new Error(error.details, { cause: error }) : error
    })
  }

  #noteError(pod: Pod, error: string): void {
    const generation = this.#state.inProgress?.generation ?? pod.metadata.generation ?? 0
    if (this.#state.inProgress?.error === error) return
    this.#state = { ...this.#state, inProgress: { generation, error } }
    this.#context.recorder.event(pod, 'Warning', 'ResizeError', resizeMessage('error', pod, generation, error))
  }
}
