/**
 * The rules of one Service port:
 *
 *   KUBE-SERVICES ──cluster IP────────────────────▶ KUBE-SVC (policy Cluster) or KUBE-SVL (Local) ──▶ KUBE-SEP ▶ DNAT
 *        │ external IP, load balancer ──▶ KUBE-EXT ─────────────▲
 *        │ load balancer with source ranges ▶ KUBE-FW ▶ KUBE-EXT
 *   KUBE-NODEPORTS ──node port──────────▶ KUBE-EXT
 *
 * In large clusters (`RenderOptions.isLarge`) a port without affinity has no KUBE-SEP chains: its KUBE-SVC and KUBE-SVL
 * translate themselves, and pods that reach themselves are masqueraded in KUBE-HAIRPIN. That is a third of the lines and
 * a tenth of the chains, and the difference between half a minute and four seconds for ten thousand Services. Upstream
 * leaves comments out from the same size on.
 *
 * Where there is nothing to send traffic to, the filter table rejects it (no endpoint at all) or drops it (none here).
 */
import type { Block } from '../../netfilter/ruleset.ts'
import { isInside } from '../../netfilter/trace.ts'
import type { Categories } from '../plan/categorize.ts'
import { addressOf, type Endpoint } from '../state/endpoints.ts'
import { isExternallyAccessible, type ServicePort } from '../state/service-port.ts'
import * as chains from './chains.ts'
import type { RenderOptions } from './options.ts'

/** The port's own chains, and its lines in chains that all ports share. */
export type RenderedPort = {
  readonly block: Block
  readonly natServices: readonly string[]
  readonly natNodePorts: readonly string[]
  readonly filterServices: readonly string[]
  readonly filterExternalServices: readonly string[]
  readonly filterFirewall: readonly string[]
  readonly filterNodePorts: readonly string[]
  /** Addresses of endpoints on this node that KUBE-HAIRPIN has to mind. */
  readonly hairpins: readonly string[]
}

/** Renders one port. */
export function renderPort(port: ServicePort, categories: Categories, options: RenderOptions): RenderedPort {
  const { cluster, local, reachable, hasAny } = categories
  const internalEndpoints = port.isInternalLocal ? local : cluster
  const externalEndpoints = port.isExternalLocal ? local : cluster
  const hasInternal = hasAny && internalEndpoints.length > 0
  const hasExternal = hasAny && externalEndpoints.length > 0
  const isExternal = isExternallyAccessible(port)
  const nat = new Map<string, readonly string[]>()
  const isFlat = options.isLarge && port.affinitySeconds === 0
  const names = new Map(isFlat ? [] : reachable.map((endpoint) => [endpoint, chains.endpointChain(port, endpoint)]))
  const balance = (endpoints: readonly Endpoint[], isInternal: boolean) => [
    ...(isInternal ? masqueradeInternal(port, options) : []),
    ...(isFlat ? translator(port, endpoints) : balancer(port, endpoints, names)),
  ]
  if (cluster.length > 0) nat.set(chains.clusterChain(port), balance(cluster, !port.isInternalLocal))
  if (local.length > 0) nat.set(chains.localChain(port), balance(local, port.isInternalLocal))
  if (hasAny && isExternal)
    nat.set(chains.externalChain(port), external(port, hasExternal, cluster.length > 0, options))
  if (hasAny && hasFirewall(port)) nat.set(chains.firewallChain(port), firewall(port, options))
  for (const [endpoint, chain] of names) nat.set(chain, toEndpoint(port, endpoint, chain, options))
  const internalTarget = port.isInternalLocal ? chains.localChain(port) : chains.clusterChain(port)
  return {
    block: { nat },
    natServices: [
      ...(hasInternal ? [`${comment(port, ' cluster IP')} ${to(port, port.clusterIp)} -j ${internalTarget}`] : []),
      ...(hasAny ? externalPortals(port) : []),
    ],
    natNodePorts:
      hasAny && port.nodePort !== 0
        ? [`${comment(port)} ${dport(port, port.nodePort)} -j ${chains.externalChain(port)}`]
        : [],
    filterServices: hasInternal ? [] : [refuse(port, to(port, port.clusterIp), hasAny)],
    filterExternalServices: hasExternal ? [] : refuseExternal(port, hasAny),
    filterFirewall: hasAny && hasFirewall(port) ? port.loadBalancerIps.map((ip) => dropUnlisted(port, ip)) : [],
    filterNodePorts:
      port.healthCheckNodePort === 0
        ? []
        : [`${comment(port, ' health check node port')} -m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`],
    hairpins: isFlat ? reachable.flatMap(({ ip, isLocal }) => (isLocal ? [ip] : [])) : [],
  }
}

