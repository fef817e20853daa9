/**
 * Decides what to do next with one pod: spec + what the runtime says → ordered actions. Pure.
 *
 *   no sandbox ──▶ createSandbox ──▶ init containers one by one ──▶ app containers side by side ──▶ (all done) stopPod
 *                       ▲                (sidecars stay)                 │ exit, failed probe
 *                       └──── sandbox died: stopPod first ◀──────────────┘ kill, start again after back-off
 *
 * Source: the behaviour of upstream's `computePodActions`.
 */
import type { Container, Pod } from '../../api/core/v1.ts'
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../runtime/runtime-pod.ts'
import { type BackoffEntry, backoffEndMs, formatGoSeconds } from './backoff.ts'
import { type ContainerKind, containerHash, containersOf, type PodContainer, podDescription } from './pods.ts'
import { needsRestart } from './resize.ts'

export type ProbeVerdict = 'success' | 'failure' | 'unknown'
/** What the probes say about one running container. */
export type ProbeState = {
  readonly liveness: ProbeVerdict
  readonly startup: ProbeVerdict
  readonly readiness: ProbeVerdict
}

export type PodObserved = {
  readonly pod: Pod
  readonly runtime: RuntimePod
  readonly nowMs: number
  /** Restart back-off by container name. */
  readonly backoffs: ReadonlyMap<string, BackoffEntry>
  /** Probe results by container id; absent: nothing known yet. */
  readonly probes: ReadonlyMap<string, ProbeState>
}

export type PodAction =
  | { readonly type: 'createSandbox'; readonly attempt: number }
  /** Kills what still runs in the pod and takes the sandbox down. */
  | { readonly type: 'stopPod' }
  | {
      readonly type: 'startContainer'
      readonly kind: ContainerKind
      readonly container: Container
      readonly restartCount: number
      /** Name of the container whose processes this one shares. */
      readonly target?: string
      /** When the run before ended: a restart, which counts for back-off. */
      readonly previousExitAtMs?: number
    }
  | {
      readonly type: 'killContainer'
      readonly container: Container
      readonly id: string
      readonly reason: KillReason
      readonly message: string
    }
export type KillReason =
  | 'startupProbe'
  | 'livenessProbe'
  | 'definitionChanged'
  | 'resized'
  | 'completed'
  | 'unknownState'
/** Why a container waits. */
export type Waiting = { readonly reason: string; readonly message: string }
export type PodPlan = {
  readonly actions: readonly PodAction[]
  /** Containers that wait for their back-off, by name. */
  readonly waiting: ReadonlyMap<string, Waiting>
  readonly requeueAtMs?: number
}

/** What to do now for a pod that should run. */
export function planPod(observed: PodObserved): PodPlan {
  const sandbox = observed.runtime.sandboxes[0]
  if (sandbox === undefined || !isUsable(sandbox, observed.pod)) return planNewSandbox(observed, sandbox)
  const next = new Steps(observed)
  next.addEphemeral()
  if (next.addInit()) next.addApp()
  return next.finish()
}

/** A sandbox that is ready and, unless it shares the node's network, has an address. */
export function isUsable(sandbox: RuntimeSandbox, pod: Pod): boolean {
  const hostNetwork = pod.spec.hostNetwork === true
  return sandbox.ready && sandbox.hostNetwork === hostNetwork && (hostNetwork || sandbox.ips.length > 0)
}

function planNewSandbox({ pod, runtime }: PodObserved, old: RuntimeSandbox | undefined): PodPlan {
  const stop: PodAction[] = old?.ready === true || runtime.containers.some(isAlive) ? [{ type: 'stopPod' }] : []
  const wanted = pod.spec.containers.some((container) => mayStart(pod, container, latest(runtime, container.name)))
  const attempt = (old?.attempt ?? -1) + 1
  if (!wanted) return { actions: stop, waiting: new Map() }
  return { actions: [...stop, { type: 'createSandbox', attempt }], waiting: new Map() }
}

/** Collects the steps of one plan. */
class Steps {
  readonly #observed: PodObserved
  readonly #actions: PodAction[] = []
  readonly #waiting = new Map<string, Waiting>()
  #requeueAtMs: number | undefined
  #alive = 0

