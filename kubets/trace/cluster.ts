/** What a trace knows of the cluster: objects of the API, and who has which address. */
import type { Namespace, Node, Pod, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { NetworkPolicy } from '../../api/networking/v1.ts'

export type ClusterObjects = {
  readonly nodes: readonly Node[]
  readonly pods: readonly Pod[]
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly namespaces: readonly Namespace[]
  readonly policies: readonly NetworkPolicy[]
  readonly serviceCidrs: readonly string[]
}

/** `namespace/name`. */
export function keyOf({ metadata }: Pick<Pod, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}

/** Addresses of a pod. */
export function podIps({ status }: Pod): readonly string[] {
  const all = (status?.podIPs ?? []).map(({ ip }) => ip ?? '')
  return all.length > 0 ? all : [status?.podIP ?? ''].filter((ip) => ip !== '')
}

/** Whether the pod has its address to itself, and still. */
export function ownsAddress({ spec, status }: Pod): boolean {
  return spec?.hostNetwork !== true && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
}

/** The pod at an address; pods on the host's network have none of their own. */
export function podAt({ pods }: ClusterObjects, ip: string): Pod | undefined {
  return pods.find((pod) => ownsAddress(pod) && podIps(pod).includes(ip))
}

/** Addresses of a node that others use. */
export function nodeIps({ status }: Node): readonly string[] {
  return (status?.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
    .map(({ address }) => address)
}

/** The ranges of a node's pods. */
export function podCidrs({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR])
}
