/** From a backend of an Ingress to the endpoints that requests may go to. Pure. */
import type { Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { IngressBackend } from '../../api/networking/v1.ts'
import type { BackendProtocol } from './annotations.ts'

export type Endpoint = {
  readonly address: string
  readonly port: number
  /** `address:port`, with brackets around an IPv6 address. */
  readonly key: string
}
/** One port of a Service. */
export type Backend = {
  /** `namespace/service:port`, or what stands for a backend that cannot be used. */
  readonly id: string
  readonly service: string
  readonly protocol: BackendProtocol
  /** Sorted; none: 503. */
  readonly endpoints: readonly Endpoint[]
}
export type Resolved = { readonly backend: Backend; readonly problem?: Problem }
export type Problem = { readonly reason: string; readonly message: string }

/** What the cluster has. */
export type Cluster = {
  readonly service: (namespace: string, name: string) => Service | undefined
  readonly slicesOf: (namespace: string, name: string) => readonly EndpointSlice[]
}

/** Resolves a backend. One that cannot be used keeps its place in the table and is answered with 503: nothing else may get its requests. */
export function resolveBackend(
  namespace: string,
  { service: reference, resource }: IngressBackend,
  protocol: BackendProtocol | undefined,
  cluster: Cluster,
): Resolved {
  if (reference === undefined) {
    const what = resource === undefined ? 'none' : `${resource.kind} "${resource.name}"`
    return unusable(namespace, '-', 'ResourceBackend', `resource backends are not supported: ${what}`)
  }
  const { name, port } = reference
  const service = cluster.service(namespace, name)
  if (service === undefined) {
    return unusable(namespace, name, 'ServiceNotFound', `service "${namespace}/${name}" not found`)
  }
  if (service.spec.type === 'ExternalName') {
    const message = `service "${namespace}/${name}" is of type ExternalName, which is not proxied to`
    return unusable(namespace, name, 'UnsupportedService', message)
  }
  const servicePort = (service.spec.ports ?? []).find((each) =>
    port?.name === undefined || port.name === '' ? each.port === port?.number : each.name === port.name,
  )
  if (servicePort === undefined) {
    const text = port?.name === undefined || port.name === '' ? String(port?.number) : `"${port.name}"`
    return unusable(namespace, name, 'PortNotFound', `service "${namespace}/${name}" has no port ${text}`)
  }
  const slices = cluster.slicesOf(namespace, name)
  return {
    backend: {
      id: `${namespace}/${name}:${servicePort.port}`,
      service: name,
      protocol: protocol ?? protocolOf(servicePort.appProtocol),
      endpoints: endpointsOf(servicePort.name ?? '', service.spec.ipFamilies?.[0], slices),
    },
  }
}

/** The port that a Service has first, for a default backend that names no port. */
export function firstPort(service: Service | undefined): number {
  return service?.spec.ports?.[0]?.port ?? 0
}

function unusable(namespace: string, service: string, reason: string, message: string): Resolved {
  const backend = { id: `${namespace}/${service}:-`, service, protocol: 'http', endpoints: [] } as const
  return { backend, problem: { reason, message } }
}

/** Source: KEP-3726, standard application protocols. */
function protocolOf(appProtocol: string | undefined): BackendProtocol {
  if (appProtocol === 'kubernetes.io/h2c') return 'h2c'
  return appProtocol?.toLowerCase() === 'https' ? 'https' : 'http'
}

/** Ready endpoints; when there is none, those that end but still serve (KEP-1669). A Service of two families is reached by its first. */
function endpointsOf(
  portName: string,
  family: string | undefined,
  slices: readonly EndpointSlice[],
): readonly Endpoint[] {
  const ofType = (type: string): readonly EndpointSlice[] => slices.filter(({ addressType }) => addressType === type)
  const preferred = family === 'IPv6' ? ['IPv6', 'IPv4'] : ['IPv4', 'IPv6']
  for (const type of preferred) {
    const ready = collect(portName, ofType(type), ({ ready: isReady }) => isReady !== false)
    if (ready.length > 0) return ready
  }
  for (const type of preferred) {
    const last = collect(portName, ofType(type), ({ serving, terminating }) => serving === true && terminating === true)
    if (last.length > 0) return last
  }
  return []
}

type Conditions = { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }

function collect(
  portName: string,
  slices: readonly EndpointSlice[],
  fits: (conditions: Conditions) => boolean,
): readonly Endpoint[] {
  const found = new Map<string, Endpoint>()
  for (const { ports, endpoints } of slices) {
    const port = ports?.find(({ name, protocol }) => (name ?? '') === portName && (protocol ?? 'TCP') === 'TCP')?.port
    if (port === undefined) continue
    for (const { addresses, conditions } of endpoints ?? []) {
      const [address] = addresses
      if (address === undefined || !fits(conditions ?? {})) continue
      const key = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
      found.set(key, { address, port, key })
    }
  }
  return [...found.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1))
}