  constructor(observed: PodObserved) {
    this.#observed = observed
  }

  addEphemeral(): void {
    for (const step of containersOf(this.#observed.pod)) {
      if (step.kind !== 'ephemeral') continue
      if (this.#latest(step.container.name) === undefined) this.#start(step, undefined)
    }
  }

  /** True when every init container is done and every sidecar started, so that the app containers may run. */
  addInit(): boolean {
    const inits = containersOf(this.#observed.pod).filter(({ kind }) => kind === 'init' || kind === 'sidecar')
    // Any app container that ran in this sandbox proves that initialization was over (a removed init container is no reason to run it again).
    const initialized = this.#observed.pod.spec.containers.some(({ name }) => this.#ranInThisSandbox(name))
    for (const step of inits) {
      const done = step.kind === 'sidecar' ? this.#keepSidecar(step) : initialized || this.#runInit(step)
      if (!done && !initialized) return false
    }
    return true
  }

  addApp(): void {
    for (const container of this.#observed.pod.spec.containers) this.#keepApp({ kind: 'app', container })
  }

  finish(): PodPlan {
    const idle = this.#alive === 0 && this.#actions.length === 0 && this.#waiting.size === 0
    const actions = idle || this.#onlySidecarsLeft() ? [{ type: 'stopPod' } as const] : this.#actions
    return {
      actions,
      waiting: this.#waiting,
      ...(this.#requeueAtMs === undefined ? {} : { requeueAtMs: this.#requeueAtMs }),
    }
  }

  /** Sidecars end when all app containers have ended for good. */
  #onlySidecarsLeft(): boolean {
    const { pod } = this.#observed
    return pod.spec.containers.every(({ name }) => {
      const status = this.#latest(name)
      const container = pod.spec.containers.find((one) => one.name === name)
      return status?.phase === 'exited' && container !== undefined && !mayStart(pod, container, status)
    })
  }

  #runInit(step: PodContainer): boolean {
    const { pod } = this.#observed
    const status = this.#latestHere(step.container.name)
    if (status === undefined) {
      this.#start(step, this.#latest(step.container.name))
      return false
    }
    if (status.phase === 'exited' && status.exitCode === 0) return true
    if (status.phase === 'unknown') this.#kill(step.container, status, 'unknownState', '')
    else if (isAlive(status)) this.#alive += 1
    else if (mayStart(pod, step.container, status)) this.#start(step, status)
    return false
  }

  /** A sidecar counts as started once it runs and its startup probe has passed. */
  #keepSidecar(step: PodContainer): boolean {
    const status = this.#latestHere(step.container.name)
    if (status?.phase !== 'running') {
      this.#start(step, this.#latest(step.container.name))
      return false
    }
    if (!this.#restartResized(step, status) && !this.#killUnhealthy(step, status)) this.#alive += 1
    return step.container.startupProbe === undefined || this.#observed.probes.get(status.id)?.startup === 'success'
  }

  #keepApp(step: PodContainer): void {
    const status = this.#latest(step.container.name)
    if (status === undefined || !isAlive(status)) {
      if (mayStart(this.#observed.pod, step.container, status)) this.#start(step, status)
      return
    }
    if (status.phase === 'unknown') {
      this.#kill(step.container, status, 'unknownState', '')
      return
    }
    if (!this.#restartResized(step, status) && !this.#killUnhealthy(step, status)) this.#alive += 1
  }

  /** A container whose new resources want a restart is ended and begins again at once, whatever the restart policy. */
  #restartResized({ kind, container }: PodContainer, status: RuntimeContainer): boolean {
    if (!needsRestart(container, status)) return false
    const message = `Container ${container.name} resize requires restart`
    const { id } = status
    this.#actions.push(
      { type: 'killContainer', container, id, reason: 'resized', message },
      { type: 'startContainer', kind, container, restartCount: status.restartCount + 1 },
    )
    return true
  }

  /** True when the container is to be killed. */
  #killUnhealthy({ container }: PodContainer, status: RuntimeContainer): boolean {
    const probes = this.#observed.probes.get(status.id)
    if (status.hash !== '' && status.hash !== containerHash(container)) {
      this.#kill(container, status, 'definitionChanged', `Container ${container.name} definition changed`)
    } else if (probes?.liveness === 'failure') {
      this.#kill(container, status, 'livenessProbe', `Container ${container.name} failed liveness probe`)
    } else if (probes?.startup === 'failure') {
      this.#kill(container, status, 'startupProbe', `Container ${container.name} failed startup probe`)
    } else return false
    return true
  }

  #kill(container: Container, status: RuntimeContainer, reason: KillReason, message: string): void {
    const restarts = this.#observed.pod.spec.restartPolicy !== 'Never'
    const text = message === '' || !restarts ? message : `${message}, will be restarted`
    this.#actions.push({ type: 'killContainer', container, id: status.id, reason, message: text })
  }

  #start({ kind, container, target }: PodContainer, previous: RuntimeContainer | undefined): void {
    const { pod, nowMs, backoffs } = this.#observed
    const exitAtMs = previous === undefined ? undefined : previous.finishedAtMs || previous.createdAtMs
    const entry = backoffs.get(container.name)
    const endMs = exitAtMs === undefined ? undefined : backoffEndMs(entry, exitAtMs, nowMs)
    if (endMs !== undefined && entry !== undefined) {
      const message = `back-off ${formatGoSeconds(entry.delayMs)} restarting failed container=${container.name} pod=${podDescription(pod)}`
      this.#waiting.set(container.name, { reason: 'CrashLoopBackOff', message })
      this.#requeueAtMs = Math.min(this.#requeueAtMs ?? endMs, endMs)
      return
    }
    this.#actions.push({
      type: 'startContainer',
      kind,
      container,
      restartCount: previous === undefined ? 0 : previous.restartCount + 1,
      ...(target === undefined ? {} : { target }),
      ...(exitAtMs === undefined ? {} : { previousExitAtMs: exitAtMs }),
    })
  }

  #latest(name: string): RuntimeContainer | undefined {
    return latest(this.#observed.runtime, name)
  }

  /** The newest run, unless it belongs to a sandbox before this one. */
  #latestHere(name: string): RuntimeContainer | undefined {
    const status = this.#latest(name)
    return status !== undefined && this.#isOfThisSandbox(status) ? status : undefined
  }

  #ranInThisSandbox(name: string): boolean {
    return this.#latestHere(name) !== undefined
  }

  #isOfThisSandbox(status: RuntimeContainer): boolean {
    return status.createdAtMs >= (this.#observed.runtime.sandboxes[0]?.createdAtMs ?? 0)
  }
}

