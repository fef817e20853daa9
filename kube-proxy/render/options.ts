/** What rules depend on besides Services and endpoints: the node and the configuration. */
import type { Family } from '../../netfilter/iptables.ts'

/** How to tell traffic of this node's (or the cluster's) pods from other traffic, as iptables matches. */
export type LocalDetector = { readonly isLocal: string; readonly isNotLocal: string }

export type RenderOptions = {
  readonly family: Family
  readonly masqueradeAll: boolean
  /** The mark that asks for masquerading, such as `0x4000`. */
  readonly masqueradeMark: string
  readonly localDetector: LocalDetector | undefined
  /** The node's own addresses, as its Node object says. */
  readonly nodeIps: readonly string[]
  /** `all`: every address of the node; else exactly these. */
  readonly nodePortAddresses: 'all' | readonly string[]
  readonly hasLocalhostNodePorts: boolean
  /** `false` when the kernel lets packets pass that are out of the TCP window. */
  readonly dropsInvalid: boolean
  /** Pods on this node, when the kernel does not show bridged packets to iptables: their service traffic is masqueraded. */
  readonly bridgedSources: string | undefined
}
