/**
 * Pods near to, or away from, other pods. All counting is by pod group and domain (`topologyKey=value`), so its cost grows
 * with the number of distinct pod templates and not with the number of pods.
 */
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodGroup } from '../cache/pod-groups.ts'
import { type AffinityTerm, type PodInfo, termMatches, type WeightedTerm } from '../cache/pod-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import {
  maxNodeScore,
  type Plugin,
  type PreparedFilter,
  type PreparedScore,
  type Rejection,
} from '../framework/plugin.ts'

const farFromWanted: Rejection = { reasons: ["node(s) didn't match pod affinity rules"], isUnresolvable: true }
const nearUnwanted: Rejection = { reasons: ["node(s) didn't match pod anti-affinity rules"] }
const unwantedByOthers: Rejection = { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"] }

/** The score that a required affinity term of a pod already placed lends to pods it selects. */
const hardPodAffinityWeight = 1

/** Counts of one or more groups by domain, each with what a pod of it is worth. */
type Source = { readonly counts: ReadonlyMap<string, number>; readonly worth: number }
/** How much each domain counts, by topology key. */
type Domains = Map<string, Source[]>

/** More sources than this are added up, so that the cost for a node does not grow with the number of pod templates. */
const maxSources = 4

/** Required (anti-)affinity as filters, both ways; preferred (anti-)affinity as a score, both ways. */
export const interPodAffinity: Plugin = {
  name: 'InterPodAffinity',
  filter: prepareFilter,
  score: prepareScore,
  mayHelp: (pod, event) => {
    switch (event.type) {
      case 'podUpdated':
      case 'nodeAdded':
      case 'namespaceChanged':
        return true
      case 'nodeUpdated':
        return event.changes.has('labels')
      case 'podAssigned':
        return pod.requiredAffinity.some((term) => termMatches(term, event.pod, noNamespaceLabels))
      case 'assignedPodUpdated':
        return event.changes.has('labels')
      case 'assignedPodDeleted':
        return (
          pod.requiredAntiAffinity.length > 0 ||
          pod.requiredAffinity.length > 0 ||
          event.pod.requiredAntiAffinity.length > 0
        )
      default:
        return false
    }
  },
}

/** A requeue on a pod in another namespace that is selected by namespace labels waits for the five-minute flush. */
function noNamespaceLabels(): Readonly<Record<string, string>> {
  return {}
}

function prepareFilter(pod: PodInfo, snapshot: Snapshot): PreparedFilter | undefined {
  const unwanted = domainsUnwantingPod(pod, snapshot)
  const { requiredAffinity, requiredAntiAffinity } = pod
  if (requiredAffinity.length === 0 && requiredAntiAffinity.length === 0 && unwanted.size === 0) return undefined
  const wanted = affinityCounts(pod, snapshot)
  const avoided = antiAffinityCounts(pod, snapshot)
  const isFirstOfItsKind = requiredAffinity.length > 0 && wanted.size === 0 && selectsItself(pod, snapshot)
  return {
    type: 'check',
    check: (node) => {
      if (!meetsAffinity(node, requiredAffinity, wanted, isFirstOfItsKind)) return farFromWanted
      if (requiredAntiAffinity.some(({ topologyKey }) => countAt(avoided, topologyKey, node) > 0)) return nearUnwanted
      for (const topologyKey of unwanted.keys()) {
        if (countAt(unwanted, topologyKey, node) > 0) return unwantedByOthers
      }
      return undefined
    },
  }
}

/** The first pod of a set that wants to be together may go anywhere that has the topology. */
function meetsAffinity(
  node: NodeInfo,
  terms: readonly AffinityTerm[],
  wanted: Domains,
  isFirstOfItsKind: boolean,
): boolean {
  return terms.every(
    ({ topologyKey }) =>
      node.labels[topologyKey] !== undefined && (isFirstOfItsKind || countAt(wanted, topologyKey, node) > 0),
  )
}

function selectsItself(pod: PodInfo, snapshot: Snapshot): boolean {
  return pod.requiredAffinity.every((term) => termMatches(term, pod, snapshot.listers.namespaceLabels))
}

/** Where pods are that match all affinity terms. */
function affinityCounts(pod: PodInfo, snapshot: Snapshot): Domains {
  const domains: Domains = new Map()
  if (pod.requiredAffinity.length === 0) return domains
  for (const group of snapshot.groups.all()) {
    const isMatch = pod.requiredAffinity.every((term) =>
      termMatches(term, group.sample, snapshot.listers.namespaceLabels),
    )
    if (!isMatch) continue
    for (const { topologyKey } of pod.requiredAffinity) addGroup(domains, topologyKey, group, 1)
  }
  return domains
}

/** Where pods are that match any anti-affinity term. */
function antiAffinityCounts(pod: PodInfo, snapshot: Snapshot): Domains {
  const domains: Domains = new Map()
  if (pod.requiredAntiAffinity.length === 0) return domains
  for (const group of snapshot.groups.all()) {
    for (const term of pod.requiredAntiAffinity) {
      if (termMatches(term, group.sample, snapshot.listers.namespaceLabels)) {
        addGroup(domains, term.topologyKey, group, 1)
      }
    }
  }
  return domains
}

/** Where pods are that do not want this pod near. */
function domainsUnwantingPod(pod: PodInfo, snapshot: Snapshot): Domains {
  const domains: Domains = new Map()
  for (const group of snapshot.groups.withAffinity()) {
    for (const term of group.sample.requiredAntiAffinity) {
      if (termMatches(term, pod, snapshot.listers.namespaceLabels)) {
        addGroup(domains, term.topologyKey, group, 1)
      }
    }
  }
  return domains
}

function prepareScore(pod: PodInfo, snapshot: Snapshot): PreparedScore | undefined {
  const domains: Domains = new Map()
  addOwnPreferences(domains, pod, snapshot)
  addPreferencesOfOthers(domains, pod, snapshot)
  if (domains.size === 0) return undefined
  const keys = [...domains.keys()]
  return {
    score: (node) => keys.reduce((sum, topologyKey) => sum + countAt(domains, topologyKey, node), 0),
    normalize: spreadToRange,
  }
}

function addOwnPreferences(domains: Domains, pod: PodInfo, snapshot: Snapshot): void {
  if (pod.preferredAffinity.length === 0 && pod.preferredAntiAffinity.length === 0) return
  const { namespaceLabels } = snapshot.listers
  const add = (group: PodGroup, { weight, term }: WeightedTerm, sign: 1 | -1) => {
    if (termMatches(term, group.sample, namespaceLabels)) {
      addGroup(domains, term.topologyKey, group, sign * weight)
    }
  }
  for (const group of snapshot.groups.all()) {
    for (const weighted of pod.preferredAffinity) add(group, weighted, 1)
    for (const weighted of pod.preferredAntiAffinity) add(group, weighted, -1)
  }
}

function addPreferencesOfOthers(domains: Domains, pod: PodInfo, snapshot: Snapshot): void {
  const { namespaceLabels } = snapshot.listers
  for (const group of snapshot.groups.withAffinity()) {
    const { requiredAffinity, preferredAffinity, preferredAntiAffinity } = group.sample
    const add = (term: AffinityTerm, weight: number) => {
      if (termMatches(term, pod, namespaceLabels)) addGroup(domains, term.topologyKey, group, weight)
    }
    for (const term of requiredAffinity) add(term, hardPodAffinityWeight)
    for (const { term, weight } of preferredAffinity) add(term, weight)
    for (const { term, weight } of preferredAntiAffinity) add(term, -weight)
  }
}

function addGroup(domains: Domains, topologyKey: string, group: PodGroup, worth: number): void {
  const counts = group.domains(topologyKey)
  if (counts.size === 0) return
  const sources = domains.get(topologyKey) ?? []
  sources.push({ counts, worth })
  domains.set(topologyKey, sources.length > maxSources ? [sumOf(sources)] : sources)
}

function sumOf(sources: readonly Source[]): Source {
  const counts = new Map<string, number>()
  for (const { counts: others, worth } of sources) {
    for (const [value, pods] of others) counts.set(value, (counts.get(value) ?? 0) + pods * worth)
  }
  return { counts, worth: 1 }
}

function countAt(domains: Domains, topologyKey: string, { labels }: NodeInfo): number {
  const value = labels[topologyKey]
  const sources = value === undefined ? undefined : domains.get(topologyKey)
  if (value === undefined || sources === undefined) return 0
  let total = 0
  for (const { counts, worth } of sources) total += (counts.get(value) ?? 0) * worth
  return total
}

function spreadToRange(scores: number[]): void {
  const least = Math.min(...scores)
  const range = Math.max(...scores) - least
  for (const [index, score] of scores.entries()) {
    scores[index] = range === 0 ? 0 : Math.floor((maxNodeScore * (score - least)) / range)
  }
}
