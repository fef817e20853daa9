/** Names of kube-proxy's chains: upstream's, because people and tools look for them. */
import { hashedChainName } from '../../netfilter/chain-name.ts'
import { addressOf, type Endpoint } from '../state/endpoints.ts'
import type { ServicePort } from '../state/service-port.ts'

export const services = 'KUBE-SERVICES'
export const nodePorts = 'KUBE-NODEPORTS'
export const externalServices = 'KUBE-EXTERNAL-SERVICES'
export const proxyFirewall = 'KUBE-PROXY-FIREWALL'
export const forward = 'KUBE-FORWARD'
export const postrouting = 'KUBE-POSTROUTING'
export const markMasquerade = 'KUBE-MARK-MASQ'
/** Shared with the kubelet. */
export const firewall = 'KUBE-FIREWALL'
/** Ours, in large clusters: pods that reach themselves through a Service. */
export const hairpin = 'KUBE-HAIRPIN'
/** Empty. When it is gone, somebody has flushed the tables. */
export const canary = 'KUBE-PROXY-CANARY'

/** Prefixes of chains that no program but kube-proxy makes. */
export const ownPrefixes = ['KUBE-SVC-', 'KUBE-SVL-', 'KUBE-EXT-', 'KUBE-FW-', 'KUBE-SEP-'] as const

type Port = Pick<ServicePort, 'id' | 'protocol'>

/** Balances over the endpoints for policy `Cluster`. */
export function clusterChain({ id, protocol }: Port): string {
  return hashedChainName('KUBE-SVC-', id, protocol)
}

/** Balances over the endpoints on this node. */
export function localChain({ id, protocol }: Port): string {
  return hashedChainName('KUBE-SVL-', id, protocol)
}

/** Takes what comes to an external address or node port. */
export function externalChain({ id, protocol }: Port): string {
  return hashedChainName('KUBE-EXT-', id, protocol)
}

/** Lets allowed sources through to a load balancer's address. */
export function firewallChain({ id, protocol }: Port): string {
  return hashedChainName('KUBE-FW-', id, protocol)
}

/** Translates to one endpoint. */
export function endpointChain({ id, protocol }: Port, endpoint: Endpoint): string {
  return hashedChainName('KUBE-SEP-', id, protocol, addressOf(endpoint))
}
