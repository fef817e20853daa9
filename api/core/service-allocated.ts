/**
 * What the API server once gave to a Service (addresses, node ports) stays its own over updates that leave it out,
 * and goes when the type no longer needs it.
 * Source: `normalizeClusterIPs`, `patchAllocatedValues`, `dropTypeDependentFields`.
 */
import { sameJson } from '../meta/causes.ts'
import type { ServicePort, ServiceSpec } from './v1.ts'

/** The old single address and the first of the list say the same, for a new Service. */
export function mirrorClusterIp(spec: ServiceSpec): ServiceSpec {
  const { clusterIP = '', clusterIPs = [] } = spec
  if (clusterIP !== '' && clusterIPs.length === 0) return { ...spec, clusterIPs: [clusterIP] }
  return spec
}

/** The new spec with what the old one had been given. */
export function keepAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  return dropUnneeded(keepValues(mirrorChange(spec, old), old), old)
}

/** Clients that know only `clusterIP` may change it alone. */
function mirrorChange(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const { clusterIP = '', clusterIPs = [] } = spec
  const changedOne = clusterIP !== (old.clusterIP ?? '')
  const changedList = !sameJson(clusterIPs, old.clusterIPs)
  if (!changedOne || changedList) return spec
  if (clusterIP === '') return omit(spec, ['clusterIPs'])
  return { ...spec, clusterIPs: [clusterIP] }
}

function keepValues(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  return { ...spec, ...keptAddresses(spec, old), ...keptNodePorts(spec, old), ...keptHealthPort(spec, old) }
}

function keptAddresses(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  if (!needsClusterIp(spec) || !needsClusterIp(old)) return {}
  const clusterIP = spec.clusterIP || old.clusterIP
  if (clusterIP === undefined) return {}
  const clusterIPs = (spec.clusterIPs ?? []).length > 0 ? spec.clusterIPs : undefined
  const kept = clusterIPs ?? (clusterIP === old.clusterIP ? old.clusterIPs : undefined)
  return { clusterIP, ...(kept === undefined ? {} : { clusterIPs: kept }) }
}

function keptNodePorts(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  if (!needsNodePort(spec) || !needsNodePort(old) || spec.ports === undefined) return {}
  const taken = new Set(spec.ports.map(({ nodePort = 0 }) => nodePort))
  const before = new Map((old.ports ?? []).map((port) => [portKey(port), port.nodePort ?? 0]))
  const ports = spec.ports.map((port) => {
    const nodePort = before.get(portKey(port)) ?? 0
    return (port.nodePort ?? 0) === 0 && nodePort !== 0 && !taken.has(nodePort) ? { ...port, nodePort } : port
  })
  return { ports }
}

function portKey({ protocol, port }: ServicePort): string {
  return `${protocol}/${port}`
}

function keptHealthPort(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  const kept = old.healthCheckNodePort
  return needsHealthPort(spec) && needsHealthPort(old) && !spec.healthCheckNodePort && kept !== undefined
    ? { healthCheckNodePort: kept }
    : {}
}

/** A type change that leaves behind what the old type needed, unchanged, means to drop it. */
function dropUnneeded(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const gone: (keyof ServiceSpec)[] = []
  if (needsClusterIp(old) && !needsClusterIp(spec) && sameJson(spec.clusterIPs, old.clusterIPs)) {
    gone.push('clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy')
  }
  if (needsHealthPort(old) && !needsHealthPort(spec) && spec.healthCheckNodePort === old.healthCheckNodePort) {
    gone.push('healthCheckNodePort')
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
      gone.push('allocateLoadBalancerNodePorts')
    if (spec.loadBalancerClass === old.loadBalancerClass) gone.push('loadBalancerClass')
  }
  if (old.type === 'ExternalName' && spec.type !== 'ExternalName' && spec.externalName === old.externalName) {
    gone.push('externalName')
  }
  if (
    isExternallyServed(old) &&
    !isExternallyServed(spec) &&
    spec.externalTrafficPolicy === old.externalTrafficPolicy
  ) {
    gone.push('externalTrafficPolicy')
  }
  const kept = omit(spec, gone)
  if (!needsNodePort(old) || needsNodePort(spec) || kept.ports === undefined) return kept
  const before = new Set((old.ports ?? []).map(({ nodePort = 0 }) => nodePort))
  return { ...kept, ports: kept.ports.map((port) => (before.has(port.nodePort ?? 0) ? withoutNodePort(port) : port)) }
}

function withoutNodePort({ nodePort: _, ...port }: ServicePort): ServicePort {
  return port
}

function omit(spec: ServiceSpec, keys: readonly (keyof ServiceSpec)[]): ServiceSpec {
  return keys.length === 0
    ? spec
    : Object.fromEntries(Object.entries(spec).filter(([key]) => !keys.some((one) => one === key)))
}

/** Whether a Service of this type has an address in the cluster. */
export function needsClusterIp({ type }: ServiceSpec): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer'
}

/** Whether a Service of this type has ports on every node. */
export function needsNodePort({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false)
}

/** Whether a Service needs a port on which nodes say that they have local endpoints. */
export function needsHealthPort({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}

function isExternallyServed({ type, externalIPs }: ServiceSpec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && (externalIPs ?? []).length > 0)
}
