/**
 * take → decide → assume → bind. Decisions are made one after the other and never wait; what they lead to (binding,
 * status, eviction) runs beside them, at most `maxInFlight` at once.
 */
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import type { ClusterCache } from './cache/cluster-cache.ts'
import type { NodeInfo } from './cache/node-info.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { Listers } from './cache/snapshot.ts'
import { type DecideInput, type Decision, decide } from './framework/decide.ts'
import { formatFitError } from './framework/fit-error.ts'
import { NodeMemory } from './framework/node-memory.ts'
import { type Preemption, planPreemption } from './framework/preempt.ts'
import type { Profile } from './framework/profile.ts'
import type { SchedulerMetrics } from './metrics.ts'
import type { Nominator } from './queue/nominator.ts'
import type { QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts'

/** What a decision does to the cluster. */
export type Effects = {
  readonly bind: (pod: PodInfo, node: NodeInfo, signal: AbortSignal) => Promise<void>
  readonly reportUnschedulable: (
    pod: PodInfo,
    message: string,
    preemption: Preemption,
    signal: AbortSignal,
  ) => Promise<void>
  readonly reportError: (pod: PodInfo, error: unknown, signal: AbortSignal) => Promise<void>
  readonly preempt: (
    pod: PodInfo,
    preemption: Extract<Preemption, { readonly type: 'evict' }>,
    signal: AbortSignal,
  ) => Promise<void>
}

export type SchedulerOptions = {
  readonly cache: ClusterCache
  readonly queue: SchedulingQueue
  readonly nominator: Nominator
  readonly profiles: ReadonlyMap<string, Profile>
  readonly listers: Listers
  readonly effects: Effects
  readonly metrics: SchedulerMetrics
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** Whether the pod still waits for a node, as far as the watch knows. */
  readonly isWaiting: (pod: PodInfo) => boolean
  readonly maxInFlight?: number
}

/** Requests under way to the API server: enough to hide its latency, few enough not to flood it. */
const defaultMaxInFlight = 64
/** What upstream's plugin for resource claims says of a pod without claims when no node fits. */
const noClaimsToFree = 'no new claims to deallocate'

/** Schedules one pod after the other until it is stopped. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #inFlight = new Set<Promise<void>>()
  /** How many of them count against the limit. */
  #requests = 0
  #free: (() => void) | undefined
  /** Pods whose victims are being evicted, and whether an event has woken them meanwhile. */
  readonly #preempting = new Map<string, { isWoken: boolean }>()
  readonly #memory = new NodeMemory()
  #startIndex = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Runs until `signal` aborts, then waits for what is under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { queue, maxInFlight = defaultMaxInFlight } = this.#options
    while (!signal.aborted) {
      const queued = queue.tryTake()
      if (queued === undefined) {
        await queue.whenReady(signal)
        continue
      }
      this.#scheduleOne(queued, signal)
      while (this.#requests >= maxInFlight) await this.#whenFree()
    }
    await Promise.allSettled(this.#inFlight)
    signal.throwIfAborted()
  }

  /** Moves pods whose time has come; part of the program's tasks. */
  async flushQueue(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.clock.sleep(1_000, signal)
      this.#options.queue.flush()
    }
  }

  #scheduleOne(queued: QueuedPod, signal: AbortSignal): void {
    const { pod } = queued
    const { cache, listers, profiles, nominator, random, clock, metrics, isWaiting } = this.#options
    const profile = profiles.get(pod.pod.spec?.schedulerName ?? 'default-scheduler')
    if (profile === undefined || pod.isTerminating || cache.hasPod(pod.uid) || !isWaiting(pod)) return
    const preempting = this.#preempting.get(pod.uid)
    if (preempting !== undefined) {
      preempting.isWoken = true
      this.#options.queue.addUnschedulable(queued, queued.rejectedBy)
      return
    }
    const startMs = clock.now()
    const snapshot = cache.snapshot(listers)
    this.#memory.renew(snapshot.nodes)
    const input: DecideInput = {
      pod,
      profile,
      snapshot,
      memory: this.#memory,
      startIndex: this.#startIndex,
      nominatedPods: (nodeName) => nominator.on(nodeName),
      random,
    }
    const decision = decide(input)
    this.#follow(queued, decision, input, signal)
    metrics.observeAttempt(profile.schedulerName, decision.type, (clock.now() - startMs) / 1_000)
  }

  #follow(queued: QueuedPod, decision: Decision, input: DecideInput, signal: AbortSignal): void {
    if (decision.type === 'scheduled') {
      const { node, evaluatedNodes } = decision
      this.#startIndex = (this.#startIndex + evaluatedNodes) % Math.max(input.snapshot.nodes.length, 1)
      this.#options.cache.assume(queued.pod, node.name)
      this.#options.nominator.delete(queued.pod.uid)
      // Claims may take minutes to be provisioned: such pods must not keep others waiting.
      this.#start(this.#bind(queued, node, signal), hasClaims(queued.pod) ? 0 : 1)
      return
    }
    const { diagnosis, plugins } = decision
    const preemption = this.#preempt(input, decision)
    const message =
      diagnosis.nodeCount === 0
        ? 'no nodes available to schedule pods'
        : formatFitError({ ...diagnosis, suffix: suffixOf(preemption, input.profile) })
    this.#options.queue.addUnschedulable(queued, plugins)
    this.#start(this.#report(queued, message, preemption, signal), 1)
  }

  #preempt(input: DecideInput, { diagnosis }: Extract<Decision, { readonly type: 'unschedulable' }>): Preemption {
    const isPossible = input.profile.isPreempting && diagnosis.nodeCount > 0
    if (!isPossible) return { type: 'none', message: '', clearsNomination: false }
    const preemption = planPreemption(input, diagnosis)
    const { nominator } = this.#options
    if (preemption.type === 'evict') nominator.set(input.pod, preemption.nodeName)
    else if (preemption.clearsNomination) nominator.delete(input.pod.uid)
    return preemption
  }

  async #bind(queued: QueuedPod, node: NodeInfo, signal: AbortSignal): Promise<void> {
    const { cache, queue, effects, isWaiting, metrics, clock } = this.#options
    const { pod } = queued
    try {
      await effects.bind(pod, node, signal)
      metrics.observeScheduled(queued.attempts, (clock.now() - queued.addedAtMs) / 1_000)
    } catch (error) {
      if (signal.aborted) return
      cache.forget(pod.uid)
      queue.onEvent({ type: 'assignedPodDeleted', pod })
      if (!isWaiting(pod)) return
      queue.addFailed(queued)
      metrics.observeError()
      await this.#tolerate(effects.reportError(pod, error, signal), 'Failed scheduling not recorded', pod, signal)
    }
  }

  async #report(queued: QueuedPod, message: string, preemption: Preemption, signal: AbortSignal): Promise<void> {
    const { effects, queue } = this.#options
    const { pod } = queued
    const eviction = { isWoken: false }
    if (preemption.type === 'evict') this.#preempting.set(pod.uid, eviction)
    await this.#tolerate(
      effects.reportUnschedulable(pod, message, preemption, signal),
      'Pod status not updated',
      pod,
      signal,
    )
    if (preemption.type !== 'evict') return
    await this.#tolerate(effects.preempt(pod, preemption, signal), 'Preemption not completed', pod, signal)
    this.#preempting.delete(pod.uid)
    if (eviction.isWoken) queue.wake(pod.uid)
  }

  /** What fails here is tried again with the next attempt at the pod. */
  async #tolerate(work: Promise<void>, message: string, pod: PodInfo, signal: AbortSignal): Promise<void> {
    try {
      await work
    } catch (error) {
      if (!signal.aborted) this.#options.logger.error(message, { pod: pod.key, error })
    }
  }

  #start(work: Promise<void>, requests: 0 | 1): void {
    this.#requests += requests
    // Every path of the work handles its own failure; the set is only there to wait for it at the end.
    const tracked: Promise<void> = work.finally(() => {
      this.#inFlight.delete(tracked)
      this.#requests -= requests
      this.#free?.()
    })
    this.#inFlight.add(tracked)
  }

  async #whenFree(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#free = resolve
    })
    this.#free = undefined
  }
}

function hasClaims({ pod }: PodInfo): boolean {
  return (pod.spec?.volumes ?? []).some(
    ({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim !== undefined || ephemeral !== undefined,
  )
}

/** The plugins that were asked after all filters failed: resource claims first, then preemption. */
function suffixOf(preemption: Preemption, { isPreempting }: Profile): string {
  if (!isPreempting) return noClaimsToFree
  return preemption.type === 'evict' ? '' : `${noClaimsToFree}, preemption: ${preemption.message}`
}