function comment({ id }: ServicePort, suffix = ''): string {
  return `-m comment --comment "${id}${suffix}"`
}

function dport({ protocol }: ServicePort, port: number): string {
  return `-m ${protocol} -p ${protocol} --dport ${port}`
}

function to(port: ServicePort, ip: string): string {
  return `-m ${port.protocol} -p ${port.protocol} -d ${ip} --dport ${port.port}`
}

function hasFirewall({ loadBalancerSourceRanges, loadBalancerIps }: ServicePort): boolean {
  return loadBalancerSourceRanges.length > 0 && loadBalancerIps.length > 0
}

function externalPortals(port: ServicePort): readonly string[] {
  const viaLoadBalancer = hasFirewall(port) ? chains.firewallChain(port) : chains.externalChain(port)
  return [
    ...port.externalIps.map(
      (ip) => `${comment(port, ' external IP')} ${to(port, ip)} -j ${chains.externalChain(port)}`,
    ),
    ...port.loadBalancerIps.map((ip) => `${comment(port, ' loadbalancer IP')} ${to(port, ip)} -j ${viaLoadBalancer}`),
  ]
}

/** REJECT when nobody serves the port; DROP when only other nodes do, so that a load balancer's client tries elsewhere. */
function refuse(port: ServicePort, match: string, hasAny: boolean): string {
  return hasAny
    ? `${comment(port, ' has no local endpoints')} ${match} -j DROP`
    : `${comment(port, ' has no endpoints')} ${match} -j REJECT`
}

function refuseExternal(port: ServicePort, hasAny: boolean): readonly string[] {
  const portals = [...port.externalIps, ...port.loadBalancerIps].map((ip) => to(port, ip))
  if (port.nodePort !== 0) portals.push(`-m addrtype --dst-type LOCAL ${dport(port, port.nodePort)}`)
  return portals.map((match) => refuse(port, match, hasAny))
}

function dropUnlisted(port: ServicePort, ip: string): string {
  return `${comment(port, ` traffic not accepted by ${chains.firewallChain(port)}`)} ${to(port, ip)} -j DROP`
}

function external(
  port: ServicePort,
  hasExternal: boolean,
  hasCluster: boolean,
  { localDetector }: RenderOptions,
): readonly string[] {
  const last = port.isExternalLocal ? chains.localChain(port) : chains.clusterChain(port)
  const end = hasExternal ? [`-j ${last}`] : []
  if (!port.isExternalLocal) {
    const reason = `-m comment --comment "masquerade traffic for ${port.id} external destinations"`
    return [`${reason} -j ${chains.markMasquerade}`, ...end]
  }
  // Pods and the node itself reach every endpoint: only traffic from outside is held to the endpoints of this node.
  const fromPods =
    localDetector === undefined || !hasCluster
      ? []
      : [
          `-m comment --comment "pod traffic for ${port.id} external destinations" ${localDetector.isLocal} -j ${chains.clusterChain(port)}`,
        ]
  const fromNode = `-m addrtype --src-type LOCAL`
  const routed = hasCluster
    ? [
        `-m comment --comment "route LOCAL traffic for ${port.id} external destinations" ${fromNode} -j ${chains.clusterChain(port)}`,
      ]
    : []
  const masqueraded = `-m comment --comment "masquerade LOCAL traffic for ${port.id} external destinations" ${fromNode} -j ${chains.markMasquerade}`
  return [...fromPods, masqueraded, ...routed, ...end]
}

