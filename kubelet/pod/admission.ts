/**
 * Whether this node may run a pod that was bound to it. Pure. The scheduler decides on what it knew; the node has the last
 * word. Source: upstream `pkg/kubelet/lifecycle/predicate.go`, whose reasons and messages these are.
 */
import type { Node, NodeSelectorTerm, Pod } from '../../api/core/v1.ts'
import { milliValue, wholeValue } from '../../apimachinery/quantity.ts'

export type AdmissionFacts = {
  readonly node: Pick<Node, 'metadata' | 'spec'>
  readonly allocatable: Readonly<Record<string, string>>
  /** Pods that use this node already, without the new one. */
  readonly others: readonly Pod[]
}
export type Rejection = { readonly reason: string; readonly message: string }

/** Why the pod is refused; undefined: it is welcome. */
export function admitPod(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  return outOfResources(pod, facts) ?? outOfPods(facts) ?? wrongNode(pod, facts)
}

function outOfResources(pod: Pod, { allocatable, others }: AdmissionFacts): Rejection | undefined {
  const wanted = podRequests(pod)
  for (const [name, requested] of wanted) {
    if (requested === 0) continue
    const capacity = amountOf(name, allocatable[name] ?? '0')
    const used = others.reduce((sum, other) => sum + (podRequests(other).get(name) ?? 0), 0)
    if (used + requested <= capacity) continue
    return {
      reason: `OutOf${name}`,
      message: `Pod was rejected: Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
    }
  }
  return undefined
}

function outOfPods({ allocatable, others }: AdmissionFacts): Rejection | undefined {
  const capacity = wholeValue(allocatable['pods'] ?? '110')
  if (others.length < capacity) return undefined
  return {
    reason: 'OutOfpods',
    message: `Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: ${others.length}, capacity: ${capacity}`,
  }
}

function wrongNode(pod: Pod, { node }: AdmissionFacts): Rejection | undefined {
  const labels = node.metadata.labels ?? {}
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  const close = terms === undefined || terms.some((term) => matchesTerm(term, labels, node.metadata.name))
  if (selected && close) return undefined
  return {
    reason: 'NodeAffinity',
    message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  }
}

function matchesTerm(term: NodeSelectorTerm, labels: Readonly<Record<string, string>>, name: string): boolean {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length === 0 && fields.length === 0) return false
  const matches = (value: string | undefined, operator: string, values: readonly string[] = []) => {
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value)
      case 'NotIn':
        return value === undefined || !values.includes(value)
      case 'Exists':
        return value !== undefined
      case 'DoesNotExist':
        return value === undefined
      case 'Gt':
        return value !== undefined && Number(value) > Number(values[0])
      case 'Lt':
        return value !== undefined && Number(value) < Number(values[0])
      default:
        return false
    }
  }
  return (
    expressions.every(({ key, operator, values }) => matches(labels[key], operator, values)) &&
    fields.every(({ key, operator, values }) => key === 'metadata.name' && matches(name, operator, values))
  )
}

/** Requests of a pod: cpu in thousandths, everything else in whole units. */
export function podRequests({ spec }: Pod): ReadonlyMap<string, number> {
  const sum = new Map<string, number>()
  const add = (into: Map<string, number>, requests: Readonly<Record<string, string>> | undefined) => {
    for (const [name, text] of Object.entries(requests ?? {})) {
      into.set(name, (into.get(name) ?? 0) + amountOf(name, text))
    }
  }
  for (const { resources } of spec.containers) add(sum, resources.requests)
  const sidecars = new Map<string, number>()
  const peaks = new Map<string, number>()
  for (const { resources, restartPolicy } of spec.initContainers ?? []) {
    if (restartPolicy === 'Always') {
      add(sidecars, resources.requests)
      add(sum, resources.requests)
      continue
    }
    for (const [name, text] of Object.entries(resources.requests ?? {})) {
      const peak = amountOf(name, text) + (sidecars.get(name) ?? 0)
      peaks.set(name, Math.max(peaks.get(name) ?? 0, peak))
    }
  }
  for (const [name, peak] of peaks) sum.set(name, Math.max(sum.get(name) ?? 0, peak))
  add(sum, spec.overhead)
  return sum
}

function amountOf(name: string, text: string): number {
  return name === 'cpu' ? milliValue(text) : wholeValue(text)
}
