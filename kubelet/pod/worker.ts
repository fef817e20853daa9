/**
 * One pod's loop: read the runtime, plan, act, report; again when something changes. One step at a time per pod.
 *
 *   running ──(deleted, finished, rejected, gone)──▶ terminating ──(containers ended)──▶ terminated ──▶ cleaned up
 *
 * A change that cannot wait (deletion, a shorter grace period) aborts the step that is being done; the next step sees what
 * is true then. Nothing here survives a restart and nothing needs to.
 */
import { qosClass } from '../../api/core/pod-resources.ts'
import type { Pod, PodStatus } from '../../api/core/v1.ts'
import { formatTime, parseTime } from '../../apimachinery/time.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import { ImageError } from '../images/pull.ts'
import type { ResolvConf } from '../network/resolv-conf.ts'
import { sortPodIps } from '../node/node-ips.ts'
import type { Prober } from '../probes/prober.ts'
import type { CriDraft } from '../runtime/cri.ts'
import { isNotFound } from '../runtime/cri.ts'
import { type RuntimePod, type RuntimeSandbox, readRuntimePod } from '../runtime/runtime-pod.ts'
import { VolumeError } from '../volumes/payload.ts'
import { MountError, type MountedVolumes, type Volumes } from '../volumes/volumes.ts'
import { type BackoffEntry, nextBackoff } from './backoff.ts'
import { createPodCgroup, podCgroup, removePodCgroup } from './cgroup.ts'
import { kubeletConditionTypes } from './conditions.ts'
import { graceSecondsOf, killContainer, killContainers } from './kill.ts'
import { hasEnded, isAlive, isUsable, type PodAction, planPod, type Waiting } from './plan.ts'
import { containersOf, isFinished } from './pods.ts'
import type { ResizeCandidate } from './resize.ts'
import { Resizer } from './resizer.ts'
import { sandboxConfig } from './sandbox-config.ts'
import { containerFieldPath, type StartContext, StartError, startContainer } from './start-container.ts'
import { podStatus } from './status.ts'
import type { StatusWriter } from './status-writer.ts'

export type WorkerContext = StartContext & {
  readonly volumes: Volumes
  readonly probes: Prober
  readonly statuses: StatusWriter
  readonly cgroupRoot: string
  readonly syncFrequencyMs: number
  readonly resolvConf: (pod: Pod) => Promise<ResolvConf>
  readonly logDirectory: (pod: Pod) => string
  readonly removeLogs: (pod: Pod) => Promise<void>
  /** Why the node cannot take the pod; undefined: it can. */
  readonly admit: (pod: Pod) => Verdict | undefined
  /** Reads the node anew, for the next `admit`. */
  readonly readNode: (signal: AbortSignal) => Promise<void>
  /** Asks again for every pod that waits for a resize: something has become free, or a pod asks for something new. */
  readonly retryResizes: () => void
  /** Why containers cannot be started yet: the pod network is not ready. */
  readonly networkProblem: () => string | undefined
  /** What the pod's RuntimeClass names; empty: the runtime's default. */
  readonly runtimeHandler: (pod: Pod, signal: AbortSignal) => Promise<string>
  /** Told how long it took from the first sight of a pod to its first running state. */
  readonly onPodStart: (seconds: number) => void
}
export type Verdict = { readonly reason: string; readonly message: string }

const sandboxRetryMs = 10_000
const volumeRetryInitialMs = 500
const volumeRetryMaxMs = 122_000
const errorRetryMs = 2_000
/** Steps in a row without waiting for anything; more would be a plan that does not settle. */
const maxStepsInRow = 50

