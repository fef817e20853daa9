/** Names in kube-proxy's table: upstream's, because people and tools look for them. Those that count endpoints (`dispatch.ts`) are ours. */
import { hashedChainName } from '../../netfilter/chain-name.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { NftTable } from '../../netfilter/nft-script.ts'
import type { Endpoint } from '../state/endpoints.ts'
import type { ServicePort } from '../state/service-port.ts'

/** The one table of a family. */
export function tableOf(family: Family): NftTable {
  return { family, name: 'kube-proxy', comment: 'rules for kube-proxy' }
}

export const services = 'services'
export const masquerading = 'masquerading'
export const serviceIps = 'service-ips'
export const serviceNodePorts = 'service-nodeports'
export const noEndpointServices = 'no-endpoint-services'
export const noEndpointNodePorts = 'no-endpoint-nodeports'
export const firewallIps = 'firewall-ips'
export const clusterIps = 'cluster-ips'
export const nodePortIps = 'nodeport-ips'
export const hairpinConnections = 'hairpin-connections'
export const rejectChain = 'reject-chain'

/** Balances over all endpoints, for session affinity. */
export function clusterChain(port: ServicePort): string {
  return `service-${portName(port)}`
}

/** Balances over the endpoints on this node, for session affinity. */
export function localChain(port: ServicePort): string {
  return `local-${portName(port)}`
}

/** Takes what comes to an external address or node port, for session affinity. */
export function externalChain(port: ServicePort): string {
  return `external-${portName(port)}`
}

/** Drops what no source range of a load balancer allows. */
export function firewallChain(port: ServicePort): string {
  return `firewall-${portName(port)}`
}

/** Remembers the client and translates to one endpoint. */
export function endpointChain(port: ServicePort, endpoint: Endpoint): string {
  return `endpoint-${endpointName(port, endpoint)}`
}

/** The clients that keep to one endpoint. */
export function affinitySet(port: ServicePort, endpoint: Endpoint): string {
  return `affinity-${endpointName(port, endpoint)}`
}

const longestName = 240
const hashCharacters = 8

function portName({ namespace, name, protocol, portName: port }: ServicePort): string {
  return hashed(`${namespace}/${name}/${protocol}/${port}`)
}

/** Colons of IPv6 may not stand in a name. */
function endpointName({ namespace, name, protocol, portName: port }: ServicePort, endpoint: Endpoint): string {
  return hashed(`${namespace}/${name}/${protocol}/${port}__${endpoint.ip.replaceAll(':', '.')}/${endpoint.port}`)
}

function hashed(text: string): string {
  const whole = `${hashedChainName('', text).slice(0, hashCharacters)}-${text}`
  return whole.length > longestName ? `${whole.slice(0, longestName - 3)}...` : whole
}
