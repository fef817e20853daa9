/**
 * The decision: which node a pod goes to. Pure but for `random`, which breaks ties. The search for feasible nodes goes on
 * where the last one stopped and ends when enough are found, so that its cost does not grow with the cluster.
 */
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import type { Diagnosis } from './fit-error.ts'
import type { NodeMemory, Remembered } from './node-memory.ts'
import type { NodeCheck, PreparedScore, Rejection } from './plugin.ts'
import type { Profile } from './profile.ts'

export type Decision =
  | {
      readonly type: 'scheduled'
      readonly node: NodeInfo
      readonly evaluatedNodes: number
      readonly feasibleNodes: number
    }
  | {
      readonly type: 'unschedulable'
      readonly diagnosis: Diagnosis
      /** Names of the plugins that objected: their events wake the pod. */
      readonly plugins: ReadonlySet<string>
    }

export type DecideInput = {
  readonly pod: PodInfo
  readonly profile: Profile
  readonly snapshot: Snapshot
  /** Where in `snapshot.nodes` to start looking. */
  readonly startIndex: number
  /** Pods of the same or higher priority that hold a claim on the node by preemption. */
  readonly nominatedPods: (nodeName: string) => readonly PodInfo[]
  readonly random: () => number
  /** Answers of earlier decisions that may still hold. */
  readonly memory: NodeMemory
}

/** Fewer nodes than this are all looked at. */
const minFeasibleNodes = 100
const minPercentage = 5

/** Decides where the pod goes. */
export function decide(input: DecideInput): Decision {
  const { snapshot } = input
  const filters = prepareFilters(input)
  if (filters.type === 'reject') {
    const { reason, plugin } = filters
    const diagnosis = { nodeCount: snapshot.nodes.length, reason, rejections: new Map() }
    return { type: 'unschedulable', diagnosis, plugins: new Set([plugin]) }
  }
  const nominated = nominatedFirst(input, filters)
  if (nominated !== undefined) return nominated
  const { feasible, rejections, plugins, evaluatedNodes } = findFeasible(input, filters)
  if (feasible.length === 0) {
    const absentReason = filters.only === undefined ? undefined : absentReasonOf(filters.onlyPlugin)
    const diagnosis: Diagnosis = {
      nodeCount: snapshot.nodes.length,
      rejections,
      ...(absentReason === undefined ? {} : { absentReason }),
    }
    if (filters.onlyPlugin !== undefined) plugins.add(filters.onlyPlugin)
    return { type: 'unschedulable', diagnosis, plugins }
  }
  const node = selectBest(feasible, totalScores(input, filters, feasible), input.random)
  return { type: 'scheduled', node, evaluatedNodes, feasibleNodes: feasible.length }
}

/** How many feasible nodes are enough. Source: KEP on `percentageOfNodesToScore`; 50 % less one for each 125 nodes. */
export function feasibleNodesWanted(nodeCount: number, configuredPercentage: number): number {
  if (nodeCount < minFeasibleNodes) return nodeCount
  const adaptive = Math.max(50 - Math.floor(nodeCount / 125), minPercentage)
  const percentage = configuredPercentage > 0 ? configuredPercentage : adaptive
  if (percentage >= 100) return nodeCount
  return Math.max(Math.floor((nodeCount * percentage) / 100), minFeasibleNodes)
}

type NamedCheck = { readonly name: string; readonly check: NodeCheck }
/** An objection to a node, with the plugin that has it. */
export type Objection = { readonly plugin: string; readonly rejection: Rejection }
export type PreparedFilters =
  | { readonly type: 'reject'; readonly reason: string; readonly plugin: string }
  | {
      readonly type: 'checks'
      /** Checks whose answer depends on the node alone come first: they are remembered. */
      readonly localChecks: readonly NamedCheck[]
      readonly checks: readonly NamedCheck[]
      readonly remembered: Remembered
      readonly only: ReadonlySet<string> | undefined
      readonly onlyPlugin: string | undefined
    }
type Checks = Extract<PreparedFilters, { readonly type: 'checks' }>

/** Asks every plugin what it wants to check for this pod. */
export function prepareFilters({
  pod,
  profile,
  snapshot,
  memory,
}: Pick<DecideInput, 'pod' | 'profile' | 'snapshot' | 'memory'>): PreparedFilters {
  const localChecks: NamedCheck[] = []
  const checks: NamedCheck[] = []
  let only: ReadonlySet<string> | undefined
  let onlyPlugin: string | undefined
  for (const plugin of profile.filters) {
    const prepared = plugin.filter?.(pod, snapshot)
    if (prepared === undefined) continue
    if (prepared.type === 'reject') return { type: 'reject', reason: prepared.reason, plugin: plugin.name }
    const list = plugin.isNodeLocal === true ? localChecks : checks
    list.push({ name: plugin.name, check: prepared.check })
    if (prepared.only === undefined) continue
    const narrower = prepared.only
    only = only === undefined ? narrower : new Set([...only].filter((name) => narrower.has(name)))
    onlyPlugin ??= plugin.name
  }
  const remembered = memory.of(`${profile.schedulerName} ${pod.nodeKey}`)
  return { type: 'checks', localChecks, checks, remembered, only, onlyPlugin }
}

