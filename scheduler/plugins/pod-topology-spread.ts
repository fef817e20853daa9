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
import { constraintsOf, countDomains, defaultConstraints, type SpreadConstraint } from './spread-constraints.ts'

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
  const strict = onlyWithAllKeys(constraint, all, snapshot)
  const counts = countDomains(strict, pod.namespace, snapshot)
  const domains = eligibleDomains(strict, snapshot)
  let least = Number.POSITIVE_INFINITY
  for (const domain of domains.keys()) least = Math.min(least, counts.get(domain) ?? 0)
  if (domains.size < constraint.minDomains) least = 0
  return { counts, least, own: constraint.selectsPod(pod.labels) ? 1 : 0 }
}

/** Nodes that lack the label of another constraint do not count: the pod cannot go there. */
function onlyWithAllKeys(
  constraint: SpreadConstraint,
  all: readonly SpreadConstraint[],
  snapshot: Snapshot,
): SpreadConstraint {
  if (all.every(({ topologyKey }) => isEverywhere(topologyKey, snapshot))) return constraint
  const { includesNode } = constraint
  return {
    ...constraint,
    includesNode: (node) => hasAllKeys(node, all) && (includesNode === undefined || includesNode(node)),
  }
}

/** Domains that the pod could go to, with pods or without. */
function eligibleDomains(
  { topologyKey, includesNode }: SpreadConstraint,
  { nodes, domainValues }: Snapshot,
): ReadonlySet<string> | ReadonlyMap<string, number> {
  if (includesNode === undefined) return domainValues(topologyKey)
  return new Set(nodes.filter(includesNode).map(({ labels }) => labels[topologyKey] ?? ''))
}

function isEverywhere(topologyKey: string, snapshot: Snapshot): boolean {
  let nodes = 0
  for (const count of snapshot.domainValues(topologyKey).values()) nodes += count
  return nodes === snapshot.nodes.length
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
  const counts = countDomains(constraint, pod.namespace, snapshot)
  const { topologyKey } = constraint
  const countAt = ({ labels }: NodeInfo) => counts.get(labels[topologyKey] ?? '') ?? 0
  if (topologyKey === hostname) return { weight: Math.log(feasible.length - ignored.size + 2), countAt }
  const domains = new Set<string>()
  for (const node of feasible) {
    const domain = ignored.has(node) ? undefined : node.labels[topologyKey]
    if (domain !== undefined) domains.add(domain)
  }
  return { weight: Math.log(domains.size + 2), countAt }
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
