/** What `kubectl get pods` shows. Source: `printPod` of pkg/printers/internalversion. */
import { isConditionTrue } from '../../apimachinery/conditions.ts'
import { parseTime } from '../../apimachinery/time.ts'
import { ageColumn, ago, nameColumn, orNone, text } from '../meta/columns.ts'
import type { Column } from '../resource.ts'
import { isSidecar } from './pod-resources.ts'
import type { ContainerState, ContainerStatus, Pod } from './v1.ts'

type Restarts = { readonly count: number; readonly last: string | undefined }
type Summary = { readonly ready: number; readonly total: number; readonly reason: string; readonly restarts: Restarts }

/** The columns of a pod; the last four only in wide output. */
export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  text('Ready', (pod) => {
    const { ready, total } = summarize(pod)
    return `${ready}/${total}`
  }),
  text('Status', (pod) => summarize(pod).reason),
  text('Restarts', (pod, nowMs) => {
    const { count, last } = summarize(pod).restarts
    return count !== 0 && last !== undefined ? `${count} (${ago(last, nowMs)} ago)` : String(count)
  }),
  ageColumn,
  text('IP', (pod) => orNone(pod.status.podIPs?.[0]?.ip ?? pod.status.podIP), true),
  text('Node', (pod) => orNone(pod.spec.nodeName), true),
  text('Nominated Node', (pod) => orNone(pod.status.nominatedNodeName), true),
  text('Readiness Gates', readinessGates, true),
]

function readinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? []
  const open = gates.filter((gate) => isConditionTrue(status.conditions, gate.conditionType))
  return gates.length === 0 ? '<none>' : `${open.length}/${gates.length}`
}

/** Counts containers and finds the one word that says how the pod is. */
export function summarize(pod: Pod): Summary {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map((container) => container.name))
  const total = (pod.spec.containers ?? []).length + sidecars.size
  const init = summarizeInit(pod, sidecars)
  if (init.reason !== undefined && !isConditionTrue(pod.status.conditions, 'Initialized')) {
    return { total, ready: init.ready, reason: whenDeleted(pod, init.reason), restarts: init.restarts }
  }
  const main = summarizeContainers(pod, init.reason ?? phaseReason(pod))
  return {
    total,
    ready: init.ready + main.ready,
    reason: whenDeleted(pod, main.reason),
    restarts: restartsOf([
      ...(pod.status.initContainerStatuses ?? []).slice(0, init.seen).filter((status) => sidecars.has(status.name)),
      ...(pod.status.containerStatuses ?? []),
    ]),
  }
}

function phaseReason({ status }: Pod): string {
  const gated = status.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated')
  return gated === true ? 'SchedulingGated' : status.reason || status.phase || ''
}

/** `reason` is set when an init container is still to finish; `seen` counts the statuses looked at. */
function summarizeInit(
  pod: Pod,
  sidecars: ReadonlySet<string>,
): { ready: number; reason: string | undefined; restarts: Restarts; seen: number } {
  const statuses = pod.status.initContainerStatuses ?? []
  const isPast = (status: ContainerStatus) =>
    status.state?.terminated?.exitCode === 0 || (sidecars.has(status.name) && status.started === true)
  const current = statuses.findIndex((status) => !isPast(status))
  const seen = current === -1 ? statuses.length : current + 1
  const past = statuses.slice(0, current === -1 ? statuses.length : current)
  const ready = past.filter((status) => status.state?.terminated?.exitCode !== 0 && status.ready).length
  const status = statuses[current]
  const total = (pod.spec.initContainers ?? []).length
  const reason = status === undefined ? undefined : `Init:${initReason(status.state) ?? `${current}/${total}`}`
  return { ready, reason, restarts: restartsOf(statuses.slice(0, seen)), seen }
}

function initReason(state: ContainerState = {}): string | undefined {
  if (state.terminated !== undefined) return terminatedReason(state.terminated)
  const waiting = state.waiting?.reason ?? ''
  return waiting !== '' && waiting !== 'PodInitializing' ? waiting : undefined
}

function terminatedReason({ reason, signal, exitCode }: NonNullable<ContainerState['terminated']>): string {
  if (reason !== undefined && reason !== '') return reason
  return signal !== undefined && signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

function summarizeContainers(pod: Pod, phase: string): { ready: number; reason: string } {
  const statuses = pod.status.containerStatuses ?? []
  const reasons = statuses.map(
    ({ state }) => state?.waiting?.reason || (state?.terminated && terminatedReason(state.terminated)),
  )
  const ready = statuses.filter(
    (status, index) => status.ready && status.state?.running !== undefined && !reasons[index],
  ).length
  const reason = reasons.find((one) => one !== undefined && one !== '') ?? phase
  if (reason !== 'Completed' || ready === 0) return { ready, reason }
  return { ready, reason: isConditionTrue(pod.status.conditions, 'Ready') ? 'Running' : 'NotReady' }
}

function whenDeleted({ metadata, status }: Pod, reason: string): string {
  if (metadata.deletionTimestamp === undefined) return reason
  if (status.reason === 'NodeLost') return 'Unknown'
  return status.phase === 'Succeeded' || status.phase === 'Failed' ? reason : 'Terminating'
}

function restartsOf(statuses: readonly ContainerStatus[]): Restarts {
  const ends = statuses.flatMap(({ lastState }) => lastState?.terminated?.finishedAt ?? [])
  const last = ends.reduce<string | undefined>(
    (latest, end) => (latest === undefined || parseTime(end) > parseTime(latest) ? end : latest),
    undefined,
  )
  return { count: statuses.reduce((sum, status) => sum + (status.restartCount ?? 0), 0), last }
}
