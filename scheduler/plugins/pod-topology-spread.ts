import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import {
  maxNodeScore,
  type Plugin,
  type PreparedFilter,
  type PreparedScore,
  type Rejection,
} from '../framework/plugin.ts'
import { constraintsOf, countMatching, defaultConstraints, type SpreadConstraint } from './spread-constraints.ts'

const uneven: Rejection = { reasons: ["node(s) didn't match pod topology spread constraints"] }
const unlabelled: Rejection = {
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  isUnresolvable: true,
}
const hostname = 'kubernetes.io/hostname'

/** Spreads pods over zones, nodes and other domains: hard constraints filter, soft ones score. */
export const podTopologySpread: Plugin = {
  name: 'PodTopologySpread',
  filter: prepareFilter,
  score: prepareScore,
  mayHelp: (pod, event) => {
    switch (event.type) {
      case 'nodeAdded':
      case 'podUpdated':
        return true
      case 'nodeUpdated':
        return event.changes.has('labels') || event.changes.has('taints')
      case 'podAssigned':
      case 'assignedPodDeleted':
      case 'assignedPodUpdated':
        return (
          event.pod.namespace === pod.namespace &&
          constraintsOf(pod, 'DoNotSchedule').some(({ selectsPod }) => selectsPod(event.pod.labels))
        )
      default:
        return false
    }
  },
}

type Domains = { readonly counts: ReadonlyMap<string, number>; readonly least: number; readonly own: 0 | 1 }

function prepareFilter(pod: PodInfo, snapshot: Snapshot): PreparedFilter | undefined {
  const constraints = constraintsOf(pod, 'DoNotSchedule')
  if (constraints.length === 0) return undefined
  const rules = constraints.map((constraint) => ({
    ...constraint,
    domains: domainsOf(constraint, constraints, pod, snapshot),
  }))
  return {
    type: 'check',
    check: (node) => {
      for (const { topologyKey, maxSkew, domains } of rules) {
        const domain = node.labels[topologyKey]
        if (domain === undefined) return unlabelled
        if ((domains.counts.get(domain) ?? 0) + domains.own - domains.least > maxSkew) return uneven
      }
      return undefined
    },
  }
}

function domainsOf(
  constraint: SpreadConstraint,
  all: readonly SpreadConstraint[],
  pod: PodInfo,
  snapshot: Snapshot,
): Domains {
  const matching = countMatching(constraint, pod.namespace, snapshot)
  const counts = new Map<string, number>()
  for (const node of snapshot.nodes) {
    if (!hasAllKeys(node, all) || !constraint.includesNode(node)) continue
    const domain = node.labels[constraint.topologyKey] ?? ''
    counts.set(domain, (counts.get(domain) ?? 0) + (matching.get(node.name) ?? 0))
  }
  let least = Number.POSITIVE_INFINITY
  for (const count of counts.values()) least = Math.min(least, count)
  if (counts.size < constraint.minDomains) least = 0
  return { counts, least, own: constraint.selectsPod(pod.labels) ? 1 : 0 }
}

function hasAllKeys({ labels }: NodeInfo, constraints: readonly SpreadConstraint[]): boolean {
  return constraints.every(({ topologyKey }) => labels[topologyKey] !== undefined)
}

function prepareScore(pod: PodInfo, snapshot: Snapshot, feasible: readonly NodeInfo[]): PreparedScore | undefined {
  const hasOwn = (pod.pod.spec?.topologySpreadConstraints ?? []).length > 0
  const constraints = hasOwn ? constraintsOf(pod, 'ScheduleAnyway') : defaultConstraints(pod, snapshot.listers)
  if (constraints.length === 0) return undefined
  // Default constraints must not put nodes without a zone label at a disadvantage.
  const ignored = new Set(hasOwn ? feasible.filter((node) => !hasAllKeys(node, constraints)) : [])
  const rules = constraints.map((constraint) => ({
    ...constraint,
    ...softDomains(constraint, pod, snapshot, feasible, ignored),
  }))
  return {
    score: (node) => {
      if (ignored.has(node)) return 0
      let score = 0
      for (const { topologyKey, maxSkew, weight, countAt } of rules) {
        if (node.labels[topologyKey] !== undefined) score += countAt(node) * weight + (maxSkew - 1)
      }
      return Math.round(score)
    },
    normalize: (scores, nodes) => fewerIsBetter(scores, nodes, ignored),
  }
}

type SoftDomains = { readonly weight: number; readonly countAt: (node: NodeInfo) => number }

/** The weight grows with the number of domains, so that a constraint over few zones does not drown one over many nodes. */
function softDomains(
  constraint: SpreadConstraint,
  pod: PodInfo,
  snapshot: Snapshot,
  feasible: readonly NodeInfo[],
  ignored: ReadonlySet<NodeInfo>,
): SoftDomains {
  const matching = countMatching(constraint, pod.namespace, snapshot)
  const { topologyKey } = constraint
  if (topologyKey === hostname) {
    const weight = Math.log(feasible.length - ignored.size + 2)
    return { weight, countAt: ({ name }) => matching.get(name) ?? 0 }
  }
  const counts = new Map<string, number>()
  for (const node of feasible) {
    const domain = ignored.has(node) ? undefined : node.labels[topologyKey]
    if (domain !== undefined) counts.set(domain, 0)
  }
  for (const [name, count] of matching) {
    const node = snapshot.node(name)
    const domain = node?.labels[topologyKey]
    if (node === undefined || domain === undefined || !constraint.includesNode(node)) continue
    const known = counts.get(domain)
    if (known !== undefined) counts.set(domain, known + count)
  }
  return {
    weight: Math.log(counts.size + 2),
    countAt: ({ labels }) => counts.get(labels[topologyKey] ?? '') ?? 0,
  }
}

function fewerIsBetter(scores: number[], nodes: readonly NodeInfo[], ignored: ReadonlySet<NodeInfo>): void {
  const counted = scores.filter((_, index) => !isIn(ignored, nodes[index]))
  const least = counted.reduce((min, score) => Math.min(min, score), Number.POSITIVE_INFINITY)
  const most = counted.reduce((max, score) => Math.max(max, score), 0)
  for (const [index, score] of scores.entries()) {
    if (isIn(ignored, nodes[index])) scores[index] = 0
    else if (most === 0) scores[index] = maxNodeScore
    else scores[index] = Math.floor((maxNodeScore * (most + least - score)) / most)
  }
}

function isIn(nodes: ReadonlySet<NodeInfo>, node: NodeInfo | undefined): boolean {
  return node !== undefined && nodes.has(node)
}
