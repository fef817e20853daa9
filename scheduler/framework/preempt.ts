/**
 * Which pods of lower priority would have to go so that a pod fits. Pure: it works on the snapshot by pretending.
 * Source: KEP-564; PodDisruptionBudgets are honoured as far as possible, not absolutely.
 */
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import { checkNode, type DecideInput, prepareFilters } from './decide.ts'
import { type Diagnosis, formatFitError } from './fit-error.ts'
import type { Rejection } from './plugin.ts'

export type Preemption =
  | { readonly type: 'evict'; readonly nodeName: string; readonly victims: readonly PodInfo[] }
  /** `clearsNomination`: a promise made before is void. */
  | { readonly type: 'none'; readonly message: string; readonly clearsNomination: boolean }

type Candidate = {
  readonly nodeName: string
  /** Most important first. */
  readonly victims: readonly PodInfo[]
  readonly budgetViolations: number
}

/** At least this many candidate nodes, or a tenth of all, are tried. */
const minCandidates = 100
const candidatePercentage = 10
/** Makes sums of negative priorities comparable: every victim counts. */
const priorityOffset = 2 ** 31

/** Finds the node where eviction does the least harm. */
export function planPreemption(input: DecideInput, diagnosis: Diagnosis): Preemption {
  const obstacle = whyNotEligible(input, diagnosis)
  if (obstacle !== undefined) return { type: 'none', message: obstacle, clearsNomination: false }
  const { candidates, rejections } = findCandidates(input, diagnosis)
  const best = selectCandidate(candidates)
  if (best !== undefined) return { type: 'evict', nodeName: best.nodeName, victims: best.victims }
  const message = formatFitError({
    nodeCount: diagnosis.nodeCount,
    rejections,
    absentReason: 'Preemption is not helpful for scheduling',
  })
  return { type: 'none', message, clearsNomination: true }
}

function whyNotEligible({ pod, snapshot }: DecideInput, { rejections }: Diagnosis): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.'
  const nominated = pod.pod.status?.nominatedNodeName
  const node = nominated === undefined ? undefined : snapshot.node(nominated)
  if (node === undefined || rejections.get(node.name)?.isUnresolvable === true) return undefined
  for (const other of node.pods.values()) {
    if (other.priority < pod.priority && other.isTerminating && isPreempted(other)) {
      return 'not eligible due to a terminating pod on the nominated node.'
    }
  }
  return undefined
}

function isPreempted({ pod }: PodInfo): boolean {
  return (pod.status?.conditions ?? []).some(
    ({ type, status, reason }) =>
      type === 'DisruptionTarget' && status === 'True' && reason === 'PreemptionByScheduler',
  )
}

function findCandidates(input: DecideInput, { rejections }: Diagnosis) {
  const candidates: Candidate[] = []
  const failures = new Map<string, Rejection>()
  const nodes = input.snapshot.nodes.filter(({ name }) => {
    const rejection = rejections.get(name)
    return rejection !== undefined && rejection.isUnresolvable !== true
  })
  const wanted = Math.max(Math.floor((nodes.length * candidatePercentage) / 100), minCandidates)
  const offset = Math.floor(input.random() * nodes.length)
  for (let step = 0; step < nodes.length; step += 1) {
    const node = nodes[(offset + step) % nodes.length]
    if (node === undefined) continue
    const found = selectVictims(node, input)
    if ('reasons' in found) failures.set(node.name, found)
    else candidates.push(found)
    if (candidates.length >= wanted && candidates.some(({ budgetViolations }) => budgetViolations === 0)) break
  }
  return { candidates, rejections: failures }
}

/** Takes all lesser pods away, then gives back as many as fit, the most important and the protected ones first. */
function selectVictims(node: NodeInfo, input: DecideInput): Candidate | Rejection {
  const { pod } = input
  const lesser = [...node.pods.values()].filter(({ priority }) => priority < pod.priority).toSorted(byImportance)
  if (lesser.length === 0) return { reasons: ['No preemption victims found for incoming pod'] }
  const objection = objectionWithout(lesser, node, input)
  if (objection !== undefined) return objection
  const violating = budgetViolators(lesser, input)
  const order = [...lesser.filter((each) => violating.has(each)), ...lesser.filter((each) => !violating.has(each))]
  const victims = new Set(lesser)
  for (const candidate of order) {
    victims.delete(candidate)
    if (objectionWithout([...victims], node, input) !== undefined) victims.add(candidate)
  }
  if (victims.size === 0) return { reasons: [`expected at least one victim pod on node "${node.name}"`] }
  return {
    nodeName: node.name,
    victims: [...victims].toSorted(byImportance),
    budgetViolations: [...victims].filter((each) => violating.has(each)).length,
  }
}

function objectionWithout(removed: readonly PodInfo[], node: NodeInfo, input: DecideInput): Rejection | undefined {
  const { pod, snapshot } = input
  const add = input.nominatedPods(node.name).filter(({ uid, priority }) => uid !== pod.uid && priority >= pod.priority)
  return snapshot.pretend(node.name, { remove: removed, add }, () => {
    const filters = prepareFilters(input)
    if (filters.type === 'reject') return { reasons: [filters.reason] }
    return checkNode(node, filters)?.rejection
  })
}

/** Pods whose eviction, one after the other, would break a budget. */
function budgetViolators(pods: readonly PodInfo[], { snapshot }: DecideInput): ReadonlySet<PodInfo> {
  const left = new Map<PodDisruptionBudget, number>()
  const violators = new Set<PodInfo>()
  for (const pod of pods) {
    for (const budget of budgetsOf(pod, snapshot.listers.disruptionBudgets(pod.namespace))) {
      const allowed = (left.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1
      left.set(budget, allowed)
      if (allowed < 0) violators.add(pod)
    }
  }
  return violators
}

function budgetsOf({ pod, labels }: PodInfo, budgets: readonly PodDisruptionBudget[]): readonly PodDisruptionBudget[] {
  if (Object.keys(labels).length === 0) return []
  return budgets.filter(
    ({ spec, status }) =>
      matches(selectorFromLabelSelector(spec?.selector), labels) &&
      status?.disruptedPods?.[pod.metadata.name] === undefined,
  )
}

/** Ordered by: fewest broken budgets, least important worst victim, smallest sum of priorities, fewest victims, youngest. */
function selectCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  return candidates.toSorted(
    (left, right) =>
      left.budgetViolations - right.budgetViolations ||
      topPriority(left) - topPriority(right) ||
      prioritySum(left) - prioritySum(right) ||
      left.victims.length - right.victims.length ||
      earliestStart(right) - earliestStart(left),
  )[0]
}

function topPriority({ victims }: Candidate): number {
  return victims[0]?.priority ?? 0
}

function prioritySum({ victims }: Candidate): number {
  return victims.reduce((sum, { priority }) => sum + priority + priorityOffset, 0)
}

function earliestStart(candidate: Candidate): number {
  const top = topPriority(candidate)
  return Math.min(...candidate.victims.filter(({ priority }) => priority === top).map(startMs))
}

/** A pod that has not started counts as started now, that is last. */
function startMs({ pod }: PodInfo): number {
  const start = pod.status?.startTime
  return start === undefined ? Number.MAX_SAFE_INTEGER : parseTime(start)
}

function byImportance(left: PodInfo, right: PodInfo): number {
  return right.priority - left.priority || startMs(left) - startMs(right)
}
