/** Gets from the API what a trace needs. */
import { parse } from 'yaml'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  configMaps,
  endpointSlices,
  namespaces,
  networkPolicies,
  nodes,
  pods,
  serviceCidrs,
  services,
} from '../../client/rest/resource-refs.ts'
import type { ModeName } from '../../kube-proxy/mode.ts'
import type { ClusterObjects } from './cluster.ts'

/** Lists everything once. */
export async function fetchObjects(client: Client, signal: AbortSignal): Promise<ClusterObjects> {
  const [nodeList, podList, serviceList, sliceList, namespaceList, policyList, cidrList] = await Promise.all([
    client.list(nodes, {}, signal),
    client.list(pods, {}, signal),
    client.list(services, {}, signal),
    client.list(endpointSlices, {}, signal),
    client.list(namespaces, {}, signal),
    client.list(networkPolicies, {}, signal),
    // Clusters before 1.33 may not have them.
    client.list(serviceCidrs, {}, signal).catch((error: unknown) => {
      if (hasReason(error, 'NotFound')) return { items: [] }
      throw error
    }),
  ])
  // kube-proxy leaves headless Services and those of other proxies alone.
  const isOurs = (labels: Readonly<Record<string, string>> | undefined) =>
    labels?.['service.kubernetes.io/headless'] === undefined
  return {
    nodes: nodeList.items,
    pods: podList.items,
    services: serviceList.items,
    slices: sliceList.items.filter(({ metadata, endpoints }) => isOurs(metadata.labels) || endpoints !== undefined),
    namespaces: namespaceList.items,
    policies: policyList.items,
    serviceCidrs: cidrList.items.flatMap(({ spec }) => spec?.cidrs ?? []),
  }
}

export type ProxyFacts = { readonly mode: ModeName | undefined; readonly clusterCidrs: readonly string[] }

const modes: readonly string[] = ['iptables', 'ipvs', 'nftables'] satisfies ModeName[]

/** What kubeadm's ConfigMap of kube-proxy says, where there is one. */
export async function fetchProxyFacts(client: Client, signal: AbortSignal): Promise<ProxyFacts> {
  try {
    const { data } = await client.get(configMaps, { namespace: 'kube-system', name: 'kube-proxy' }, signal)
    const config: unknown = parse(data?.['config.conf'] ?? '')
    if (typeof config !== 'object' || config === null) return { mode: undefined, clusterCidrs: [] }
    const { mode, clusterCIDR } = { mode: undefined, clusterCIDR: undefined, ...config }
    return {
      // Looked up in the list above.
      mode: typeof mode === 'string' && modes.includes(mode) ? (mode as ModeName) : undefined,
      clusterCidrs: typeof clusterCIDR === 'string' && clusterCIDR !== '' ? String(clusterCIDR).split(',') : [],
    }
  } catch (error) {
    signal.throwIfAborted()
    if (hasReason(error, 'NotFound') || hasReason(error, 'Forbidden')) return { mode: undefined, clusterCidrs: [] }
    throw error
  }
}
