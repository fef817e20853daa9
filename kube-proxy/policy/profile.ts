/** The rules for pods that the same policies select: terms, and what the sets that they name are made of. Pure. */
import type { CompiledPolicy, Direction, Peers, Selection, Term } from './compile.ts'
import { type PlannedPeers, type PlannedPorts, type PlannedTerm, type Profile, policyName } from './plan.ts'
import type { Protocol } from './pod.ts'
import type { Ranges } from './ranges.ts'

/** Where the elements of a set come from. */
export type SetSource =
  | { readonly type: 'pods'; readonly name: string; readonly selection: Selection }
  | { readonly type: 'ranges'; readonly name: string; readonly ranges: Ranges }
  | NamedPortSource
export type NamedPortSource = {
  readonly type: 'ports'
  readonly name: string
  readonly protocol: Protocol
  readonly port: string
  /** Whose port it is: this node's pods of a namespace (the targets of ingress rules), or the peers of egress rules. */
  readonly of: { readonly type: 'targets'; readonly namespace: string } | Peers
}
export type BuiltProfile = { readonly profile: Profile; readonly sources: readonly SetSource[] }

/** Builds the profile of pods that exactly these policies select; all of them are of one namespace. */
export function buildProfile(direction: Direction, policies: readonly CompiledPolicy[]): BuiltProfile {
  const sources = new Map<string, SetSource>()
  const terms = new Map<string, { readonly term: Omit<PlannedTerm, 'policies'>; readonly policies: string[] }>()
  for (const policy of policies) {
    for (const term of policy[direction] ?? []) {
      const planned = planTerm(term, direction, policy.namespace, (source) => sources.set(source.name, source))
      const key = JSON.stringify(planned)
      const known = terms.get(key)
      if (known === undefined) terms.set(key, { term: planned, policies: [policy.key] })
      else if (!known.policies.includes(policy.key)) known.policies.push(policy.key)
    }
  }
  const keys = policies.map(({ key }) => key)
  const profile: Profile = {
    direction,
    name: profileName(direction, keys),
    policies: keys,
    terms: [...terms.values()].map(({ term, policies: names }) => ({ ...term, policies: names })),
  }
  return { profile, sources: [...sources.values()] }
}

/** The name of the profile's chain and set of members; it stays when a policy is edited. */
export function profileName(direction: Direction, policies: readonly string[]): string {
  return policyName(direction, policies.join(' '))
}

function planTerm(
  { peers, ports }: Term,
  direction: Direction,
  namespace: string,
  use: (source: SetSource) => void,
): Omit<PlannedTerm, 'policies'> {
  if (ports.type !== 'named') return { peers: planPeers(peers, use), ports }
  const { protocol, name: port } = ports
  const of = direction === 'ingress' ? ({ type: 'targets', namespace } as const) : peers
  const name = policyName('ports', `${ownerKey(of)} ${protocol} ${port}`)
  use({ type: 'ports', name, protocol, port, of })
  const planned: PlannedPorts = { type: 'set', name, protocol }
  // The set for egress holds addresses of peers only, so it says both.
  return { peers: direction === 'ingress' ? planPeers(peers, use) : undefined, ports: planned }
}

function ownerKey(of: NamedPortSource['of']): string {
  switch (of.type) {
    case 'targets':
      return `targets ${of.namespace}`
    case 'any':
      return 'any'
    case 'pods':
      return `pods ${of.selection.key}`
    case 'ranges':
      return `ranges ${of.key}`
  }
}

function planPeers(peers: Peers, use: (source: SetSource) => void): PlannedPeers | undefined {
  if (peers.type === 'any') return undefined
  if (peers.type === 'pods') {
    const name = policyName('pods', peers.selection.key)
    use({ type: 'pods', name, selection: peers.selection })
    return { type: 'set', name }
  }
  const { ip, ip6 } = peers.ranges
  if (ip.length <= 1 && ip6.length <= 1) return { type: 'subnet', subnet: { ip: ip[0], ip6: ip6[0] } }
  const name = policyName('ranges', peers.key)
  use({ type: 'ranges', name, ranges: peers.ranges })
  return { type: 'set', name }
}
