/** The conditions of a pod that the kubelet owns; conditions of others (readiness gates) are kept as they are. */
import type { ContainerStatus, Pod, PodCondition } from '../../api/core/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { type ResizeState, resizeConditions, resizeConditionTypes } from './resize.ts'

export type ConditionFacts = {
  readonly pod: Pod
  readonly phase: string
  readonly init: readonly ContainerStatus[]
  readonly app: readonly ContainerStatus[]
  readonly sandboxReady: boolean
  readonly resize: ResizeState
  readonly nowMs: number
}
type Verdict = { readonly status: 'True' | 'False'; readonly reason?: string; readonly message?: string }

const ours = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'] as const
/** The conditions that nobody else writes. */
export const kubeletConditionTypes: readonly string[] = [...ours, ...resizeConditionTypes]

/** All conditions in upstream's order, with the time of the last change kept where nothing changed. */
export function podConditions(facts: ConditionFacts): readonly PodCondition[] {
  const { pod, nowMs } = facts
  const containersReady = containersReadyOf(facts)
  const verdicts: Readonly<Record<(typeof ours)[number], Verdict>> = {
    PodReadyToStartContainers: { status: facts.sandboxReady ? 'True' : 'False' },
    Initialized: initializedOf(facts),
    Ready: readyOf(facts, containersReady),
    ContainersReady: containersReady,
    PodScheduled: { status: 'True' },
  }
  const old = pod.status.conditions ?? []
  const made = ours.map((type) => condition(type, verdicts[type], old, pod.metadata.generation, nowMs))
  const others = old.filter(({ type }) => !kubeletConditionTypes.includes(type))
  return [...resizeConditions(facts.resize, old, nowMs), ...made, ...others]
}

function condition(
  type: string,
  verdict: Verdict,
  old: readonly PodCondition[],
  generation: number | undefined,
  nowMs: number,
): PodCondition {
  const before = old.find((one) => one.type === type)
  const since = before?.status === verdict.status ? (before.lastTransitionTime ?? undefined) : undefined
  return {
    type,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    status: verdict.status,
    lastProbeTime: null,
    lastTransitionTime: since ?? formatTime(nowMs),
    ...(verdict.reason === undefined ? {} : { reason: verdict.reason }),
    ...(verdict.message === undefined ? {} : { message: verdict.message }),
  }
}

function initializedOf({ pod, phase, init, app }: ConditionFacts): Verdict {
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  )
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' }
  const incomplete = init.filter((status) => (sidecars.has(status.name) ? status.started !== true : !status.ready))
  // Once an app container has started, initialization was complete, whatever became of the sidecars since.
  const begun = app.some(({ state, lastState }) => state.running ?? state.terminated ?? lastState.terminated)
  if (incomplete.length === 0 || begun) return { status: 'True' }
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: ${names(incomplete)}`,
  }
}

function containersReadyOf({ pod, phase, init, app }: ConditionFacts): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  )
  const unready = [...init.filter(({ name }) => sidecars.has(name)), ...app].filter(({ ready }) => !ready)
  if (unready.length === 0) return { status: 'True' }
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: ${names(unready)}`,
  }
}

function readyOf({ pod }: ConditionFacts, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady
  const conditions = pod.status.conditions ?? []
  const missing = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = conditions.find(({ type }) => type === conditionType)
    if (found === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    if (found.status === 'True') return []
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`]
  })
  if (missing.length === 0) return { status: 'True' }
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: missing.join(', ') }
}

/** Go's `%s` of a string slice: `[a b]`. */
function names(statuses: readonly ContainerStatus[]): string {
  return `[${statuses.map(({ name }) => name).join(' ')}]`
}
