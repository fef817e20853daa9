/**
 * The part of the table that is the same whatever Services there are: chains that the kernel calls, and the maps they
 * look into.
 *
 *   before DNAT   firewall-check ─@firewall-ips─▶ firewall-… (sources that a load balancer does not allow)
 *   DNAT          services ─@service-ips, @service-nodeports─▶ the chains of `dispatch.ts`
 *   filter        nodeport-endpoints-check, service-endpoints-check ─@no-endpoint-…─▶ reject or drop
 *                 cluster-ips-check: ports that no Service has, addresses that no Service has
 *   after         masquerading
 */
import type { NftBlock, NftChain, NftSet } from '../../netfilter/nft.ts'
import * as names from './names.ts'
import type { NftOptions } from './options.ts'

const onlyNew = 'ct state new'
const toService = ({ ip }: NftOptions): string => `${ip} daddr . meta l4proto . th dport`
const toNodePort = 'meta l4proto . th dport'

/** The shared block. */
export function renderBase(options: NftOptions): NftBlock {
  const elements =
    options.nodePortAddresses === 'all'
      ? undefined
      : new Map([[names.nodePortIps, new Map(options.nodePortAddresses.map((address) => [address, '']))]])
  return {
    chains: new Map<string, NftChain>([...hooks(), ...checks(options), ...translation(options)]),
    sets: setsOf(options),
    ...(elements === undefined ? {} : { elements }),
  }
}

/** Priorities are numbers because nft knows `dstnat` only in some hooks. */
function hooks(): readonly (readonly [string, NftChain])[] {
  const chain = (type: 'filter' | 'nat', hook: string, priority: number, ...rules: readonly string[]): NftChain => ({
    hook: `type ${type} hook ${hook} priority ${priority}`,
    rules,
  })
  const clusterIpsCheck = `${onlyNew} jump cluster-ips-check`
  const endpointsCheck = `${onlyNew} jump service-endpoints-check`
  const firewallCheck = `${onlyNew} jump firewall-check`
  return [
    ['filter-prerouting-pre-dnat', chain('filter', 'prerouting', -110, firewallCheck)],
    ['filter-output-pre-dnat', chain('filter', 'output', -110, firewallCheck)],
    ['filter-input', chain('filter', 'input', 0, `${onlyNew} jump nodeport-endpoints-check`, endpointsCheck)],
    ['filter-forward', chain('filter', 'forward', 0, endpointsCheck, clusterIpsCheck)],
    ['filter-output', chain('filter', 'output', 0, endpointsCheck, clusterIpsCheck)],
    ['nat-prerouting', chain('nat', 'prerouting', -100, `jump ${names.services}`)],
    ['nat-output', chain('nat', 'output', -100, `jump ${names.services}`)],
    ['nat-postrouting', chain('nat', 'postrouting', 100, `jump ${names.masquerading}`)],
  ]
}

function checks(options: NftOptions): readonly (readonly [string, NftChain])[] {
  const { ip, serviceCidrs, nodePortAddresses, notLocalhost } = options
  const onNodePort = nodePortAddresses === 'all' ? notLocalhost : `${ip} daddr @${names.nodePortIps}`
  const unallocated =
    serviceCidrs.length === 0
      ? []
      : [`${ip} daddr { ${serviceCidrs.join(', ')} } drop comment "Drop traffic to unallocated ClusterIPs"`]
  return [
    ['firewall-check', { rules: [`${toService(options)} vmap @${names.firewallIps}`] }],
    ['service-endpoints-check', { rules: [`${toService(options)} vmap @${names.noEndpointServices}`] }],
    ['nodeport-endpoints-check', { rules: [`${onNodePort} ${toNodePort} vmap @${names.noEndpointNodePorts}`] }],
    [
      'cluster-ips-check',
      {
        rules: [
          `${ip} daddr @${names.clusterIps} reject comment "Reject traffic to invalid ports of ClusterIPs"`,
          ...unallocated,
        ],
      },
    ],
    [names.rejectChain, { rules: ['reject'] }],
  ]
}

function translation(options: NftOptions): readonly (readonly [string, NftChain])[] {
  const { ip, masqueradeMark: mark, nodePortAddresses, notLocalhost, bridgedSources } = options
  const onNodePort =
    nodePortAddresses === 'all' ? `fib daddr type local ${notLocalhost}` : `${ip} daddr @${names.nodePortIps}`
  // The endpoint's address stands twice, because that is what the set of hairpin connections has.
  const bridged =
    bridgedSources === undefined
      ? []
      : [
          `ct status dnat ${ip} saddr ${bridgedSources} ${ip} daddr . ${toService(options)} @${names.hairpinConnections} masquerade fully-random`,
        ]
  return [
    [
      names.services,
      {
        rules: [
          ...masqueradeClusterIps(options),
          `${toService(options)} vmap @${names.serviceIps}`,
          `${onNodePort} ${toNodePort} vmap @${names.serviceNodePorts}`,
        ],
      },
    ],
    [
      names.masquerading,
      {
        rules: [
          `mark and ${mark} != 0 mark set mark xor ${mark} masquerade fully-random`,
          `ct status dnat ${ip} saddr . ${toService(options)} @${names.hairpinConnections} masquerade fully-random`,
          ...bridged,
        ],
      },
    ],
  ]
}

/** Traffic to a cluster IP that does not come from a pod must come back through this node. */
function masqueradeClusterIps({ ip, masqueradeAll, pods, masqueradeMark }: NftOptions): readonly string[] {
  const [match, mark] = [`${ip} daddr @${names.clusterIps}`, `mark set mark or ${masqueradeMark}`]
  if (masqueradeAll) return [`${match} ${mark} comment "masquerade all clusterIP traffic"`]
  if (pods === undefined) return []
  return [`${match} ${pods.areNot} ${mark} comment "masquerade clusterIP traffic from outside cluster"`]
}

function setsOf({ addressType: address, nodePortAddresses }: NftOptions): ReadonlyMap<string, NftSet> {
  const map = (definition: string, note: string): NftSet => ({
    type: 'map',
    definition: `type ${definition}; comment "${note}";`,
  })
  const service = `${address} . inet_proto . inet_service : verdict`
  const nodePort = 'inet_proto . inet_service : verdict'
  const set = (definition: string, note: string): NftSet => ({
    type: 'set',
    definition: `type ${definition}; comment "${note}";`,
  })
  return new Map([
    [
      names.hairpinConnections,
      { ...set(`${address} . ${address} . inet_proto . inet_service`, 'service hairpin connections'), isShared: true },
    ],
    [names.clusterIps, { ...set(address, 'Active ClusterIPs'), isShared: true }],
    ...(nodePortAddresses === 'all'
      ? []
      : [[names.nodePortIps, set(address, 'IPs that accept NodePort traffic')] as const]),
    [names.noEndpointServices, map(service, 'vmap to drop or reject packets to services with no endpoints')],
    [names.noEndpointNodePorts, map(nodePort, 'vmap to drop or reject packets to service nodeports with no endpoints')],
    [names.firewallIps, map(service, 'destinations that are subject to LoadBalancerSourceRanges')],
    [names.serviceIps, map(service, 'ClusterIP, ExternalIP and LoadBalancer IP traffic')],
    [names.serviceNodePorts, map(nodePort, 'NodePort traffic')],
  ])
}
