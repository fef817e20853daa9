/**
 * The status that the kubelet reports for a pod, from its spec, what the runtime says and what was reported before. Pure.
 * `kubectl get` derives its STATUS column (`Init:0/2`, `CrashLoopBackOff`, `Completed`) from exactly these fields.
 * Source: the behaviour of upstream's `generateAPIPodStatus`, `getPhase` and `status/generate.go`.
 */
import { qosClass } from '../../api/core/pod-resources.ts'
import type { Container, ContainerState, ContainerStatus, Pod, PodCondition, PodStatus } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { hostNetworkIps, sortPodIps } from '../node/node-ips.ts'
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime-pod.ts'
import { type ConditionFacts, podConditions } from './conditions.ts'
import { isUsable, mayStart, type ProbeState, type Waiting } from './plan.ts'
import { type ContainerKind, containersOf, type PodContainer } from './pods.ts'
import { hasGranted, type ResizeState } from './resize.ts'
import { resourcesFromRuntime } from './resources.ts'

export type StatusObserved = {
  readonly pod: Pod
  readonly runtime: RuntimePod
  readonly nowMs: number
  readonly hostIps: readonly string[]
  readonly probes: ReadonlyMap<string, ProbeState>
  /** Why containers wait (start errors, back-off), by name. */
  readonly waiting: ReadonlyMap<string, Waiting>
  /** Everything of the pod has ended and will not start again. */
  readonly ended: boolean
  readonly resize?: ResizeState
  /** The kubelet ended the pod by its own decision: evicted, deadline, not admitted. */
  readonly verdict?: { readonly reason: string; readonly message: string }
}

/** The status as it should stand in the API. */
export function podStatus(observed: StatusObserved): PodStatus {
  const { pod, hostIps, verdict, nowMs } = observed
  const containers = containersOf(pod)
  const statusesOf = (kinds: readonly ContainerKind[]) =>
    containers.filter(({ kind }) => kinds.includes(kind)).map((one) => containerStatus(observed, one))
  const init = statusesOf(['init', 'sidecar'])
  const app = statusesOf(['app'])
  const ephemeral = statusesOf(['ephemeral'])
  const phase = verdict === undefined ? stickyPhase(observed, init, app) : 'Failed'
  const ips = podIps(observed)
  const isTerminal = phase === 'Succeeded' || phase === 'Failed'
  const resize = isTerminal ? {} : (observed.resize ?? {})
  const facts: ConditionFacts = { pod, phase, init, app, sandboxReady: hasUsableSandbox(observed), resize, nowMs }
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: [...podConditions(facts), ...disruption(observed)],
    ...(verdict === undefined ? keptVerdict(pod, phase) : verdict),
    ...(hostIps[0] === undefined ? {} : { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) }),
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: pod.status.startTime ?? formatTime(nowMs),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: app,
    qosClass: pod.status.qosClass ?? qosClass(pod.spec),
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    ...keptFields(pod.status),
  }
}

/** An evicted pod says that its end was none of its own doing. Source: KEP-3329. */
function disruption({ pod, verdict, nowMs }: StatusObserved): readonly PodCondition[] {
  const type = 'DisruptionTarget'
  const isKnown = (pod.status.conditions ?? []).some((condition) => condition.type === type)
  if (verdict?.reason !== 'Evicted' || isKnown) return []
  const { message } = verdict
  const times = { lastProbeTime: null, lastTransitionTime: formatTime(nowMs) }
  return [{ type, status: 'True', ...times, reason: 'TerminationByKubelet', message }]
}

/** Fields that others own and a kubelet must leave alone. */
function keptFields({ nominatedNodeName, resourceClaimStatuses }: PodStatus): Partial<PodStatus> {
  return {
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    ...(resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses }),
  }
}

function keptVerdict(pod: Pod, phase: string): Partial<PodStatus> {
  if (phase !== 'Failed') return {}
  const { reason, message } = pod.status
  return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
}

function hasUsableSandbox({ pod, runtime }: StatusObserved): boolean {
  const sandbox = runtime.sandboxes[0]
  return sandbox !== undefined && isUsable(sandbox, pod)
}

