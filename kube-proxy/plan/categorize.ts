/**
 * Which endpoints traffic may go to, by traffic policy. `Local` falls back to terminating endpoints that still serve when
 * none on this node is ready; `Cluster` likewise for all nodes. Hints narrow `Cluster` to the same zone or node.
 * Source: KEP-1669, KEP-2086, KEP-2433, KEP-3015.
 */
import type { Endpoint } from '../state/endpoints.ts'
import { isExternallyAccessible, type ServicePort } from '../state/service-port.ts'

export type Categories = {
  /** For policy `Cluster`; empty also when nothing of the port uses that policy. */
  readonly cluster: readonly Endpoint[]
  /** For policy `Local`; empty also when nothing of the port uses that policy. */
  readonly local: readonly Endpoint[]
  /** All of both, each once. */
  readonly reachable: readonly Endpoint[]
  /** Whether there is an endpoint anywhere, used by this node or not. */
  readonly hasAny: boolean
}

export type Topology = { readonly nodeName: string; readonly zone: string }

/** Sorts the endpoints of a port into those for each policy. */
export function categorize(port: ServicePort, endpoints: readonly Endpoint[], topology: Topology): Categories {
  const usesLocal = port.isInternalLocal || (port.isExternalLocal && isExternallyAccessible(port))
  // Traffic from the node and its pods to an external address uses all endpoints even under policy Local.
  const usesCluster = !port.isInternalLocal || isExternallyAccessible(port)
  const usable = endpoints.filter(isReady)
  const fallback = usable.length > 0 ? usable : endpoints.filter(isServingLast)
  const isNear = hintFilter(usable, topology)
  const cluster = usesCluster ? (usable.length > 0 ? usable.filter(isNear) : fallback) : []
  const local = usesLocal ? localEndpoints(endpoints) : []
  const reachable =
    local.length === 0 ? cluster : endpoints.filter((each) => cluster.includes(each) || local.includes(each))
  return { cluster, local, reachable, hasAny: fallback.length > 0 }
}

function localEndpoints(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const here = endpoints.filter(({ isLocal }) => isLocal)
  const ready = here.filter(isReady)
  return ready.length > 0 ? ready : here.filter(isServingLast)
}

function isReady({ isReady: ready }: Endpoint): boolean {
  return ready
}

function isServingLast({ isServing, isTerminating }: Endpoint): boolean {
  return isServing && isTerminating
}

/** Hints count only when every endpoint has one and one is for us: half-written hints must not black-hole traffic. */
function hintFilter(endpoints: readonly Endpoint[], { nodeName, zone }: Topology): (endpoint: Endpoint) => boolean {
  const isForNode = ({ nodeHints }: Endpoint) => nodeHints.includes(nodeName)
  if (endpoints.every(({ nodeHints }) => nodeHints.length > 0) && endpoints.some(isForNode)) return isForNode
  const isForZone = ({ zoneHints }: Endpoint) => zoneHints.includes(zone)
  const isZoned = zone !== '' && endpoints.every(({ zoneHints }) => zoneHints.length > 0) && endpoints.some(isForZone)
  return isZoned ? isForZone : () => true
}
