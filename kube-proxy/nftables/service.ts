/** The elements and chains of one Service port. */
import type { NftBlock, NftChain, NftElement } from '../../netfilter/nft.ts'
import { isInside } from '../../netfilter/trace.ts'
import type { PlannedPort } from '../plan/planner.ts'
import type { Endpoint } from '../state/endpoints.ts'
import { isExternallyAccessible, type ServicePort } from '../state/service-port.ts'
import { renderAffinity } from './affinity.ts'
import { type Dispatch, endpointMap, external, externalLocal, type Frontends, internal } from './dispatch.ts'
import * as names from './names.ts'
import type { NftOptions } from './options.ts'

export type RenderedPort = {
  readonly block: NftBlock
  /** Ways to endpoints that it shares with others. */
  readonly dispatches: readonly Dispatch[]
  /** Where clients come in: addresses and node ports, which only one port can have. */
  readonly frontends: readonly string[]
}

/** A place where clients come in, and where they go from there. */
type Frontend = {
  readonly kind: Frontends
  /** As in the keys of the maps. */
  readonly key: string
  /** Where to go when there is somebody to serve: a shared way, or a chain of the port's own. */
  readonly target: Dispatch | string | undefined
  /** What happens to those whom nobody serves. */
  readonly refusal: string | undefined
  readonly endpoints: readonly Endpoint[]
  readonly localEndpoints: readonly Endpoint[]
}

/** Renders one port; frontends in `taken` belong to another one. */
export function renderPort(
  planned: PlannedPort,
  options: NftOptions,
  taken: ReadonlySet<string> = new Set(),
): RenderedPort {
  const { port, endpoints } = planned
  const frontends = frontendsOf(planned).filter(({ key }) => !taken.has(key))
  const elements: NftElement[] = [{ set: names.clusterIps, key: port.clusterIp, rest: '' }]
  for (const frontend of frontends) addFrontend(elements, frontend, port)
  for (const { ip, port: number, isLocal } of endpoints.reachable) {
    if (!isLocal) continue
    elements.push({ set: names.hairpinConnections, key: `${ip} . ${ip} . ${port.protocol} . ${number}`, rest: '' })
  }
  const affinity =
    port.affinitySeconds > 0 ? renderAffinity(port, endpoints, isExternallyAccessible(port), options) : undefined
  const firewall = firewallOf(port, options)
  if (firewall !== undefined) {
    for (const key of port.loadBalancerIps.map((ip) => keyOf(port, ip))) {
      if (!taken.has(key)) elements.push({ set: names.firewallIps, key, rest: `: goto ${firewall[0]}` })
    }
  }
  const chains = new Map<string, NftChain>([...(affinity?.chains ?? []), ...(firewall === undefined ? [] : [firewall])])
  return {
    block: {
      ...(chains.size === 0 ? {} : { chains }),
      ...(affinity === undefined ? {} : { sets: affinity.sets }),
      scattered: elements,
    },
    dispatches: frontends.flatMap(({ target }) => (typeof target === 'object' ? [target] : [])),
    frontends: frontends.map(({ key }) => key),
  }
}

function keyOf({ protocol, port }: ServicePort, ip: string): string {
  return `${ip} . ${protocol} . ${port}`
}

function addFrontend(elements: NftElement[], frontend: Frontend, { id }: ServicePort): void {
  const { kind, key, target, refusal, endpoints, localEndpoints } = frontend
  const isService = kind === 'service'
  if (target !== undefined) {
    const set = isService ? names.serviceIps : names.serviceNodePorts
    elements.push({ set, key, rest: `comment "${id}" : goto ${nameOf(target)}` })
  }
  if (refusal !== undefined) {
    const set = isService ? names.noEndpointServices : names.noEndpointNodePorts
    elements.push({ set, key, rest: `comment "${id}" : ${refusal}` })
  }
  const scopes = [
    ['all', endpoints],
    ['local', localEndpoints],
  ] as const
  for (const [scope, list] of scopes) {
    for (const [index, { ip, port }] of list.entries()) {
      elements.push({ set: endpointMap(kind, scope, index), key, rest: `: ${ip} . ${port}` })
    }
  }
}

function nameOf(target: Dispatch | string): string {
  return typeof target === 'string' ? target : target.name
}

function frontendsOf(planned: PlannedPort): readonly Frontend[] {
  const { port } = planned
  const outside = new Map<string, Frontends>()
  for (const ip of [...port.externalIps, ...port.loadBalancerIps]) outside.set(keyOf(port, ip), 'service')
  // The cluster IP stays one, also where somebody gives it as an external address too.
  outside.delete(keyOf(port, port.clusterIp))
  if (port.nodePort !== 0) outside.set(`${port.protocol} . ${port.nodePort}`, 'nodePort')
  return [internalFrontend(planned), ...[...outside].map(([key, kind]) => externalFrontend(planned, key, kind))]
}

function internalFrontend({ port, endpoints }: PlannedPort): Frontend {
  const { cluster, local, hasAny } = endpoints
  const chosen = port.isInternalLocal ? local : cluster
  const base = { kind: 'service', key: keyOf(port, port.clusterIp), localEndpoints: [] } as const
  if (!hasAny || chosen.length === 0) {
    return { ...base, target: undefined, refusal: refusalOf(hasAny), endpoints: [] }
  }
  if (port.affinitySeconds > 0) {
    const target = port.isInternalLocal ? names.localChain(port) : names.clusterChain(port)
    return { ...base, target, refusal: undefined, endpoints: [] }
  }
  return { ...base, target: internal('service', chosen.length), refusal: undefined, endpoints: chosen }
}

function externalFrontend({ port, endpoints }: PlannedPort, key: string, kind: Frontends): Frontend {
  const { cluster, local, hasAny } = endpoints
  const chosen = port.isExternalLocal ? local : cluster
  const refusal = hasAny && chosen.length > 0 ? undefined : refusalOf(hasAny)
  const base = { kind, key, refusal } as const
  if (!hasAny) return { ...base, target: undefined, endpoints: [], localEndpoints: [] }
  if (port.affinitySeconds > 0) return { ...base, target: names.externalChain(port), endpoints: [], localEndpoints: [] }
  if (port.isExternalLocal) {
    const target = externalLocal(kind, cluster.length, local.length)
    return { ...base, target, endpoints: cluster, localEndpoints: local }
  }
  if (cluster.length === 0) return { ...base, target: undefined, endpoints: [], localEndpoints: [] }
  return { ...base, target: external(kind, cluster.length), endpoints: cluster, localEndpoints: [] }
}

/** Reject when nobody serves the port; drop when only other nodes do, so that a load balancer's client tries elsewhere. */
function refusalOf(hasAny: boolean): string {
  return hasAny ? 'drop' : `goto ${names.rejectChain}`
}

function firewallOf(port: ServicePort, { ip, nodeIps }: NftOptions): readonly [string, NftChain] | undefined {
  const { loadBalancerSourceRanges: ranges, loadBalancerIps } = port
  if (ranges.length === 0 || loadBalancerIps.length === 0) return undefined
  // A node that is allowed may send to the address of the load balancer with that very address as its source.
  const isNodeAllowed = nodeIps.some((nodeIp) => ranges.some((range) => isInside(nodeIp, range)))
  const sources = [...ranges, ...(isNodeAllowed ? loadBalancerIps : [])]
  return [names.firewallChain(port), { rules: [`${ip} saddr != { ${sources.join(', ')} } drop`] }]
}
