/**
 * Resizing in place: what must change so that running containers have what they were granted. Pure.
 *
 *   spec changes ─▶ fits? ─no─▶ PodResizePending (Deferred), asked again when something of the node becomes free
 *                     │yes
 *                     ▼
 *   granted (allocation.ts), PodResizeInProgress ─▶ runtime told, or container restarted ─▶ condition gone
 *
 * What a container has is asked of the runtime, what it was started with stands in its annotation: nothing is remembered.
 * Source: KEP-1287; the behaviour of upstream's `computePodResizeAction` and `allocation_manager.go`.
 */
import type { Container, Pod, PodCondition, ResourceRequirements } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { RuntimeContainer, RuntimePod, RuntimeResources } from '../runtime/runtime-pod.ts'
import { sameResources } from './allocation.ts'
import { containersOf } from './pods.ts'
import { containerResources } from './resources.ts'

export type ContainerResize = {
  readonly container: Container
  readonly id: string
  /** Set where the memory limit shrinks or is new: it must not be below what is in use. */
  readonly memoryLimitBytes?: number
}

/** The running containers that have something else than they were granted and may keep running while that changes. */
export function planResizes(pod: Pod, runtime: RuntimePod): readonly ContainerResize[] {
  return resizable(pod, runtime).flatMap(({ container, run }) => {
    if (needsRestart(container, run)) return []
    const wanted = runtimeResources(pod, container)
    const actual = run.resources
    if (actual === undefined || isSame(wanted, actual)) return []
    const { memoryLimitBytes: limit } = wanted
    const shrinks = limit !== 0 && (actual.memoryLimitBytes === 0 || limit < actual.memoryLimitBytes)
    return [{ container, id: run.id, ...(shrinks ? { memoryLimitBytes: limit } : {}) }]
  })
}

/** Whether a container must be started anew to have what it was granted: its `resizePolicy` says so. */
export function needsRestart(container: Container, { granted }: Pick<RuntimeContainer, 'granted'>): boolean {
  if (granted === undefined) return false
  return (container.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' &&
      !sameResources(only(resourceName, container.resources), only(resourceName, granted)),
  )
}

/** True while any container runs with something else than it was granted. */
export function isResizing(pod: Pod, runtime: RuntimePod): boolean {
  return (
    planResizes(pod, runtime).length > 0 ||
    resizable(pod, runtime).some(({ container, run }) => needsRestart(container, run))
  )
}

/** Whether a container has what it was granted, as far as the runtime tells. */
export function hasGranted(pod: Pod, container: Container, { resources }: RuntimeContainer): boolean {
  return resources === undefined || isSame(runtimeResources(pod, container), resources)
}

function resizable(pod: Pod, runtime: RuntimePod) {
  return containersOf(pod).flatMap(({ kind, container }) => {
    const run = runtime.containers.find(({ name }) => name === container.name)
    return (kind === 'app' || kind === 'sidecar') && run?.phase === 'running' ? [{ container, run }] : []
  })
}

function runtimeResources(pod: Pod, container: Container): RuntimeResources {
  // The score of who dies first plays no part here, so the node's memory does not matter.
  const { cpuShares = 0, cpuQuota = 0, memoryLimitInBytes = 0 } = containerResources(pod, container, { memoryBytes: 1 })
  return { cpuShares, cpuQuota, memoryLimitBytes: memoryLimitInBytes }
}

function isSame(a: RuntimeResources, b: RuntimeResources): boolean {
  return a.cpuShares === b.cpuShares && a.cpuQuota === b.cpuQuota && a.memoryLimitBytes === b.memoryLimitBytes
}

function only(name: string, { requests, limits }: ResourceRequirements): ResourceRequirements {
  const pick = (list: Readonly<Record<string, string>> = {}) => (list[name] === undefined ? {} : { [name]: list[name] })
  return { requests: pick(requests), limits: pick(limits) }
}

/** How far a resize has come. Both may be set: one resize is being done while the next does not fit. */
export type ResizeState = {
  readonly pending?: Pending
  readonly inProgress?: InProgress
}
export type Pending = { readonly reason: string; readonly message: string; readonly generation: number }
export type InProgress = { readonly generation: number; readonly error?: string }

const pendingType = 'PodResizePending'
const inProgressType = 'PodResizeInProgress'
/** The conditions that tell of resizes: they are there only while there is something to tell. */
export const resizeConditionTypes: readonly string[] = [pendingType, inProgressType]

/** What the conditions of a pod tell: how a kubelet that was restarted knows. */
export function resizeStateOf({ status, metadata }: Pod): ResizeState {
  const find = (type: string) => (status.conditions ?? []).find((condition) => condition.type === type)
  const [pending, inProgress] = [find(pendingType), find(inProgressType)]
  const generationOf = ({ observedGeneration }: PodCondition) => observedGeneration ?? metadata.generation ?? 0
  return {
    ...(pending === undefined
      ? {}
      : {
          pending: {
            reason: pending.reason ?? '',
            message: pending.message ?? '',
            generation: generationOf(pending),
          },
        }),
    ...(inProgress === undefined
      ? {}
      : {
          inProgress: {
            generation: generationOf(inProgress),
            ...(inProgress.message === undefined ? {} : { error: inProgress.message }),
          },
        }),
  }
}

/** The conditions that a state shows as. */
export function resizeConditions(state: ResizeState, old: readonly PodCondition[], nowMs: number): PodCondition[] {
  const { pending, inProgress } = state
  const make = (type: string, generation: number, texts: { reason?: string; message?: string }): PodCondition => {
    const before = old.find((condition) => condition.type === type)
    const since = before !== undefined && before.reason === texts.reason ? before.lastTransitionTime : undefined
    return {
      type,
      observedGeneration: generation,
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: since ?? formatTime(nowMs),
      ...texts,
    }
  }
  const errorTexts = (error: string | undefined) => (error === undefined ? {} : { reason: 'Error', message: error })
  return [
    ...(pending === undefined
      ? []
      : [make(pendingType, pending.generation, { reason: pending.reason, message: pending.message })]),
    ...(inProgress === undefined ? [] : [make(inProgressType, inProgress.generation, errorTexts(inProgress.error))]),
  ]
}

/** `Pod resize completed: {"containers":[…],"generation":2}`: the text of an event about a resize. */
export function resizeMessage(what: string, pod: Pod, generation: number, error?: string): string {
  const show = ({ name, resources: { limits, requests } }: Container) => ({
    name,
    resources: {
      ...(limits === undefined ? {} : { limits: sorted(limits) }),
      ...(requests === undefined ? {} : { requests: sorted(requests) }),
    },
  })
  const { initContainers = [], containers } = pod.spec
  const facts = {
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(show) }),
    containers: containers.map(show),
    generation,
    ...(error === undefined ? {} : { error }),
  }
  return `Pod resize ${what}: ${JSON.stringify(facts)}`
}

function sorted(list: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(list).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Who is asked first when several pods wait: those that shrink, then by priority, by class, by how long they wait. */
export function byResizeOrder(a: ResizeCandidate, b: ResizeCandidate): number {
  return (
    Number(a.grows) - Number(b.grows) ||
    b.priority - a.priority ||
    Number(b.isGuaranteed) - Number(a.isGuaranteed) ||
    a.waitingSinceMs - b.waitingSinceMs
  )
}
export type ResizeCandidate = {
  readonly grows: boolean
  readonly priority: number
  readonly isGuaranteed: boolean
  readonly waitingSinceMs: number
}
