/**
 * Whether this node may run a pod that was bound to it. Pure. The scheduler decides on what it knew; the node has the last
 * word. Source: upstream `pkg/kubelet/lifecycle/predicate.go`, whose reasons and messages these are.
 */
import { fitsNodeAffinity } from '../../api/core/node-selector.ts'
import { isSidecar } from '../../api/core/pod-resources.ts'
import { podAmounts } from '../../api/core/quota-usage.ts'
import { isExtendedResource } from '../../api/core/resource-requirements.ts'
import { untoleratedTaints } from '../../api/core/tolerations.ts'
import type { ContainerPort, Node, Pod } from '../../api/core/v1.ts'
import { formatQuantity, milliValue, wholeValue } from '../../apimachinery/quantity.ts'
import { isStaticPod } from './pods.ts'

const anyAddress = '0.0.0.0'

export type AdmissionFacts = {
  readonly node: Pick<Node, 'metadata' | 'spec'>
  readonly allocatable: Readonly<Record<string, string>>
  /** Pods that use this node already, without the new one. */
  readonly others: readonly Pod[]
}
export type Rejection = { readonly reason: string; readonly message: string }

/** Why the pod is refused; undefined: it is welcome. */
export function admitPod(pod: Pod, facts: AdmissionFacts): Rejection | undefined {
  return (
    outOfResources(pod, facts) ??
    outOfPods(facts) ??
    wrongNode(pod, facts) ??
    takenPort(pod, facts) ??
    taintedNode(pod, facts)
  )
}

function outOfResources(pod: Pod, { allocatable, others }: AdmissionFacts): Rejection | undefined {
  const wanted = podRequests(pod)
  for (const [name, requested] of wanted) {
    if (requested === 0) continue
    // Resources of the whole cluster: the scheduler counts them, no node has them.
    if (isExtendedResource(name) && allocatable[name] === undefined) continue
    const capacity = amountOf(name, allocatable[name] ?? '0')
    const used = others.reduce((sum, other) => sum + (podRequests(other).get(name) ?? 0), 0)
    if (used + requested <= capacity) continue
    return {
      reason: `OutOf${name}`,
      message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
    }
  }
  return undefined
}

function outOfPods({ allocatable, others }: AdmissionFacts): Rejection | undefined {
  const capacity = wholeValue(allocatable['pods'] ?? '110')
  if (others.length < capacity) return undefined
  return {
    reason: 'OutOfpods',
    message: `Node didn't have enough resource: pods, requested: 1, used: ${others.length}, capacity: ${capacity}`,
  }
}

function wrongNode({ spec }: Pod, { node }: AdmissionFacts): Rejection | undefined {
  if (fitsNodeAffinity(spec, node)) return undefined
  return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")
}

function takenPort(pod: Pod, { others }: AdmissionFacts): Rejection | undefined {
  const taken = others.flatMap(hostPortsOf)
  const isFree = hostPortsOf(pod).every((port) => taken.every((other) => !collide(port, other)))
  return isFree ? undefined : failed('NodePorts', "node(s) didn't have free ports for the requested pod ports")
}

/** Of the taints only `NoExecute` concerns the node itself, and it does not keep static pods away. */
function taintedNode(pod: Pod, { node }: AdmissionFacts): Rejection | undefined {
  if (isStaticPod(pod)) return undefined
  const taints = untoleratedTaints(node.spec.taints, pod.spec.tolerations, ['NoExecute'])
  return taints.length === 0 ? undefined : failed('TaintToleration', "node(s) had taints that the pod didn't tolerate")
}

function failed(predicate: string, message: string): Rejection {
  return { reason: predicate, message: `Predicate ${predicate} failed: ${message}` }
}

function hostPortsOf({ spec }: Pod): readonly ContainerPort[] {
  const sidecars = (spec.initContainers ?? []).filter(isSidecar)
  return [...spec.containers, ...sidecars].flatMap(({ ports = [] }) => ports.filter(({ hostPort = 0 }) => hostPort > 0))
}

/** Without an address a port is taken on all of them. */
function collide(a: ContainerPort, b: ContainerPort): boolean {
  const [left, right] = [a.hostIP || anyAddress, b.hostIP || anyAddress]
  if (a.hostPort !== b.hostPort || (a.protocol ?? 'TCP') !== (b.protocol ?? 'TCP')) return false
  return left === right || left === anyAddress || right === anyAddress
}

/** Requests of a pod: cpu in thousandths, everything else in whole units. */
function podRequests(pod: Pod): ReadonlyMap<string, number> {
  return new Map(
    [...podAmounts(pod, 'requests')].map(([name, amount]) => [name, amountOf(name, formatQuantity(amount))]),
  )
}

function amountOf(name: string, text: string): number {
  return name === 'cpu' ? milliValue(text) : wholeValue(text)
}
