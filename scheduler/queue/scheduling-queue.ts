/**
 *            add                   take
 *   new pod ─────▶ active ───────────────────────▶ decision ──▶ bound
 *                    ▲  ▲                              │
 *           time up  │  │ event helps, no wait left    │ no node fits
 *                 backoff ◀──── unschedulable ◀────────┘
 *                        event helps
 *
 * Pods leave `active` by priority, then in the order they came. A pod that fits nowhere waits until an event happens that
 * one of the plugins that turned it down says may help, at the latest for five minutes. Pods with scheduling gates wait
 * until their gates are gone.
 */
import type { Pod } from '../../api/core/v1.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Plugin } from '../framework/plugin.ts'
import type { ClusterEvent } from './cluster-event.ts'
import { isSchedulingUpdate } from './cluster-event.ts'
import { Heap } from './heap.ts'

export type QueuedPod = {
  readonly pod: PodInfo
  /** Position among pods of equal priority: when it last came in. */
  readonly order: number
  readonly attempts: number
  /** When the pod was first seen, for the metric of its whole wait. */
  readonly addedAtMs: number
  /** When the last attempt ended. */
  readonly failedAtMs: number
  /** Plugins that turned it down in the last attempt; empty after an error. */
  readonly rejectedBy: ReadonlySet<string>
}

export type QueueOptions = {
  readonly plugins: readonly Plugin[]
  readonly now: () => number
  readonly initialBackoffMs?: number
  readonly maxBackoffMs?: number
  /** Longest stay of a pod that no event helps. */
  readonly maxUnschedulableMs?: number
}