/** A pod on the node's network has the node's addresses; a pod keeps the address it had after its sandbox is gone. */
function podIps({ pod, runtime, hostIps, ended }: StatusObserved): readonly string[] {
  const kept = (pod.status.podIPs ?? []).map(({ ip }) => ip)
  if (pod.spec.hostNetwork === true) {
    return runtime.sandboxes.length > 0 || pod.status.podIP !== undefined ? hostNetworkIps(kept, hostIps) : []
  }
  const sandbox = runtime.sandboxes[0]
  if (sandbox?.ready === true) return sortPodIps(sandbox.ips, hostIps)
  return ended || pod.metadata.deletionTimestamp !== undefined || sandbox !== undefined ? kept : []
}

function containerStatus(observed: StatusObserved, { kind, container }: PodContainer): ContainerStatus {
  const runs = observed.runtime.containers.filter(({ name }) => name === container.name)
  const old = oldStatus(observed.pod, container.name)
  const current = runs[0]
  if (current === undefined) return notStarted(observed, container, old)
  const previous = runs[1]
  const waiting = waitingReason(observed, kind, container, current)
  const now = stateOf(current)
  const state = waiting === undefined ? now : { waiting: withoutEmpty(waiting) }
  const lastState =
    waiting !== undefined && current.phase === 'exited'
      ? now
      : previous?.phase === 'exited'
        ? stateOf(previous)
        : (old?.lastState ?? {})
  const readiness = containerReadiness(observed, kind, container, current, waiting !== undefined)
  return {
    name: container.name,
    state,
    lastState,
    ready: readiness.ready,
    restartCount: current.restartCount,
    image: current.image === '' ? (container.image ?? '') : current.image,
    imageID: current.imageRef,
    containerID: `containerd://${current.id}`,
    started: readiness.started,
    ...resourcesOf(observed.pod, container, current),
    ...mountsOf(container),
  }
}

/** What the container was granted, and what it has: the same but while it is being resized. Source: KEP-1287. */
function resourcesOf(
  pod: Pod,
  container: Container,
  run: RuntimeContainer,
): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  const granted = container.resources
  const isSettled = run.resources === undefined || run.phase !== 'running' || hasGranted(pod, container, run)
  const { requests, limits } = isSettled ? granted : resourcesFromRuntime(granted, run.resources)
  return {
    ...(granted.requests === undefined ? {} : { allocatedResources: granted.requests }),
    resources: { ...(limits === undefined ? {} : { limits }), ...(requests === undefined ? {} : { requests }) },
  }
}

function notStarted(observed: StatusObserved, container: Container, old: ContainerStatus | undefined): ContainerStatus {
  const { pod, ended } = observed
  const waiting = observed.waiting.get(container.name)
  const hadRun = old?.state.running !== undefined || old?.state.terminated !== undefined
  // The runtime forgot it (a reboot, a removed container), but it ran: say so instead of making it look new.
  const lost = ended && hadRun
  const kept = lost ? { state: lostState(old) } : undefined
  const initializing = (pod.spec.initContainers ?? []).length > 0
  const reason = waiting ?? { reason: initializing ? 'PodInitializing' : 'ContainerCreating', message: '' }
  return {
    name: container.name,
    state: kept?.state ?? { waiting: withoutEmpty(reason) },
    lastState: old?.lastState ?? {},
    ready: false,
    restartCount: old?.restartCount ?? 0,
    image: old?.image || (container.image ?? ''),
    imageID: lost ? (old?.imageID ?? '') : '',
    ...(lost && old?.containerID !== undefined ? { containerID: old.containerID } : {}),
    started: false,
    ...mountsOf(container),
  }
}

function lostState(old: ContainerStatus | undefined): ContainerState {
  if (old?.state.terminated !== undefined) return old.state
  return {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message: 'The container could not be located when the pod was terminated',
    },
  }
}

/** Why a container that has run before waits to run again. */
function waitingReason(
  { pod, waiting, ended }: StatusObserved,
  kind: ContainerKind,
  container: Container,
  current: RuntimeContainer,
): Waiting | undefined {
  if (ended || current.phase === 'running') return undefined
  if (kind === 'init' && current.phase === 'exited' && current.exitCode === 0) return undefined
  if (current.phase === 'exited' && !mayStart(pod, container, current)) return undefined
  return waiting.get(container.name)
}

function stateOf(run: RuntimeContainer): ContainerState {
  switch (run.phase) {
    case 'running':
      return { running: { startedAt: formatTime(run.startedAtMs) } }
    case 'exited':
      return {
        terminated: {
          exitCode: run.exitCode,
          reason: run.reason === '' ? (run.exitCode === 0 ? 'Completed' : 'Error') : run.reason,
          ...(run.message === '' ? {} : { message: run.message }),
          startedAt: formatTime(run.startedAtMs),
          finishedAt: formatTime(run.finishedAtMs),
          containerID: `containerd://${run.id}`,
        },
      }
    default:
      // Created, not running yet: waits for nothing that has a name.
      return { waiting: {} }
  }
}

