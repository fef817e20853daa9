/** What the zone needs to know of the cluster: a few questions, answered from whatever holds the objects. */

/** A named port. */
export type PortName = { readonly name: string; readonly protocol: string; readonly port: number }

/** A Service as DNS sees it. */
export type ServiceView =
  | { readonly kind: 'externalName'; readonly target: string }
  | { readonly kind: 'clusterIp'; readonly addresses: readonly string[]; readonly ports: readonly PortName[] }
  | { readonly kind: 'headless' }

/** One ready address behind a Service. */
export type EndpointView = { readonly hostname: string; readonly address: string; readonly ports: readonly PortName[] }

/** The cluster as DNS sees it. */
export type ClusterView = {
  readonly hasNamespace: (namespace: string) => boolean
  readonly service: (namespace: string, name: string) => ServiceView | undefined
  /** Ready endpoints, without duplicates. */
  readonly endpoints: (namespace: string, name: string) => readonly EndpointView[]
  /** The Service that holds a cluster IP. */
  readonly serviceOf: (address: string) => { readonly namespace: string; readonly name: string } | undefined
  /** Every endpoint with this address, with its Service. */
  readonly endpointsOf: (
    address: string,
  ) => readonly { readonly namespace: string; readonly name: string; readonly hostname: string }[]
}

/** The label of an endpoint: its hostname, or its address with dashes. */
export function endpointLabel(hostname: string | undefined, address: string): string {
  return hostname !== undefined && hostname !== '' ? hostname : address.replaceAll('.', '-').replaceAll(':', '-')
}