/** The first objection to the node, if any. */
export function checkNode(node: NodeInfo, { localChecks, checks, remembered }: Checks): Objection | undefined {
  const entry = remembered.at(node)
  if (!entry.isChecked) {
    entry.objection = firstObjection(node, localChecks)
    entry.isChecked = true
  }
  return entry.objection ?? firstObjection(node, checks)
}

function firstObjection(node: NodeInfo, checks: readonly NamedCheck[]): Objection | undefined {
  for (const { name, check } of checks) {
    const rejection = check(node)
    if (rejection !== undefined) return { plugin: name, rejection }
  }
  return undefined
}

function absentReasonOf(plugin: string | undefined): string | undefined {
  if (plugin === undefined) return undefined
  return `node(s) didn't satisfy plugin(s) [${plugin}]`
}

/** A pod that was promised a node by preemption gets it if it fits by now. */
function nominatedFirst(input: DecideInput, filters: Checks): Decision | undefined {
  const name = input.pod.pod.status?.nominatedNodeName
  const node = name === undefined || name === '' ? undefined : input.snapshot.node(name)
  if (node === undefined || (filters.only !== undefined && !filters.only.has(node.name))) return undefined
  if (objectionTo(node, input, filters) !== undefined) return undefined
  return { type: 'scheduled', node, evaluatedNodes: 1, feasibleNodes: 1 }
}

function findFeasible(input: DecideInput, filters: Checks) {
  const nodes = candidates(input.snapshot, filters)
  const wanted = feasibleNodesWanted(nodes.length, input.profile.percentageOfNodesToScore)
  const feasible: NodeInfo[] = []
  const rejections = new Map<string, Rejection>()
  const plugins = new Set<string>()
  let evaluatedNodes = 0
  for (let step = 0; step < nodes.length && feasible.length < wanted; step += 1) {
    const node = nodes[(input.startIndex + step) % nodes.length]
    if (node === undefined) continue
    evaluatedNodes += 1
    const objection = objectionTo(node, input, filters)
    if (objection === undefined) feasible.push(node)
    else {
      rejections.set(node.name, objection.rejection)
      plugins.add(objection.plugin)
    }
  }
  return { feasible, rejections, plugins, evaluatedNodes }
}

function candidates(snapshot: Snapshot, { only }: Checks): readonly NodeInfo[] {
  if (only === undefined) return snapshot.nodes
  return [...only].flatMap((name) => snapshot.node(name) ?? [])
}

/** A node with nominated pods must fit with them (they may come) and without them (affinity to them must not count). */
function objectionTo(node: NodeInfo, input: DecideInput, filters: Checks): Objection | undefined {
  const { pod, snapshot } = input
  const claims = input.nominatedPods(node.name)
  if (claims.length === 0) return checkNode(node, filters)
  const nominated = claims.filter((other) => other.uid !== pod.uid && other.priority >= pod.priority)
  if (nominated.length === 0) return checkNode(node, filters)
  const withThem = snapshot.pretend(node.name, { add: nominated }, () => {
    const prepared = prepareFilters(input)
    return prepared.type === 'reject' ? undefined : checkNode(node, prepared)
  })
  return withThem ?? checkNode(node, filters)
}

function totalScores(
  { pod, profile, snapshot }: DecideInput,
  { remembered }: Checks,
  feasible: readonly NodeInfo[],
): readonly number[] {
  if (feasible.length === 1) return [0]
  const local: { readonly score: (node: NodeInfo) => number; readonly weight: number }[] = []
  const others: { readonly prepared: PreparedScore; readonly weight: number }[] = []
  for (const { plugin, weight } of profile.scores) {
    const prepared = plugin.score?.(pod, snapshot, feasible)
    if (prepared === undefined) continue
    if (plugin.isNodeLocal === true && prepared.normalize === undefined) local.push({ score: prepared.score, weight })
    else others.push({ prepared, weight })
  }
  const totals = feasible.map((node) => {
    const entry = remembered.at(node)
    entry.score ??= local.reduce((sum, { score, weight }) => sum + weight * score(node), 0)
    return entry.score
  })
  for (const { prepared, weight } of others) {
    const scores = feasible.map(prepared.score)
    prepared.normalize?.(scores, feasible)
    for (const [index, score] of scores.entries()) totals[index] = (totals[index] ?? 0) + score * weight
  }
  return totals
}

/** The best node; among equals each has the same chance. */
function selectBest(nodes: readonly NodeInfo[], scores: readonly number[], random: () => number): NodeInfo {
  let best = nodes[0]
  let bestScore = scores[0] ?? 0
  let equals = 1
  for (let index = 1; index < nodes.length; index += 1) {
    const score = scores[index] ?? 0
    if (score > bestScore) {
      best = nodes[index]
      bestScore = score
      equals = 1
    } else if (score === bestScore) {
      equals += 1
      if (random() * equals < 1) best = nodes[index]
    }
  }
  if (best === undefined) throw new TypeError('No feasible node to select from')
  return best
}
