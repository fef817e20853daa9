/** What rules depend on besides Services and endpoints: the node and the settings, in iptables' words. */
import type { Family } from '../../netfilter/iptables.ts'
import type { ModeSettings } from '../mode.ts'
import type { NodeState, PodTraffic } from '../plan/node.ts'

/** How to tell traffic of this node's (or the cluster's) pods from other traffic, as iptables matches. */
export type LocalDetector = { readonly isLocal: string; readonly isNotLocal: string }

export type RenderOptions = {
  readonly family: Family
  readonly masqueradeAll: boolean
  readonly masqueradeMark: string
  readonly localDetector: LocalDetector | undefined
  readonly nodeIps: readonly string[]
  readonly nodePortAddresses: NodeState['nodePortAddresses']
  readonly hasLocalhostNodePorts: boolean
  readonly dropsInvalid: boolean
  /** Pods on this node, when the kernel does not show bridged packets to iptables: their service traffic is masqueraded. */
  readonly bridgedSources: string | undefined
  /** Whether ports without affinity get one chain, with one rule for each endpoint (`service.ts`). */
  readonly isLarge: boolean
}

/** Puts node and settings together. */
export function renderOptionsOf(node: NodeState, settings: ModeSettings, isLarge = false): RenderOptions {
  const { family, podTraffic, nodeIps, nodePortAddresses, podCidr } = node
  const { masqueradeAll, masqueradeMark, hasLocalhostNodePorts, dropsInvalid, seesBridged } = settings
  return {
    ...{ family, masqueradeAll, masqueradeMark, nodeIps, nodePortAddresses, dropsInvalid, isLarge },
    localDetector: podTraffic === undefined ? undefined : localDetectorOf(podTraffic),
    hasLocalhostNodePorts: hasLocalhostNodePorts && family === 'ip',
    bridgedSources: seesBridged ? undefined : podCidr,
  }
}

function localDetectorOf(traffic: PodTraffic): LocalDetector {
  const match = matchOf(traffic)
  return { isLocal: match, isNotLocal: `! ${match}` }
}

function matchOf(traffic: PodTraffic): string {
  switch (traffic.type) {
    case 'source':
      return `-s ${traffic.cidr}`
    case 'interface':
      return `-i ${traffic.name}`
    case 'interfacePrefix':
      return `-i ${traffic.prefix}+`
  }
}
