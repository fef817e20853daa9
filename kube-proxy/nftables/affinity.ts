/**
 * Session affinity: chains of a Service's own, and for each endpoint a set of the clients that keep to it. The kernel
 * fills the sets and lets their elements die; the time stands in the rule, so that changing it leaves the set alone.
 */
import type { NftChain, NftSet } from '../../netfilter/nft.ts'
import type { Categories } from '../plan/categorize.ts'
import { addressOf, type Endpoint } from '../state/endpoints.ts'
import type { ServicePort } from '../state/service-port.ts'
import { masquerade, shortCircuit } from './dispatch.ts'
import * as names from './names.ts'
import type { NftOptions } from './options.ts'

export type AffinityRules = {
  readonly chains: ReadonlyMap<string, NftChain>
  readonly sets: ReadonlyMap<string, NftSet>
}

/** The chains and sets of a port with affinity. */
export function renderAffinity(
  port: ServicePort,
  { cluster, local, reachable, hasAny }: Categories,
  isExternal: boolean,
  options: NftOptions,
): AffinityRules {
  const chains = new Map<string, NftChain>()
  const sets = new Map<string, NftSet>()
  if (cluster.length > 0) chains.set(names.clusterChain(port), { rules: choose(port, cluster, options) })
  if (local.length > 0) chains.set(names.localChain(port), { rules: choose(port, local, options) })
  if (hasAny && isExternal) chains.set(names.externalChain(port), { rules: external(port, cluster, local, options) })
  for (const endpoint of reachable) {
    chains.set(names.endpointChain(port, endpoint), { rules: toEndpoint(port, endpoint, options) })
    sets.set(names.affinitySet(port, endpoint), {
      type: 'set',
      definition: `type ${options.addressType}; flags dynamic,timeout;`,
      isDynamic: true,
    })
  }
  return { chains, sets }
}

/** Known clients first, then chance. */
function choose(port: ServicePort, endpoints: readonly Endpoint[], { ip }: NftOptions): readonly string[] {
  const known = endpoints.map(
    (endpoint) => `${ip} saddr @${names.affinitySet(port, endpoint)} goto ${names.endpointChain(port, endpoint)}`,
  )
  const choices = endpoints.map((endpoint, index) => `${index} : goto ${names.endpointChain(port, endpoint)}`)
  return [...known, `numgen random mod ${endpoints.length} vmap { ${choices.join(', ')} }`]
}

function toEndpoint(port: ServicePort, endpoint: Endpoint, { ip }: NftOptions): readonly string[] {
  const remember = `update @${names.affinitySet(port, endpoint)} { ${ip} saddr timeout ${port.affinitySeconds}s }`
  return [remember, `meta l4proto ${port.protocol} dnat to ${addressOf(endpoint)}`]
}

function external(
  port: ServicePort,
  cluster: readonly Endpoint[],
  local: readonly Endpoint[],
  options: NftOptions,
): readonly string[] {
  const all = cluster.length === 0 ? undefined : names.clusterChain(port)
  if (!port.isExternalLocal) {
    return [`${masquerade(options)} comment "masquerade"`, ...(all === undefined ? [] : [`goto ${all}`])]
  }
  return [...shortCircuit(all, options), ...(local.length === 0 ? [] : [`goto ${names.localChain(port)}`])]
}