/** Whether everything of the pod has ended and nothing will start again. */
export function hasEnded(pod: Pod, runtime: RuntimePod): boolean {
  if (runtime.containers.length === 0 || runtime.containers.some(isAlive)) return false
  const failedInit = (pod.spec.initContainers ?? []).some((container) => {
    const status = latest(runtime, container.name)
    return status !== undefined && status.exitCode !== 0 && !mayStart(pod, container, status)
  })
  if (failedInit) return true
  return pod.spec.containers.every((container) => {
    const status = latest(runtime, container.name)
    return status !== undefined && !mayStart(pod, container, status)
  })
}

/** The newest run of a container. */
export function latest(runtime: RuntimePod, name: string): RuntimeContainer | undefined {
  return runtime.containers.find((container) => container.name === name)
}

export function isAlive({ phase }: RuntimeContainer): boolean {
  return phase === 'running' || phase === 'unknown'
}

/** Whether a container that does not run should, by its history and the restart policy. */
export function mayStart(pod: Pod, container: Container, status: RuntimeContainer | undefined): boolean {
  // Created and never started: a kubelet died between the two.
  if (status === undefined || status.phase !== 'exited') return true
  const policy = container.restartPolicy ?? pod.spec.restartPolicy
  if (policy === 'Never') return false
  return policy === 'OnFailure' ? status.exitCode !== 0 : true
}
