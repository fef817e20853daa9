/** What the zone needs to know of the cluster: a few questions, answered from whatever holds the objects. */
import type { Selector } from '../../apimachinery/selector/labels.ts'

/** A named port. */
export type PortName = { readonly name: string; readonly protocol: string; readonly port: number }

/** A Service as DNS sees it. */
export type ServiceView =
  | { readonly kind: 'externalName'; readonly target: string }
  | { readonly kind: 'clusterIp'; readonly addresses: readonly string[]; readonly ports: readonly PortName[] }
  | { readonly kind: 'headless' }

/** One ready address behind a Service. */
export type EndpointView = { readonly hostname: string; readonly address: string; readonly ports: readonly PortName[] }

/** A Service's place. */
export type ServiceKey = { readonly namespace: string; readonly name: string }

/** The cluster as DNS sees it. */
export type ClusterView = {
  readonly hasNamespace: (namespace: string) => boolean
  readonly service: (namespace: string, name: string) => ServiceView | undefined
  /** Ready endpoints, without duplicates. */
  readonly endpoints: (namespace: string, name: string) => readonly EndpointView[]
  /** The Service that holds a cluster IP. */
  readonly serviceOf: (address: string) => ServiceKey | undefined
  /** Every endpoint with this address, with its Service. */
  readonly endpointsOf: (address: string) => readonly (ServiceKey & { readonly hostname: string })[]
  /** The namespaces of the pods with this address; none where pods are not watched. */
  readonly podNamespaces: (address: string) => readonly string[]
  /** All Services, for zone transfers. */
  readonly services: () => readonly ServiceKey[]
}

/** What of the cluster is shown, and how. */
export type ViewOptions = {
  /** Only these namespaces. */
  readonly namespaces?: ReadonlySet<string>
  /** Only namespaces with these labels. */
  readonly namespaceSelector?: Selector
  /** Only Services and EndpointSlices with these labels. */
  readonly selector?: Selector
  /** Endpoints without hostname are named after their pods. */
  readonly hasPodNames: boolean
}

/** Labels are no longer than this (RFC 1035, 2.3.4). */
const maxLabel = 63

/** The label of an endpoint: its hostname, its pod's name where that is wanted, or its address with dashes. */
export function endpointLabel(hostname: string | undefined, address: string, podName?: string): string {
  if (hostname !== undefined && hostname !== '') return hostname
  if (podName !== undefined && podName !== '' && podName.length <= maxLabel) return podName
  const dashed = address.replaceAll('.', '-').replaceAll(':', '-')
  // A label does not end in a dash: `fd00::` is `fd00--0`.
  return dashed.endsWith('-') ? `${dashed}0` : dashed
}
