/** The endpoints of Service ports, read from EndpointSlices. */
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { ServicePort } from './service-port.ts'

export type Endpoint = {
  readonly ip: string
  readonly port: number
  readonly isReady: boolean
  readonly isServing: boolean
  readonly isTerminating: boolean
  readonly isLocal: boolean
  readonly zoneHints: readonly string[]
  readonly nodeHints: readonly string[]
}

/** `ip:port`, with brackets around an IPv6 address. */
export function addressOf({ ip, port }: Pick<Endpoint, 'ip' | 'port'>): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** The endpoints of one port, each address once, sorted. An endpoint without conditions is ready. */
export function endpointsOf(
  servicePort: Pick<ServicePort, 'portName' | 'protocol'>,
  slices: readonly EndpointSlice[],
  options: { readonly family: Family; readonly nodeName: string },
): readonly Endpoint[] {
  const addressType = options.family === 'ip' ? 'IPv4' : 'IPv6'
  const found = new Map<string, Endpoint>()
  for (const slice of slices) {
    if (slice.addressType !== addressType) continue
    for (const port of portsIn(slice, servicePort)) {
      for (const endpoint of slice.endpoints ?? []) {
        const [ip] = endpoint.addresses
        if (ip === undefined) continue
        const next = {
          ip,
          port,
          isReady: endpoint.conditions?.ready ?? true,
          isServing: endpoint.conditions?.serving ?? endpoint.conditions?.ready ?? true,
          isTerminating: endpoint.conditions?.terminating ?? false,
          isLocal: endpoint.nodeName === options.nodeName,
          zoneHints: (endpoint.hints?.forZones ?? []).map(({ name }) => name),
          nodeHints: (endpoint.hints?.forNodes ?? []).map(({ name }) => name),
        }
        const address = addressOf(next)
        // While a pod's address is given to another, two slices may name it: the one that can take traffic counts.
        if (found.get(address)?.isReady !== true) found.set(address, next)
      }
    }
  }
  return [...found].toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)).map(([, each]) => each)
}

function portsIn(slice: EndpointSlice, wanted: Pick<ServicePort, 'portName' | 'protocol'>): readonly number[] {
  return (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
    (name ?? '') === wanted.portName && (protocol ?? 'TCP').toLowerCase() === wanted.protocol && port !== undefined
      ? [port]
      : [],
  )
}