/** Pods that wait for a node. */
export class SchedulingQueue {
  readonly #active = new Heap<QueuedPod>({ keyOf: uidOf, isBefore: comesBefore })
  readonly #backoff: Heap<QueuedPod>
  readonly #unschedulable = new Map<string, QueuedPod>()
  readonly #options: Required<QueueOptions>
  readonly #hints: ReadonlyMap<string, Plugin>
  #order = 0
  #wake: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.#options = { initialBackoffMs: 1_000, maxBackoffMs: 10_000, maxUnschedulableMs: 300_000, ...options }
    this.#hints = new Map(options.plugins.map((plugin) => [plugin.name, plugin]))
    this.#backoff = new Heap({
      keyOf: uidOf,
      isBefore: (left, right) => this.#backoffEndMs(left) < this.#backoffEndMs(right),
    })
  }

  /** Takes in a pod that has no node yet, or a newer version of one that waits. */
  add(pod: PodInfo): void {
    const known = this.#find(pod.uid)
    if (known !== undefined) {
      this.#update(known, pod)
      return
    }
    const nowMs = this.#options.now()
    const queued = { pod, order: 0, attempts: 0, addedAtMs: nowMs, failedAtMs: 0, rejectedBy: new Set<string>() }
    if (isGated(pod.pod)) this.#unschedulable.set(pod.uid, queued)
    else this.#activate(queued)
  }

  /** The pod has a node, or is gone. */
  delete(uid: string): void {
    this.#active.delete(uid)
    this.#backoff.delete(uid)
    this.#unschedulable.delete(uid)
  }

  has(uid: string): boolean {
    return this.#find(uid) !== undefined
  }

  /** The next pod to decide on. While there is no other work, pods do not wait for their backoff to end. */
  tryTake(): QueuedPod | undefined {
    const next = this.#active.pop() ?? this.#takeEarly()
    return next === undefined ? undefined : { ...next, attempts: next.attempts + 1 }
  }

  /** Resolves when there may be something to take, or `signal` aborts. */
  async whenReady(signal: AbortSignal): Promise<void> {
    if (this.#active.size > 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.#wake = undefined
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      this.#wake = wake
    })
  }

  /** The pod fits nowhere; it waits for an event that concerns the plugins that turned it down. */
  addUnschedulable(queued: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    this.#unschedulable.set(queued.pod.uid, { ...queued, failedAtMs: this.#options.now(), rejectedBy })
  }

  /** An attempt failed for no fault of the pod; it is tried again after its backoff. */
  addFailed(queued: QueuedPod): void {
    this.#backoff.set({ ...queued, failedAtMs: this.#options.now(), rejectedBy: new Set() })
  }

  /** Something happened in the cluster: wakes the pods that it may help. */
  onEvent(event: ClusterEvent): void {
    for (const queued of this.#unschedulable.values()) {
      if (!isGated(queued.pod.pod) && this.#mayHelp(queued, event)) this.#requeue(queued)
    }
  }

  /** Another try for a pod that fits nowhere, whatever turned it down. */
  wake(uid: string): void {
    const queued = this.#unschedulable.get(uid)
    if (queued !== undefined && !isGated(queued.pod.pod)) this.#requeue(queued)
  }

  /** Lets go of pods whose backoff has ended or that have waited longest. Called every second. */
  flush(): void {
    const nowMs = this.#options.now()
    for (let next = this.#backoff.peek(); next !== undefined; next = this.#backoff.peek()) {
      if (this.#backoffEndMs(next) > nowMs) break
      this.#backoff.pop()
      this.#activate(next)
    }
    for (const queued of this.#unschedulable.values()) {
      if (isGated(queued.pod.pod) || nowMs - queued.failedAtMs < this.#options.maxUnschedulableMs) continue
      this.#requeue(queued)
    }
  }

  /** How many pods wait in which part. */
  counts(): Readonly<Record<'active' | 'backoff' | 'unschedulable' | 'gated', number>> {
    let gated = 0
    for (const { pod } of this.#unschedulable.values()) if (isGated(pod.pod)) gated += 1
    return {
      active: this.#active.size,
      backoff: this.#backoff.size,
      unschedulable: this.#unschedulable.size - gated,
      gated,
    }
  }

  #find(uid: string): QueuedPod | undefined {
    return this.#active.get(uid) ?? this.#backoff.get(uid) ?? this.#unschedulable.get(uid)
  }

  #update(known: QueuedPod, pod: PodInfo): void {
    const next = { ...known, pod }
    if (this.#active.get(pod.uid) !== undefined) this.#active.set(next)
    else if (this.#backoff.get(pod.uid) !== undefined) this.#backoff.set(next)
    else {
      this.#unschedulable.set(pod.uid, next)
      if (isGated(pod.pod) || !isSchedulingUpdate(known.pod.pod, pod.pod)) return
      if (isGated(known.pod.pod)) this.#leaveUnschedulable(next)
      else if (this.#mayHelp(next, { type: 'podUpdated', pod })) this.#requeue(next)
    }
  }

  #mayHelp({ pod, rejectedBy }: QueuedPod, event: ClusterEvent): boolean {
    if (rejectedBy.size === 0) return true
    for (const name of rejectedBy) if (this.#hints.get(name)?.mayHelp?.(pod, event) === true) return true
    return false
  }

  #leaveUnschedulable(queued: QueuedPod): void {
    this.#unschedulable.delete(queued.pod.uid)
    this.#activate(queued)
  }

  #requeue(queued: QueuedPod): void {
    if (this.#backoffEndMs(queued) <= this.#options.now()) {
      this.#leaveUnschedulable(queued)
      return
    }
    this.#unschedulable.delete(queued.pod.uid)
    this.#backoff.set(queued)
    this.#wake?.()
  }

  #activate(queued: QueuedPod): void {
    this.#order += 1
    this.#active.set({ ...queued, order: this.#order })
    this.#wake?.()
  }

  /** Only pods that an event has woken; after an error the wait is there to protect the API server. */
  #takeEarly(): QueuedPod | undefined {
    const early = this.#backoff.values().filter(({ rejectedBy }) => rejectedBy.size > 0)
    const first = early.reduce<QueuedPod | undefined>(
      (best, each) => (best === undefined || comesBefore(each, best) ? each : best),
      undefined,
    )
    if (first !== undefined) this.#backoff.delete(first.pod.uid)
    return first
  }

  #backoffEndMs({ attempts, failedAtMs }: QueuedPod): number {
    if (attempts === 0) return 0
    const { initialBackoffMs, maxBackoffMs } = this.#options
    return failedAtMs + Math.min(initialBackoffMs * 2 ** (attempts - 1), maxBackoffMs)
  }
}

function uidOf({ pod }: QueuedPod): string {
  return pod.uid
}

function comesBefore(left: QueuedPod, right: QueuedPod): boolean {
  if (left.pod.priority !== right.pod.priority) return left.pod.priority > right.pod.priority
  return left.order < right.order
}

function isGated(pod: Pod): boolean {
  return (pod.spec?.schedulingGates ?? []).length > 0
}
