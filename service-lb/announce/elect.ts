/**
 * Which node answers for which address. Pure: every speaker computes the same from the same objects, and answers for what falls to
 * its own node. Rendezvous hashing: when a node goes, only its addresses move, and they spread over the others.
 */
import { createHash } from 'node:crypto'
import type { Node, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { isInPool, type Pool } from '../pool.ts'
import { type Classes, isOurClass, statusAddresses } from '../services.ts'

/** Everything the decision depends on. */
export type Snapshot = {
  readonly services: readonly Service[]
  readonly slicesOf: (service: Service) => readonly EndpointSlice[]
  readonly nodes: readonly Node[]
  /** Names of nodes whose speaker lives. */
  readonly alive: ReadonlySet<string>
  readonly pool: Pool
  readonly classes: Classes
}
/** An address and the node that answers for it. */
export type Assignment = { readonly service: Service; readonly address: string; readonly node: string }

/** Source: API `node.kubernetes.io/exclude-from-external-load-balancers` (KEP-1143). */
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'
/** Source: cloud-provider service controller, `nodeUnTaintedPredicate`. */
const doomedTaint = 'ToBeDeletedByClusterAutoscaler'

/** Whether a node may take traffic of load balancers at all. */
export function mayAnnounce({ metadata, spec, status }: Node): boolean {
  const ready = status.conditions?.find(({ type }) => type === 'Ready')
  return (
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[excludeLabel] === undefined &&
    spec.taints?.some(({ key }) => key === doomedTaint) !== true &&
    ready?.status === 'True'
  )
}

/** Every address that somebody answers for. */
export function elect(snapshot: Snapshot): readonly Assignment[] {
  const names = snapshot.nodes
    .filter(mayAnnounce)
    .flatMap(({ metadata: { name } }) => (snapshot.alive.has(name) ? [name] : []))
  return snapshot.services.flatMap((service) => {
    const addresses = announced(service, snapshot)
    if (addresses.length === 0) return []
    const candidates = candidatesOf(service, names, snapshot)
    return addresses.flatMap((address) => {
      const node = favourite(address, candidates)
      return node === undefined ? [] : [{ service, address, node }]
    })
  })
}

/** Addresses that other load balancers gave are theirs to announce. */
function announced(service: Service, { pool, classes }: Snapshot): readonly string[] {
  if (service.spec.type !== 'LoadBalancer' || !isOurClass(service, classes)) return []
  return statusAddresses(service).filter((address) => isInPool(pool, address))
}

/** With `externalTrafficPolicy: Local` a node without endpoints would drop what it gets. */
function candidatesOf(service: Service, names: readonly string[], { slicesOf }: Snapshot): readonly string[] {
  if (service.spec.externalTrafficPolicy !== 'Local') return names
  const endpoints = slicesOf(service).flatMap((slice) => slice.endpoints ?? [])
  const nodesWith = (fits: (conditions: NonNullable<(typeof endpoints)[number]['conditions']>) => boolean) =>
    new Set(
      endpoints.flatMap(({ nodeName, conditions }) =>
        nodeName !== undefined && fits(conditions ?? {}) ? [nodeName] : [],
      ),
    )
  const ready = nodesWith(({ ready: isReady }) => isReady !== false)
  // As kube-proxy: the last ones that still serve while they end (KEP-1669).
  const able =
    ready.size > 0 ? ready : nodesWith(({ serving, terminating }) => serving === true && terminating === true)
  return names.filter((name) => able.has(name))
}

function favourite(address: string, names: readonly string[]): string | undefined {
  const weighed = names.map((name) => ({
    name,
    weight: createHash('sha256').update(`${name}#${address}`).digest('hex'),
  }))
  return weighed.toSorted((a, b) => (a.weight < b.weight ? 1 : -1))[0]?.name
}
