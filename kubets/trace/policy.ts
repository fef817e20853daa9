/** Which NetworkPolicies judge a packet on a node, and what they say: read from kube-proxy's plan, not from its rules. Pure. */
import { compilePolicy, type Direction } from '../../kube-proxy/policy/compile.ts'
import type { PlannedTerm, PolicyPlan } from '../../kube-proxy/policy/plan.ts'
import { familyOf, policyPodOf } from '../../kube-proxy/policy/pod.ts'
import { PolicyState } from '../../kube-proxy/policy/state.ts'
import { isInside, type Packet } from '../../netfilter/trace.ts'
import { type ClusterObjects, keyOf } from './cluster.ts'

export type PolicyVerdict =
  | { readonly direction: Direction; readonly result: 'not selected' }
  | { readonly direction: Direction; readonly result: 'allowed' | 'denied'; readonly policies: readonly string[] }

/** What policies ask of a node. */
export function policyPlanOf({ namespaces, pods, policies }: ClusterObjects, nodeName: string): PolicyPlan {
  const state = new PolicyState()
  for (const { metadata } of namespaces) state.setNamespace(metadata.name, metadata.labels ?? {})
  for (const pod of pods) state.setPod(keyOf(pod), policyPodOf(pod, nodeName))
  for (const policy of policies) {
    const compiled = compilePolicy(policy)
    state.setPolicy(compiled.key, compiled)
  }
  return state.plan()
}

/** What the policies say about one end of a packet, by its address after translation. */
export function judgePolicies(plan: PolicyPlan, direction: Direction, packet: Packet): PolicyVerdict {
  const [self, other] =
    direction === 'egress' ? [packet.sourceIp, packet.destinationIp] : [packet.destinationIp, packet.sourceIp]
  const family = familyOf(self)
  const profile = [...plan.profiles.values()].find(
    (each) => each.direction === direction && plan.members.get(each.name)?.[family].has(self) === true,
  )
  if (profile === undefined) return { direction, result: 'not selected' }
  if (self === other) return { direction, result: 'allowed', policies: [] }
  const allowing = profile.terms.filter((term) => holds(term, plan, other, packet))
  if (allowing.length === 0) return { direction, result: 'denied', policies: profile.policies }
  return { direction, result: 'allowed', policies: [...new Set(allowing.flatMap(({ policies }) => policies))] }
}

function holds({ peers, ports }: PlannedTerm, plan: PolicyPlan, other: string, packet: Packet): boolean {
  const { protocol, destinationIp, destinationPort } = packet
  const family = familyOf(other)
  const isIn = (name: string, entry: string): boolean => {
    const set = plan.sets.get(name)
    if (set?.type !== 'subnets') return set?.elements[family].has(entry) ?? false
    return [...set.elements[family]].some((subnet) => isInside(entry, subnet))
  }
  const subnet = peers?.type === 'subnet' ? peers.subnet[family] : undefined
  if (peers?.type === 'subnet' && (subnet === undefined || !isInside(other, subnet))) return false
  if (peers?.type === 'set' && !isIn(peers.name, other)) return false
  if (ports.type === 'any') return true
  if (ports.type === 'set') return isIn(ports.name, `${destinationIp},${protocol}:${destinationPort}`)
  if (ports.protocol.toLowerCase() !== protocol) return false
  return (
    ports.type === 'protocol' ||
    ports.ranges.some(([first, last]) => destinationPort >= first && destinationPort <= last)
  )
}