export class PodWorker {
  readonly #context: WorkerContext
  readonly #resizer: Resizer
  /** The pod as the API has it. */
  #wanted: Pod
  /** The same with the resources that the node has granted: all else looks at this one. */
  #pod: Pod
  #stage: 'running' | 'terminating' | 'terminated' | 'cleaned' = 'running'
  #gone = false
  #endingSinceMs: number | undefined
  #admitted = false
  #verdict: Verdict | undefined
  #volumes: MountedVolumes | undefined
  #volumesCheckedAtMs = 0
  #volumeFailures = 0
  readonly #backoffs = new Map<string, BackoffEntry>()
  readonly #startErrors = new Map<string, Waiting & { readonly retryAtMs?: number }>()
  readonly #announcedBackoffs = new Map<string, number>()
  readonly #seenAtMs: number
  #hasRun = false
  /** The node never took the pod in: nothing of it was ever started. */
  #isRejected = false
  #isDirty = true
  #wakeUp: (() => void) | undefined
  #step = new AbortController()

  constructor(context: WorkerContext, pod: Pod) {
    this.#context = context
    this.#resizer = new Resizer(context, pod)
    this.#wanted = pod
    this.#pod = pod
    this.#seenAtMs = context.clock.now()
    this.#hasRun = pod.status.phase !== 'Pending'
  }

  get pod(): Pod {
    return this.#pod
  }

  /** True once containers and volumes of the pod are gone for good. */
  get isCleaned(): boolean {
    return this.#stage === 'cleaned'
  }

