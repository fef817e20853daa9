/** Which fields a Service's type needs, what an update takes over from the stored object, and what it drops. */
import type { Service, ServicePort } from '../../api/core/v1.ts'

export function hasClusterIp({ spec }: Service): boolean {
  return spec.type !== 'ExternalName'
}

export function hasNodePorts({ spec }: Service): boolean {
  return spec.type === 'NodePort' || spec.type === 'LoadBalancer'
}

export function hasHealthCheckPort({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'
}

/** An update that leaves allocated values out keeps them, so that a manifest can be applied again. */
export function takeOver(wanted: Service, old: Service): Service {
  const { spec } = wanted
  const clusterIP = spec.clusterIP === undefined || spec.clusterIP === '' ? old.spec.clusterIP : spec.clusterIP
  const keepsIp = hasClusterIp(wanted) && hasClusterIp(old) && clusterIP !== undefined
  const keepsAll = keepsIp && (spec.clusterIPs ?? []).length === 0 && clusterIP === old.spec.clusterIP
  const keepsPorts = hasNodePorts(wanted) && hasNodePorts(old)
  const keepsHealthCheck =
    hasHealthCheckPort(wanted) && hasHealthCheckPort(old) && (spec.healthCheckNodePort ?? 0) === 0
  return {
    ...wanted,
    spec: {
      ...spec,
      ...(keepsIp ? { clusterIP } : {}),
      ...(keepsAll && old.spec.clusterIPs !== undefined ? { clusterIPs: old.spec.clusterIPs } : {}),
      ...(keepsPorts && spec.ports !== undefined ? { ports: portsTakenOver(spec.ports, old) } : {}),
      ...(keepsHealthCheck && old.spec.healthCheckNodePort !== undefined
        ? { healthCheckNodePort: old.spec.healthCheckNodePort }
        : {}),
    },
  }
}

/** By port name, unless another port of the new object already uses the number. */
function portsTakenOver(ports: readonly ServicePort[], old: Service): readonly ServicePort[] {
  const oldPorts = old.spec.ports ?? []
  const used = new Set(ports.map(({ nodePort }) => nodePort ?? 0))
  return ports.map((port) => {
    if ((port.nodePort ?? 0) !== 0) return port
    const before = oldPorts.find(({ name }) => (name ?? '') === (port.name ?? ''))?.nodePort ?? 0
    return before === 0 || used.has(before) ? port : { ...port, nodePort: before }
  })
}

/** A change of type drops what the old type needed, where the client left those values as they were. */
export function dropUnneeded(wanted: Service, old: Service): Service {
  let spec = normalizedClusterIps(wanted, old)
  if (hasClusterIp(old) && !hasClusterIp(wanted) && sameClusterIps(spec, old.spec)) {
    const { clusterIP: _ip, clusterIPs: _ips, ipFamilies: _families, ipFamilyPolicy: _policy, ...rest } = spec
    spec = rest
  }
  if (hasNodePorts(old) && !hasNodePorts(wanted) && sameNodePorts(wanted, old)) {
    spec = { ...spec, ports: (spec.ports ?? []).map(({ nodePort: _nodePort, ...port }) => port) }
  }
  if (hasHealthCheckPort(old) && !hasHealthCheckPort(wanted)) {
    if (spec.healthCheckNodePort === old.spec.healthCheckNodePort) {
      const { healthCheckNodePort: _port, ...rest } = spec
      spec = rest
    }
  }
  if (old.spec.type === 'LoadBalancer' && wanted.spec.type !== 'LoadBalancer') {
    const { allocateLoadBalancerNodePorts: allocate, loadBalancerClass: chosen, ...rest } = spec
    spec = {
      ...rest,
      ...(allocate === undefined || allocate === old.spec.allocateLoadBalancerNodePorts
        ? {}
        : { allocateLoadBalancerNodePorts: allocate }),
      ...(chosen === undefined || chosen === old.spec.loadBalancerClass ? {} : { loadBalancerClass: chosen }),
    }
  }
  return { ...wanted, spec }
}

/** `clusterIP` is the old name of `clusterIPs[0]`: a client that changes only one of them means both. */
function normalizedClusterIps({ spec }: Service, old: Service): Service['spec'] {
  const isIpSame = (spec.clusterIP ?? '') === (old.spec.clusterIP ?? '')
  const isListSame = sameList(spec.clusterIPs, old.spec.clusterIPs)
  if (!isIpSame && isListSame) {
    const { clusterIPs: _ips, ...rest } = spec
    return spec.clusterIP === undefined || spec.clusterIP === '' ? rest : { ...rest, clusterIPs: [spec.clusterIP] }
  }
  if (isIpSame && !isListSame && (spec.clusterIPs ?? []).length === 0) {
    const { clusterIP: _ip, ...rest } = spec
    return rest
  }
  return spec
}

function sameClusterIps(spec: Service['spec'], old: Service['spec']): boolean {
  return spec.clusterIP === old.clusterIP && sameList(spec.clusterIPs, old.clusterIPs)
}

function sameNodePorts(wanted: Service, old: Service): boolean {
  const numbers = ({ spec }: Service) => (spec.ports ?? []).map(({ nodePort }) => String(nodePort ?? 0))
  return sameList(numbers(wanted), numbers(old))
}

function sameList(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}