function containerReadiness(
  { pod, probes }: StatusObserved,
  kind: ContainerKind,
  container: Container,
  current: RuntimeContainer,
  isWaiting: boolean,
): { readonly ready: boolean; readonly started: boolean } {
  if (kind === 'init') {
    const done = current.phase === 'exited' && current.exitCode === 0
    return { ready: done, started: current.phase === 'running' && !isWaiting }
  }
  if (current.phase !== 'running' || isWaiting) return { ready: false, started: false }
  const results = probes.get(current.id)
  const started = container.startupProbe === undefined || results?.startup === 'success'
  if (kind === 'ephemeral') return { ready: false, started: false }
  // A container without a readiness probe is ready as soon as it has started; after a kubelet restart a probed one keeps its word until probed.
  const before = oldStatus(pod, container.name)
  const kept = before?.ready === true && before.containerID === `containerd://${current.id}`
  const verdict = results?.readiness ?? 'unknown'
  const ready =
    container.readinessProbe === undefined || verdict === 'success' || (verdict === 'unknown' && kept && started)
  return { ready: started && ready, started: started || (results === undefined && before?.started === true && kept) }
}

function mountsOf(container: Container): Pick<ContainerStatus, 'volumeMounts'> {
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly === true ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
  }))
  return mounts.length === 0 ? {} : { volumeMounts: mounts }
}

function oldStatus({ status }: Pod, name: string): ContainerStatus | undefined {
  const all = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ]
  return all.find((one) => one.name === name)
}

function withoutEmpty({ reason, message }: Waiting): { readonly reason: string; readonly message?: string } {
  return message === '' ? { reason } : { reason, message }
}

/** A pod that has ended stays ended. */
function stickyPhase(
  observed: StatusObserved,
  init: readonly ContainerStatus[],
  app: readonly ContainerStatus[],
): string {
  const before = observed.pod.status.phase
  if (before === 'Failed' || before === 'Succeeded') return before
  return podPhase(observed.pod, init, app, observed.ended)
}

/** `Pending`, `Running`, `Succeeded` or `Failed`. */
export function podPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  app: readonly ContainerStatus[],
  ended: boolean,
): string {
  const policy = pod.spec.restartPolicy
  const inits = pod.spec.initContainers ?? []
  let pendingInit = 0
  let failedInit = 0
  for (const status of init) {
    const container = inits.find(({ name }) => name === status.name)
    if (container?.restartPolicy === 'Always') {
      if (status.started !== true && status.state.terminated === undefined) pendingInit += 1
      continue
    }
    const terminated = status.state.terminated ?? (status.state.waiting ? status.lastState.terminated : undefined)
    if (status.state.terminated?.exitCode === 0) continue
    if (terminated !== undefined && terminated.exitCode !== 0) failedInit += 1
    if (status.state.terminated === undefined || policy !== 'Never') pendingInit += 1
  }
  if (failedInit > 0 && policy === 'Never') return 'Failed'
  const count = { running: 0, waiting: 0, stopped: 0, succeeded: 0 }
  for (const { state, lastState } of app) {
    if (state.running !== undefined) count.running += 1
    else if (state.terminated !== undefined) {
      count.stopped += 1
      if (state.terminated.exitCode === 0) count.succeeded += 1
    } else if (lastState.terminated !== undefined) count.stopped += 1
    else count.waiting += 1
  }
  if (ended && count.running === 0) {
    const allSucceeded = count.waiting === 0 && count.stopped > 0 && count.stopped === count.succeeded
    return allSucceeded && failedInit === 0 ? 'Succeeded' : 'Failed'
  }
  // Sidecars may still be ending when the app containers have all ended; what counts is that any app container started.
  if (pendingInit > 0 && count.running === 0 && count.stopped === 0) return 'Pending'
  if (count.waiting > 0) return 'Pending'
  if (count.running > 0) return 'Running'
  if (count.stopped === 0) return 'Pending'
  if (policy === 'Always') return 'Running'
  const sidecarsRun = init.some(({ state }) => state.running !== undefined)
  if (sidecarsRun) return 'Running'
  if (count.stopped === count.succeeded) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
}
