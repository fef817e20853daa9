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
  const mirrored = clusterIP !== '' && clusterIPs.length === 0 ? { ...spec, clusterIPs: [clusterIP] } : spec
  return omit(mirrored, hiddenFields(spec))
}

/** Names have no traffic; a value that is none is left for validation. Source: `defaultOnReadInternalTrafficPolicy`. */
function hiddenFields({ type, internalTrafficPolicy = '' }: ServiceSpec): readonly (keyof ServiceSpec)[] {
  return type === 'ExternalName' && ['Cluster', 'Local'].includes(internalTrafficPolicy)
    ? ['internalTrafficPolicy']
    : []
}

/** The new spec with what the old one had been given. */
export function keepAllocated(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  return dropUnneeded(mirrorChange(keepValues(spec, old), old), old)
}

/** Clients that know only `clusterIP` may change it alone. */
function mirrorChange(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const { clusterIP = '', clusterIPs = [] } = spec
  const { clusterIP: before = '', clusterIPs: listBefore = [] } = old
  if (clusterIP === before) {
    return clusterIPs.length === 0 && listBefore.length > 0 ? { ...spec, clusterIPs: listBefore } : spec
  }
  if (!sameJson(clusterIPs, listBefore)) return spec
  return clusterIP === '' ? omit(spec, ['clusterIPs']) : { ...spec, clusterIPs: [clusterIP] }
}

function keepValues(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  return { ...spec, ...keptAddresses(spec, old), ...keptNodePorts(spec, old), ...keptHealthPort(spec, old) }
}

function keptAddresses(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  if (!needsClusterIp(spec) || !needsClusterIp(old)) return {}
  const clusterIP = spec.clusterIP || old.clusterIP
  const clusterIPs = (spec.clusterIPs ?? []).length > 0 ? spec.clusterIPs : old.clusterIPs
  return { ...(clusterIP === undefined ? {} : { clusterIP }), ...(clusterIPs === undefined ? {} : { clusterIPs }) }
}

/** Ports are known by name; what else about one has changed does not matter. */
function keptNodePorts(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  if (!needsNodePort(spec) || !needsNodePort(old) || spec.ports === undefined) return {}
  const asked = new Set(spec.ports.map(({ nodePort = 0 }) => nodePort))
  const before = new Map((old.ports ?? []).map(({ name = '', nodePort = 0 }) => [name, nodePort]))
  const ports = spec.ports.map((port) => {
    const nodePort = before.get(port.name ?? '') ?? 0
    return (port.nodePort ?? 0) === 0 && nodePort !== 0 && !asked.has(nodePort) ? { ...port, nodePort } : port
  })
  return { ports }
}

function keptHealthPort(spec: ServiceSpec, old: ServiceSpec): Partial<ServiceSpec> {
  const kept = old.healthCheckNodePort
  return needsHealthPort(spec) && needsHealthPort(old) && !spec.healthCheckNodePort && kept !== undefined
    ? { healthCheckNodePort: kept }
    : {}
}

/** A type change that leaves behind what the old type needed, unchanged, means to drop it. */
function dropUnneeded(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const gone: (keyof ServiceSpec)[] = [...hiddenFields(spec)]
  if (needsClusterIp(old) && !needsClusterIp(spec)) {
    if (sameJson(spec.clusterIPs ?? [], old.clusterIPs ?? []) && (spec.clusterIP ?? '') === (old.clusterIP ?? '')) {
      gone.push('clusterIP', 'clusterIPs')
    }
    if (sameJson(spec.ipFamilies ?? [], old.ipFamilies ?? [])) gone.push('ipFamilies')
    if (spec.ipFamilyPolicy === old.ipFamilyPolicy) gone.push('ipFamilyPolicy')
  }
  if (needsHealthPort(old) && !needsHealthPort(spec) && spec.healthCheckNodePort === old.healthCheckNodePort) {
    gone.push('healthCheckNodePort')
  }
  if (old.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
      gone.push('allocateLoadBalancerNodePorts')
    if (spec.loadBalancerClass === old.loadBalancerClass) gone.push('loadBalancerClass')
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
