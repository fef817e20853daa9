/**
 * What policies ask of this node: pods that are judged alike form a profile, a list of terms that each refer to address
 * sets. Sets are shared by all terms that name the same peers. The same cluster gives the same plan, whatever happened
 * before; parts that did not change are the same objects as in the plan before.
 */
import { hashedChainName } from '../../netfilter/chain-name.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { Direction, PortRange, Ports } from './compile.ts'
import type { Protocol } from './pod.ts'

export type Elements = Readonly<Record<Family, ReadonlySet<string>>>

/** Elements are addresses, subnets, or `address,tcp:80`, as the type says. */
export type PlannedSet = {
  readonly type: 'addresses' | 'subnets' | 'ports'
  readonly name: string
  readonly elements: Elements
}

/** What one term asks of a packet besides its direction. */
export type PlannedTerm = {
  /** Sources (ingress) or destinations (egress); `undefined`: all. */
  readonly peers: PlannedPeers | undefined
  readonly ports: PlannedPorts
  /** The policies that have this term, for people who read the rules. */
  readonly policies: readonly string[]
}
export type PlannedPeers =
  | { readonly type: 'set'; readonly name: string }
  /** So few subnets that they stand in the rule; `[]` matches nothing in that family. */
  | { readonly type: 'subnet'; readonly subnet: Readonly<Record<Family, string | undefined>> }
export type PlannedPorts =
  | Exclude<Ports, { readonly type: 'named' }>
  /** A set of destination address, protocol and port. */
  | { readonly type: 'set'; readonly name: string; readonly protocol: Protocol }
export type { PortRange }

/** Pods of this node that the same policies select in one direction. */
export type Profile = {
  readonly direction: Direction
  readonly name: string
  /** `namespace/name` of the policies. */
  readonly policies: readonly string[]
  readonly terms: readonly PlannedTerm[]
}

export type PolicyPlan = {
  readonly sets: ReadonlyMap<string, PlannedSet>
  /** By name. */
  readonly profiles: ReadonlyMap<string, Profile>
  /** Addresses of this node's pods by the name of their profile. */
  readonly members: ReadonlyMap<string, Elements>
}

/** The plan without any policy. */
export const emptyPlan: PolicyPlan = { sets: new Map(), profiles: new Map(), members: new Map() }

/** The name of what `kind` and `key` identify: chain or set, as long as a chain's name may be. */
export function policyName(kind: string, key: string): string {
  return hashedChainName('KUBE-NWPLCY-', kind, ' ', key)
}
