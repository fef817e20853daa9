/**
 * Probes running containers: one task per container and kind of probe. Results are kept by container id, so that a
 * restarted container starts from nothing; a change wakes the pod's worker.
 */
import type { Container, Pod, Probe } from '../../api/core/v1.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Clock } from '../../component-base/clock.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { ProbeState, ProbeVerdict } from '../pod/plan.ts'
import type { Runtime } from '../runtime/cri.ts'
import { probeOnce } from './probe.ts'
import { type Counted, countResult, initialCount } from './threshold.ts'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'
export type Prober = {
  /** Starts probing a container; nothing happens when it is probed already. */
  readonly watch: (pod: Pod, container: Container, containerId: string, podIp: string, startedAtMs?: number) => void
  readonly forget: (containerId: string) => void
  /** By container id. */
  readonly results: () => ReadonlyMap<string, ProbeState>
  /** Runs the probes until `signal` aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>
}
export type ProberOptions = {
  readonly runtime: Runtime
  readonly recorder: Recorder
  readonly clock: Clock
  readonly logger: Logger
  readonly onChange: (podUid: string) => void
}

type Watched = {
  readonly pod: Pod
  readonly container: Container
  readonly containerId: string
  readonly podIp: string
  readonly startedAtMs: number
  readonly stop: AbortController
  state: ProbeState
}

const titles: Readonly<Record<ProbeKind, string>> = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' }

/** Makes a prober; probes begin with `run`. */
export function createProber(options: ProberOptions): Prober {
  const { clock, logger } = options
  const watched = new Map<string, Watched>()
  const results = new Map<string, ProbeState>()
  let running: AbortSignal | undefined

  const begin = (target: Watched, signal: AbortSignal): void => {
    const { signal: both, unlink } = linkSignals([signal, target.stop.signal])
    probeContainer(options, target, both, (state) => {
      target.state = state
      results.set(target.containerId, state)
      options.onChange(target.pod.metadata.uid)
    })
      .catch((error: unknown) => {
        if (!both.aborted) logger.error('Probing ended', { container: target.container.name, error })
      })
      .finally(unlink)
  }

  return {
    watch: (pod, container, containerId, podIp, startedAtMs = clock.now()) => {
      if (watched.has(containerId)) return
      const { startupProbe, livenessProbe, readinessProbe } = container
      if (startupProbe === undefined && livenessProbe === undefined && readinessProbe === undefined) return
      const state: ProbeState = {
        startup: startupProbe === undefined || hasStarted(pod, containerId) ? 'success' : 'unknown',
        liveness: livenessProbe === undefined ? 'success' : 'unknown',
        readiness: 'unknown',
      }
      const target: Watched = { pod, container, containerId, podIp, startedAtMs, stop: new AbortController(), state }
      watched.set(containerId, target)
      results.set(containerId, state)
      if (running !== undefined) begin(target, running)
    },
    forget: (containerId) => {
      watched.get(containerId)?.stop.abort(new Error('container ended'))
      watched.delete(containerId)
      results.delete(containerId)
    },
    results: () => results,
    run: async (signal) => {
      running = signal
      for (const target of watched.values()) begin(target, signal)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    },
  }
}

/** A kubelet before this one has seen the container start. */
function hasStarted({ status }: Pod, containerId: string): boolean {
  const all = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])]
  return all.some(({ containerID, started }) => containerID === `containerd://${containerId}` && started === true)
}

async function probeContainer(
  options: ProberOptions,
  target: Watched,
  signal: AbortSignal,
  onChange: (state: ProbeState) => void,
): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = target.container
  const set = (kind: ProbeKind, verdict: ProbeVerdict) => {
    if (target.state[kind] !== verdict) onChange({ ...target.state, [kind]: verdict })
  }
  // Liveness and readiness begin when the startup probe has passed.
  if (startupProbe !== undefined && target.state.startup !== 'success') {
    const verdict = await probeLoop(options, target, 'startup', startupProbe, signal, (now) => {
      set('startup', now)
      return now === 'unknown'
    })
    if (verdict !== 'success') return
  }
  const loops: Promise<ProbeVerdict>[] = []
  if (livenessProbe !== undefined) {
    loops.push(
      probeLoop(options, target, 'liveness', livenessProbe, signal, (verdict) => {
        set('liveness', verdict)
        return verdict !== 'failure'
      }),
    )
  }
  if (readinessProbe !== undefined) {
    loops.push(
      probeLoop(options, target, 'readiness', readinessProbe, signal, (verdict) => {
        set('readiness', verdict)
        return true
      }),
    )
  }
  await Promise.all(loops)
}

/** Probes until `onVerdict` answers false to a verdict; resolves with it. */
async function probeLoop(
  options: ProberOptions,
  target: Watched,
  kind: ProbeKind,
  probe: Probe,
  signal: AbortSignal,
  onVerdict: (verdict: ProbeVerdict) => boolean,
): Promise<ProbeVerdict> {
  const { clock, recorder } = options
  const { pod, container, containerId, podIp } = target
  const periodMs = (probe.periodSeconds ?? 10) * 1000
  const firstAtMs = target.startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000
  await clock.sleep(Math.max(0, firstAtMs - clock.now()), signal)
  let counted: Counted = initialCount
  for (;;) {
    const answer = await probeOnce(options.runtime, { pod, container, containerId, podIp, probe, clock }, signal)
    if (signal.aborted) throw signal.reason
    if (answer.result !== 'success' && answer.result !== 'warning') {
      const text = answer.result === 'unknown' ? `${titles[kind]} probe errored: ` : `${titles[kind]} probe failed: `
      recorder.event(pod, 'Warning', 'Unhealthy', `${text}${answer.message}`, {
        fieldPath: `spec.containers{${container.name}}`,
      })
    } else if (answer.result === 'warning') {
      recorder.event(pod, 'Warning', 'ProbeWarning', `${titles[kind]} probe warning: ${answer.message}`, {
        fieldPath: `spec.containers{${container.name}}`,
      })
    }
    counted = countResult(counted, answer.result, probe)
    if (!onVerdict(counted.verdict)) return counted.verdict
    await clock.sleep(periodMs, signal)
  }
}