  /** False once everything of the pod has ended: it uses nothing of the node any more. */
  get isActive(): boolean {
    return (this.#stage === 'running' || this.#stage === 'terminating') && !isFinished(this.#pod)
  }

  /** True once the node has taken the pod in: it counts against the node's resources. */
  get isAdmitted(): boolean {
    return this.#admitted && this.#verdict === undefined
  }

  /** The pod that asks for other resources than it was granted; undefined: it does not. */
  get resizeWanted(): { readonly pod: Pod; readonly candidate: ResizeCandidate } | undefined {
    const pod = this.#wanted
    if (!this.isActive || !this.isAdmitted || this.#stage !== 'running') return undefined
    return this.#resizer.wants(pod) ? { pod, candidate: this.#resizer.candidate(pod) } : undefined
  }

  /** Grants the resize, or notes why not now. */
  decideResize(refusal: Verdict | undefined): void {
    const before = this.#resizer.state
    this.#resizer.decide(this.#wanted, refusal)
    this.#pod = this.#resizer.allocated(this.#wanted)
    if (this.#resizer.state !== before) this.wake()
  }

  wake(): void {
    this.#isDirty = true
    this.#wakeUp?.()
  }

  /** A new version of the pod. */
  update(pod: Pod): void {
    const before = this.#pod
    this.#wanted = pod
    this.#pod = this.#resizer.allocated(pod)
    const isDeleted = pod.metadata.deletionTimestamp !== undefined
    const wasDeleted = before.metadata.deletionTimestamp !== undefined
    if (isDeleted && (!wasDeleted || graceSecondsOf(pod) < graceSecondsOf(before))) this.#interrupt()
    this.#askForResize()
    this.wake()
  }

  /** The pod has vanished from its source: end it and keep nothing. */
  remove(): void {
    this.#gone = true
    this.#interrupt()
    this.wake()
  }

  /** Ends the pod by the kubelet's own decision, such as an eviction. */
  fail(verdict: Verdict): void {
    if (this.#verdict !== undefined || isFinished(this.#pod)) return
    this.#verdict = verdict
    this.#interrupt()
    this.wake()
  }

  #askForResize(): void {
    if (this.#resizer.wants(this.#wanted)) this.#context.retryResizes()
    else this.#resizer.forgetPending()
  }

  #interrupt(): void {
    this.#step.abort(new Error('superseded'))
    this.#step = new AbortController()
  }

  /** Works until the pod is cleaned up or `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let inRow = 0
    while (!signal.aborted && this.#stage !== 'cleaned') {
      this.#isDirty = false
      const { signal: step, unlink } = linkSignals([signal, this.#step.signal])
      let waitMs: number
      try {
        waitMs = await this.#sync(step)
      } catch (error) {
        if (signal.aborted) break
        if (!step.aborted) {
          this.#context.logger.error('Pod sync ended early', { pod: this.#pod.metadata.name, error })
        }
        waitMs = step.aborted ? 0 : errorRetryMs
      } finally {
        unlink()
      }
      inRow = waitMs > 0 ? 0 : inRow + 1
      await this.#wait(inRow > maxStepsInRow ? errorRetryMs : waitMs, signal)
    }
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#isDirty || ms <= 0) return
    const { signal: stop, unlink } = linkSignals([signal], ms)
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve
      stop.addEventListener('abort', () => resolve(), { once: true })
    })
    this.#wakeUp = undefined
    unlink()
  }

  /** One step. Resolves with how long to wait for the next unless something changes. */
  async #sync(signal: AbortSignal): Promise<number> {
    const runtimePod = await readRuntimePod(this.#context.runtime, this.#pod.metadata.uid, signal)
    await this.#admit(signal)
    if (this.#shouldTerminate()) return await this.#terminate(runtimePod, signal)
    return await this.#keepRunning(runtimePod, signal)
  }

  #shouldTerminate(): boolean {
    this.#verdict ??= this.#deadlineVerdict()
    return (
      this.#stage !== 'running' ||
      this.#gone ||
      this.#verdict !== undefined ||
      this.#pod.metadata.deletionTimestamp !== undefined ||
      isFinished(this.#pod)
    )
  }

  async #admit(signal: AbortSignal): Promise<void> {
    if (this.#admitted || this.#verdict !== undefined || isFinished(this.#pod)) return
    if (this.#pod.metadata.deletionTimestamp !== undefined || this.#gone) return
    this.#resizer.admit(this.#wanted)
    this.#pod = this.#resizer.allocated(this.#wanted)
    // A pod that this node has started before was admitted before; a restarted kubelet does not ask again.
    if (this.#pod.status.startTime !== undefined) {
      this.#admitted = true
      this.#askForResize()
      return
    }
    let verdict = this.#context.admit(this.#pod)
    if (verdict?.reason === 'NodeAffinity') {
      // The scheduler may know of a label that the node was given a moment ago.
      await this.#context.readNode(signal)
      verdict = this.#context.admit(this.#pod)
    }
    // In the same turn as the decision: whoever is admitted next counts this pod.
    this.#admitted = true
    if (verdict === undefined) return
    this.#verdict = { ...verdict, message: `Pod was rejected: ${verdict.message}` }
    this.#isRejected = true
    this.#context.recorder.event(this.#pod, 'Warning', verdict.reason, verdict.message)
  }

  #deadlineVerdict(): Verdict | undefined {
    const { activeDeadlineSeconds } = this.#pod.spec
    const { startTime } = this.#pod.status
    if (activeDeadlineSeconds === undefined || startTime === undefined || isFinished(this.#pod)) return undefined
    if (this.#context.clock.now() < parseTime(startTime) + activeDeadlineSeconds * 1000) return undefined
    const message = 'Pod was active on the node longer than the specified deadline'
    this.#context.recorder.event(this.#pod, 'Normal', 'DeadlineExceeded', message)
    return { reason: 'DeadlineExceeded', message }
  }

  async #keepRunning(runtimePod: RuntimePod, signal: AbortSignal): Promise<number> {
    const { clock, probes } = this.#context
    this.#watchProbes(runtimePod)
    this.#report(runtimePod)
    const volumesWaitMs = await this.#keepVolumes(signal)
    if (volumesWaitMs !== undefined) return volumesWaitMs
    const plan = planPod({
      pod: this.#pod,
      runtime: runtimePod,
      nowMs: clock.now(),
      backoffs: this.#backoffs,
      probes: probes.results(),
    })
    this.#noteWaiting(plan.waiting)
    let requeueAtMs = plan.requeueAtMs ?? Number.POSITIVE_INFINITY
    const resize = await this.#resizer.actuate(this.#pod, runtimePod, signal)
    let acted = resize === 'acted'
    if (typeof resize === 'number') requeueAtMs = Math.min(requeueAtMs, resize)
    for (const action of plan.actions) {
      const blockedUntil = this.#blockedUntil(action)
      if (blockedUntil !== undefined) {
        requeueAtMs = Math.min(requeueAtMs, blockedUntil)
        continue
      }
      const retryAtMs = await this.#apply(action, runtimePod, signal)
      if (retryAtMs === undefined) acted = true
      else requeueAtMs = Math.min(requeueAtMs, retryAtMs)
    }
    if (acted) return 0
    if (this.#resizer.state.pending !== undefined) this.#context.retryResizes()
    this.#report(await readRuntimePod(this.#context.runtime, this.#pod.metadata.uid, signal))
    return Math.max(1, Math.min(requeueAtMs - clock.now(), this.#nextResyncMs()))
  }

  /** Failed starts wait for their time; the plan does not know of them. */
  #blockedUntil(action: PodAction): number | undefined {
    if (action.type !== 'startContainer') return undefined
    const retryAtMs = this.#startErrors.get(action.container.name)?.retryAtMs
    return retryAtMs !== undefined && this.#context.clock.now() < retryAtMs ? retryAtMs : undefined
  }

  #nextResyncMs(): number {
    const { activeDeadlineSeconds } = this.#pod.spec
    const { startTime } = this.#pod.status
    const resyncMs = this.#context.syncFrequencyMs
    if (activeDeadlineSeconds === undefined) return resyncMs
    const startMs = startTime === undefined ? this.#context.clock.now() : parseTime(startTime)
    return Math.min(resyncMs, Math.max(1, startMs + activeDeadlineSeconds * 1000 - this.#context.clock.now()))
  }

  /** Resolves with the time to wait when the volumes are not there. */
  async #keepVolumes(signal: AbortSignal): Promise<number | undefined> {
    const { clock, volumes, recorder, syncFrequencyMs, hostIps } = this.#context
    const isCurrent = clock.now() - this.#volumesCheckedAtMs < syncFrequencyMs - 1000
    if (this.#volumes !== undefined && isCurrent) return undefined
    const facts = { podIps: [], hostIps, allocatable: this.#context.allocatable() }
    try {
      this.#volumes = await volumes.setUp(this.#pod, facts, signal)
      this.#volumesCheckedAtMs = clock.now()
      this.#volumeFailures = 0
      return undefined
    } catch (error) {
      if (!(error instanceof MountError)) throw error
      this.#volumesCheckedAtMs = clock.now()
      // A running pod hears of what is missing, not of an API server that is away for a while.
      if (this.#volumes === undefined || error.cause instanceof VolumeError) {
        recorder.event(this.#pod, 'Warning', 'FailedMount', error.message)
      }
      // What runs already goes on with what it has.
      if (this.#volumes !== undefined) return undefined
      const waitMs = Math.min(volumeRetryInitialMs * 2 ** this.#volumeFailures, volumeRetryMaxMs)
      this.#volumeFailures += 1
      return waitMs
    }
  }

  /** Does one action. Resolves with the time of the next try when it failed in an expected way. */
  async #apply(action: PodAction, runtimePod: RuntimePod, signal: AbortSignal): Promise<number | undefined> {
    switch (action.type) {
      case 'createSandbox':
        return await this.#createSandbox(action.attempt, runtimePod, signal)
      case 'stopPod':
        await this.#stopEverything(runtimePod, signal)
        return undefined
      case 'killContainer': {
        const run = { id: action.id, name: action.container.name }
        const { pod } = this
        const graceSeconds = probeGrace(action) ?? graceSecondsOf(pod)
        this.#context.probes.forget(action.id)
        await killContainer(this.#context, { ...action, pod, run, graceSeconds }, signal)
        return undefined
      }
      case 'startContainer':
        return await this.#startContainer(action, runtimePod, signal)
    }
  }

  async #createSandbox(attempt: number, runtimePod: RuntimePod, signal: AbortSignal): Promise<number | undefined> {
    const { runtime, recorder, clock, networkProblem, cgroupRoot } = this.#context
    const problem = this.#pod.spec.hostNetwork === true ? undefined : networkProblem()
    if (problem !== undefined) {
      recorder.event(this.#pod, 'Warning', 'NetworkNotReady', `network is not ready: ${problem}`)
      return clock.now() + errorRetryMs
    }
    if (attempt > 0 && runtimePod.containers.length > 0) {
      recorder.event(this.#pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
    }
    await createPodCgroup(cgroupRoot, this.#pod)
    const config = await this.#sandboxConfig(attempt)
    try {
      const runtimeHandler = await this.#context.runtimeHandler(this.#pod, signal)
      await runtime.call('RunPodSandbox', { config, runtimeHandler }, signal)
      return undefined
    } catch (error) {
      if (signal.aborted) throw signal.reason
      const why = error instanceof Error ? error.message : String(error)
      recorder.event(this.#pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${why}`)
      return clock.now() + sandboxRetryMs
    }
  }

  async #sandboxConfig(attempt: number): Promise<CriDraft<'PodSandboxConfig'>> {
    const { resolvConf, logDirectory, cgroupRoot, clusterDomain } = this.#context
    return sandboxConfig({
      pod: this.#pod,
      attempt,
      logDirectory: logDirectory(this.#pod),
      cgroupParent: podCgroup(cgroupRoot, this.#pod),
      clusterDomain,
      dns: await resolvConf(this.#pod),
    })
  }

  async #startContainer(
    action: Extract<PodAction, { type: 'startContainer' }>,
    runtimePod: RuntimePod,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { clock, probes } = this.#context
    const { container, kind, restartCount, previousExitAtMs, target } = action
    const targetId = runtimePod.containers.find(({ name, phase }) => name === target && phase === 'running')?.id
    const sandbox = runtimePod.sandboxes[0]
    if (sandbox === undefined || !isUsable(sandbox, this.#pod)) return clock.now() + 1
    const nowMs = clock.now()
    if (previousExitAtMs !== undefined) {
      this.#backoffs.set(container.name, nextBackoff(this.#backoffs.get(container.name), previousExitAtMs, nowMs))
    }
    try {
      const id = await startContainer(
        this.#context,
        {
          pod: this.#pod,
          kind,
          container,
          restartCount,
          sandboxId: sandbox.id,
          sandbox: await this.#sandboxConfig(sandbox.attempt),
          podIps: this.#podIps(sandbox),
          volumes: this.#volumes ?? new Map(),
          ...(targetId === undefined ? {} : { targetId }),
        },
        signal,
      )
      this.#startErrors.delete(container.name)
      const [podIp = ''] = this.#podIps(sandbox)
      if (kind === 'app' || kind === 'sidecar') probes.watch(this.#pod, container, id, podIp)
      return undefined
    } catch (error) {
      if (signal.aborted) throw signal.reason
      return this.#noteStartError(container.name, error)
    }
  }

  #noteStartError(name: string, error: unknown): number | undefined {
    const { clock } = this.#context
    if (error instanceof ImageError) {
      const { reason, message } = error
      // The back-off shows soon after the failure, so that a reader sees both.
      const showBackoffAtMs = clock.now() + errorRetryMs
      const retryAtMs = reason === 'ErrImagePull' ? showBackoffAtMs : (error.retryAtMs ?? clock.now() + sandboxRetryMs)
      this.#startErrors.set(name, { reason, message, retryAtMs })
      return retryAtMs
    }
    if (error instanceof StartError) {
      const retryAtMs = clock.now() + sandboxRetryMs
      // A container that exists but did not start counts as a failed run, with the back-off of one.
      const exists = error.waiting.reason === 'RunContainerError' || error.waiting.reason === 'PostStartHookError'
      this.#startErrors.set(name, exists ? error.waiting : { ...error.waiting, retryAtMs })
      return exists ? undefined : retryAtMs
    }
    throw error
  }

  #noteWaiting(waiting: ReadonlyMap<string, Waiting>): void {
    const { recorder } = this.#context
    for (const [name, { reason, message }] of waiting) {
      this.#startErrors.set(name, { reason, message })
      const count = this.#backoffs.get(name)?.updatedAtMs ?? 0
      if (this.#announcedBackoffs.get(name) === count) continue
      this.#announcedBackoffs.set(name, count)
      const kind = containersOf(this.#pod).find(({ container }) => container.name === name)?.kind ?? 'app'
      const { name: podName, namespace = '', uid } = this.#pod.metadata
      const text = `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${uid})`
      recorder.event(this.#pod, 'Warning', 'BackOff', text, { fieldPath: containerFieldPath(kind, name) })
    }
    for (const [name, { reason }] of this.#startErrors) {
      if (reason === 'CrashLoopBackOff' && !waiting.has(name)) this.#startErrors.delete(name)
    }
  }

  #podIps(sandbox: RuntimeSandbox | undefined): readonly string[] {
    const { hostIps } = this.#context
    return this.#pod.spec.hostNetwork === true ? hostIps : sortPodIps(sandbox?.ips ?? [], hostIps)
  }

  /** After a restart of the kubelet the running containers are probed again. */
  #watchProbes(runtimePod: RuntimePod): void {
    const [podIp = ''] = this.#podIps(runtimePod.sandboxes[0])
    const seen = new Set<string>()
    for (const run of runtimePod.containers) {
      if (seen.has(run.name)) continue
      seen.add(run.name)
      const known = containersOf(this.#pod).find(({ container }) => container.name === run.name)
      if (run.phase === 'running' && (known?.kind === 'app' || known?.kind === 'sidecar')) {
        this.#context.probes.watch(this.#pod, known.container, run.id, podIp, run.startedAtMs)
      } else this.#context.probes.forget(run.id)
    }
  }

  async #terminate(runtimePod: RuntimePod, signal: AbortSignal): Promise<number> {
    if (this.#stage === 'running') this.#stage = 'terminating'
    if (this.#stage === 'terminating') {
      this.#report(runtimePod)
      await this.#stopEverything(runtimePod, signal)
      this.#stage = 'terminated'
      const ended = await readRuntimePod(this.#context.runtime, this.#pod.metadata.uid, signal)
      this.#report(ended)
      await this.#release(signal)
    }
    const isDeleted = this.#pod.metadata.deletionTimestamp !== undefined
    if (!this.#gone && !isDeleted) return this.#context.syncFrequencyMs
    const last = await readRuntimePod(this.#context.runtime, this.#pod.metadata.uid, signal)
    const status = this.#statusOf(last, true)
    await this.#removeFromRuntime(last, signal)
    await this.#context.removeLogs(this.#pod)
    this.#context.images.forget(this.#pod.metadata.uid)
    if (!this.#gone) this.#context.statuses.set(this.#pod, status, { delete: true })
    this.#stage = 'cleaned'
    return 0
  }

  /** What is left of the grace period: an interrupted end goes on, it does not begin again. */
  #graceSeconds(): number {
    const nowMs = this.#context.clock.now()
    if (this.#stage === 'running') return graceSecondsOf(this.#pod)
    this.#endingSinceMs ??= nowMs
    return Math.max(0, graceSecondsOf(this.#pod) - (nowMs - this.#endingSinceMs) / 1000)
  }

  /** Kills what runs and takes the sandboxes down. */
  async #stopEverything(runtimePod: RuntimePod, signal: AbortSignal): Promise<void> {
    const { runtime, probes } = this.#context
    await killContainers(this.#context, this.#pod, runtimePod, this.#graceSeconds(), signal)
    for (const { id } of runtimePod.containers) probes.forget(id)
    for (const { id } of runtimePod.sandboxes) await runtime.call('StopPodSandbox', { podSandboxId: id }, signal)
  }

  /** Gives back what a pod that has ended does not need any more. Its containers stay for their logs. */
  async #release(signal: AbortSignal): Promise<void> {
    const { volumes, cgroupRoot } = this.#context
    await volumes.tearDown(this.#pod.metadata.uid, signal)
    await removePodCgroup(cgroupRoot, this.#pod.metadata.uid)
    this.#context.retryResizes()
  }

  async #removeFromRuntime(runtimePod: RuntimePod, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#context
    for (const { id } of runtimePod.sandboxes) {
      await runtime.call('StopPodSandbox', { podSandboxId: id }, signal)
      await runtime.call('RemovePodSandbox', { podSandboxId: id }, signal)
    }
    // The sandboxes have taken their containers along; what is left lost its sandbox before.
    const left = await readRuntimePod(runtime, this.#pod.metadata.uid, signal)
    for (const { id } of left.containers.filter((run) => !isAlive(run))) {
      await runtime.call('RemoveContainer', { containerId: id }, signal).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    }
    await this.#release(signal)
  }

  #report(runtimePod: RuntimePod): void {
    if (this.#gone) return
    const ended = this.#stage === 'terminated' || hasEnded(this.#pod, runtimePod)
    const status = this.#statusOf(runtimePod, ended)
    if (!this.#hasRun && status.phase === 'Running') {
      this.#hasRun = true
      this.#context.onPodStart((this.#context.clock.now() - this.#seenAtMs) / 1000)
    }
    this.#context.statuses.set(this.#pod, status)
  }

  #statusOf(runtimePod: RuntimePod, ended: boolean): PodStatus {
    const { clock, hostIps, probes, statuses } = this.#context
    if (this.#isRejected && this.#verdict !== undefined) {
      return {
        phase: 'Failed',
        ...this.#verdict,
        startTime: formatTime(this.#seenAtMs),
        qosClass: qosClass(this.#pod.spec),
      }
    }
    // An ended pod without containers has nothing more to tell than what was told.
    if (isFinished(this.#pod) && runtimePod.containers.length === 0) return this.#pod.status
    const known = statuses.get(this.#pod.metadata.uid)
    return podStatus({
      // What we have reported is newer than what came back through the watch.
      pod: known === undefined ? this.#pod : { ...this.#pod, status: mergeReported(this.#pod, known) },
      runtime: runtimePod,
      nowMs: clock.now(),
      hostIps,
      probes: probes.results(),
      waiting: this.#startErrors,
      ended,
      resize: this.#resizer.state,
      ...(this.#verdict === undefined ? {} : { verdict: this.#verdict }),
    })
  }
}

/** Our newest report, with the conditions that others have written since. */
function mergeReported(pod: Pod, reported: Pod['status']): Pod['status'] {
  const mine = new Set((reported.conditions ?? []).map(({ type }) => type))
  const current = new Map((pod.status.conditions ?? []).map((condition) => [condition.type, condition]))
  const conditions = [
    ...(reported.conditions ?? []).map((condition) =>
      kubeletConditionTypes.includes(condition.type) ? condition : (current.get(condition.type) ?? condition),
    ),
    ...(pod.status.conditions ?? []).filter(({ type }) => !mine.has(type) && !kubeletConditionTypes.includes(type)),
  ]
  return { ...reported, conditions }
}

function probeGrace(action: Extract<PodAction, { type: 'killContainer' }>): number | undefined {
  const { container, reason } = action
  if (reason === 'livenessProbe') return container.livenessProbe?.terminationGracePeriodSeconds
  return reason === 'startupProbe' ? container.startupProbe?.terminationGracePeriodSeconds : undefined
}
