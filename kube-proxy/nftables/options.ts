/** What rules depend on besides Services and endpoints, in nft's words. */
import type { Family } from '../../netfilter/iptables.ts'
import type { ModeSettings } from '../mode.ts'
import type { NodeState, PodTraffic } from '../plan/node.ts'

export type NftOptions = {
  readonly family: Family
  /** `ip` or `ip6`, as it stands before `saddr`. */
  readonly ip: Family
  readonly addressType: 'ipv4_addr' | 'ipv6_addr'
  readonly notLocalhost: string
  readonly masqueradeAll: boolean
  /** As upstream writes it: `0x004000`. */
  readonly masqueradeMark: string
  /** Matches that tell pods from others; `undefined` when nobody said how. */
  readonly pods: { readonly are: string; readonly areNot: string } | undefined
  readonly nodeIps: readonly string[]
  readonly nodePortAddresses: NodeState['nodePortAddresses']
  readonly serviceCidrs: readonly string[]
  /** Pods on this node, when the kernel does not show bridged packets: their traffic to endpoints here is masqueraded. */
  readonly bridgedSources: string | undefined
}

const families = {
  ip: { addressType: 'ipv4_addr', notLocalhost: 'ip daddr != 127.0.0.0/8' },
  ip6: { addressType: 'ipv6_addr', notLocalhost: 'ip6 daddr != ::1' },
} as const

/** Puts node and settings together. */
export function nftOptionsOf(node: NodeState, settings: ModeSettings): NftOptions {
  const { family, podTraffic, nodeIps, nodePortAddresses, serviceCidrs, podCidr } = node
  return {
    ...{ family, ip: family, nodeIps, serviceCidrs },
    ...families[family],
    masqueradeAll: settings.masqueradeAll,
    masqueradeMark: `0x${Number(settings.masqueradeMark).toString(16).padStart(6, '0')}`,
    pods:
      podTraffic === undefined
        ? undefined
        : { are: podMatch(podTraffic, family, ''), areNot: podMatch(podTraffic, family, '!= ') },
    // Node ports on localhost cannot be had with nftables, as upstream says too.
    nodePortAddresses:
      nodePortAddresses === 'all'
        ? 'all'
        : nodePortAddresses.filter((address) => !address.startsWith('127.') && address !== '::1'),
    bridgedSources: settings.seesBridged ? undefined : podCidr,
  }
}

function podMatch(traffic: PodTraffic, family: Family, not: '' | '!= '): string {
  switch (traffic.type) {
    case 'source':
      return `${family} saddr ${not}${traffic.cidr}`
    case 'interface':
      return `iifname ${not}"${traffic.name}"`
    case 'interfacePrefix':
      return `iifname ${not}"${traffic.prefix}*"`
  }
}
