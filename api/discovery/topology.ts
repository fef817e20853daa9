/**
 * `deprecatedTopology` of endpoints is of v1beta1: through v1 it is never written, only kept where endpoints stay as they are.
 * Source: `dropTopologyOnV1` (pkg/registry/discovery/endpointslice).
 */
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { sameJson } from '../meta/causes.ts'
import type { Endpoint, EndpointSlice } from './v1.ts'

const hostname = 'kubernetes.io/hostname'

/** Drops the field; a node that it named before stays the endpoint's node. */
export function dropTopology(slice: EndpointSlice, old?: EndpointSlice): EndpointSlice {
  const { endpoints } = slice
  if (!endpoints?.some(({ deprecatedTopology }) => deprecatedTopology !== undefined)) return slice
  if (old !== undefined && sameJson(old.endpoints, endpoints)) return slice
  const nodes = new Set((old?.endpoints ?? []).map((endpoint) => endpoint.deprecatedTopology?.[hostname] ?? ''))
  return { ...slice, endpoints: endpoints.map((endpoint) => withoutTopology(endpoint, nodes)) }
}

function withoutTopology(endpoint: Endpoint, nodes: ReadonlySet<string>): Endpoint {
  const { deprecatedTopology, ...rest } = endpoint
  const node = deprecatedTopology?.[hostname] ?? ''
  const isKept = rest.nodeName === undefined && nodes.has(node) && isDns1123Subdomain(node).length === 0
  return isKept ? { ...rest, nodeName: node } : rest
}