/** What is not let through here is not translated, and meets the DROP in KUBE-PROXY-FIREWALL. */
function firewall(port: ServicePort, { nodeIps }: RenderOptions): readonly string[] {
  const target = chains.externalChain(port)
  const ranges = port.loadBalancerSourceRanges
  const allowed = ranges.map((range) => `${comment(port, ' loadbalancer IP')} -s ${range} -j ${target}`)
  // A node that is allowed may send to the address of the load balancer with that very address as its source.
  const isNodeAllowed = nodeIps.some((ip) => ranges.some((range) => isInside(ip, range)))
  const own = isNodeAllowed
    ? port.loadBalancerIps.map((ip) => `${comment(port, ' loadbalancer IP')} -s ${ip} -j ${target}`)
    : []
  const rest = `-m comment --comment "other traffic to ${port.id} will be dropped by ${chains.proxyFirewall}"`
  return [...allowed, ...own, rest]
}

/** Affinity first, then chance. */
function balancer(
  port: ServicePort,
  endpoints: readonly Endpoint[],
  names: ReadonlyMap<Endpoint, string>,
): readonly string[] {
  const rules: string[] = []
  const entries = endpoints.map((endpoint) => ({
    chain: names.get(endpoint) ?? '',
    note: comment(port, ` -> ${addressOf(endpoint)}`),
  }))
  if (port.affinitySeconds > 0) {
    for (const { chain, note } of entries) {
      rules.push(`${note} -m recent --name ${chain} --rcheck --seconds ${port.affinitySeconds} --reap -j ${chain}`)
    }
  }
  for (const [index, { chain, note }] of entries.entries()) {
    rules.push(`${note}${chanceOf(index, entries.length)} -j ${chain}`)
  }
  return rules
}

/** As `balancer`, but each rule leads straight to its endpoint. */
function translator({ protocol }: ServicePort, endpoints: readonly Endpoint[]): readonly string[] {
  return endpoints.map(
    (endpoint, index) =>
      `-p ${protocol} -m ${protocol}${chanceOf(index, endpoints.length)} -j DNAT --to-destination ${addressOf(endpoint)}`,
  )
}

/** Each takes its fair share of what those before have left. */
function chanceOf(index: number, count: number): string {
  const left = count - index
  return left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`
}

/** Traffic to the cluster IP that does not come from a pod must come back through this node. */
function masqueradeInternal(port: ServicePort, { masqueradeAll, localDetector }: RenderOptions): readonly string[] {
  const portal = `${comment(port, ' cluster IP')} ${to(port, port.clusterIp)}`
  if (masqueradeAll) return [`${portal} -j ${chains.markMasquerade}`]
  return localDetector === undefined ? [] : [`${portal} ${localDetector.isNotLocal} -j ${chains.markMasquerade}`]
}

function toEndpoint(port: ServicePort, endpoint: Endpoint, chain: string, options: RenderOptions): readonly string[] {
  const { protocol, affinitySeconds } = port
  const remember = affinitySeconds > 0 ? `-m recent --name ${chain} --set ` : ''
  // A pod that reaches itself through its Service must see another source, or it would answer itself directly.
  const hairpin = `${comment(port)} -s ${endpoint.ip} -j ${chains.markMasquerade}`
  const { bridgedSources } = options
  const bridged =
    bridgedSources === undefined || !endpoint.isLocal
      ? []
      : [`${comment(port)} -s ${bridgedSources} -j ${chains.markMasquerade}`]
  return [
    hairpin,
    ...bridged,
    `${comment(port)} ${remember}-m ${protocol} -p ${protocol} -j DNAT --to-destination ${addressOf(endpoint)}`,
  ]
}
