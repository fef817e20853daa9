/** One port of a Service as this node has to serve it: everything the rules depend on, for one address family. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Service } from '../../api/core/v1.ts'
import type { Family } from '../../netfilter/iptables.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

export type ServicePort = {
  /** `namespace/name:port`, or `namespace/name` for a port without name: as in comments and in the hashes of chain names. */
  readonly id: string
  readonly namespace: string
  readonly name: string
  readonly portName: string
  readonly protocol: Protocol
  readonly clusterIp: string
  readonly port: number
  /** 0: none. */
  readonly nodePort: number
  readonly externalIps: readonly string[]
  readonly loadBalancerIps: readonly string[]
  readonly loadBalancerSourceRanges: readonly string[]
  /** 0: no session affinity. */
  readonly affinitySeconds: number
  readonly isInternalLocal: boolean
  readonly isExternalLocal: boolean
  /** 0: none. */
  readonly healthCheckNodePort: number
}

const defaultAffinitySeconds = 10_800
const protocols: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' }

/** The ports to serve; none for headless Services, ExternalNames, and Services of other proxies. */
export function servicePortsOf(service: Service, family: Family): readonly ServicePort[] {
  const { metadata, spec, status } = service
  if (spec === undefined || spec.type === 'ExternalName' || spec.clusterIP === 'None') return []
  if (metadata.labels?.['service.kubernetes.io/service-proxy-name'] !== undefined) return []
  const isOurs = family === 'ip' ? isIPv4 : isIPv6
  const clusterIp = (spec.clusterIPs ?? [spec.clusterIP ?? '']).find(isOurs)
  if (clusterIp === undefined) return []
  const namespace = metadata.namespace ?? ''
  const { name } = metadata
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  const ingress = spec.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : []
  const ranges = (spec.loadBalancerSourceRanges ?? [])
    .map((range) => range.trim())
    .filter((range) => isOurs(range.split('/')[0] ?? ''))
  const shared = {
    namespace,
    name,
    clusterIp,
    externalIps: (spec.externalIPs ?? []).filter(isOurs),
    loadBalancerIps: ingress.flatMap(({ ip, ipMode }) =>
      ip !== undefined && isOurs(ip) && (ipMode ?? 'VIP') === 'VIP' ? [ip] : [],
    ),
    // A range of all addresses means the same as no ranges. Source: upstream's newBaseServiceInfo.
    loadBalancerSourceRanges: ranges.some((range) => range.endsWith('/0')) ? [] : ranges,
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
        : 0,
    isInternalLocal: spec.internalTrafficPolicy === 'Local',
    isExternalLocal: spec.externalTrafficPolicy === 'Local',
    healthCheckNodePort: spec.healthCheckNodePort ?? 0,
  }
  return (spec.ports ?? []).flatMap(({ name: portName = '', protocol, port, nodePort }) => {
    const known = protocols[protocol]
    if (known === undefined) return []
    const id = portName === '' ? `${namespace}/${name}` : `${namespace}/${name}:${portName}`
    return [{ ...shared, id, portName, protocol: known, port, nodePort: isExternal ? (nodePort ?? 0) : 0 }]
  })
}

/** Whether anything outside the cluster may reach the port. */
export function isExternallyAccessible({ nodePort, loadBalancerIps, externalIps }: ServicePort): boolean {
  return nodePort !== 0 || loadBalancerIps.length > 0 || externalIps.length > 0
}
