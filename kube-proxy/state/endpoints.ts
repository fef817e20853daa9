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
  const found: { readonly address: string; readonly endpoint: Endpoint }[] = []
  for (const slice of slices) {
    if (slice.addressType !== addressType) continue
    for (const port of portsIn(slice, servicePort)) {
      for (const each of slice.endpoints ?? []) {
        const [ip] = each.addresses
        if (ip === undefined) continue
        const endpoint = endpointOf(each, ip, port, options.nodeName)
        found.push({ address: addressOf(endpoint), endpoint })
      }
    }
  }
  found.sort((left, right) => (left.address < right.address ? -1 : left.address > right.address ? 1 : 0))
  const result: Endpoint[] = []
  for (const [index, { address, endpoint }] of found.entries()) {
    if (index === 0 || found[index - 1]?.address !== address) result.push(endpoint)
    // While a pod's address is given to another, two slices may name it: the one that can take traffic counts.
    else if (endpoint.isReady && result.at(-1)?.isReady !== true) result[result.length - 1] = endpoint
  }
  return result
}

const none: readonly string[] = []

function endpointOf(
  { conditions, nodeName, hints }: NonNullable<EndpointSlice['endpoints']>[number],
  ip: string,
  port: number,
  ownNodeName: string,
): Endpoint {
  return {
    ip,
    port,
    isReady: conditions?.ready ?? true,
    isServing: conditions?.serving ?? conditions?.ready ?? true,
    isTerminating: conditions?.terminating ?? false,
    isLocal: nodeName === ownNodeName,
    zoneHints: hints?.forZones?.map(({ name }) => name) ?? none,
    nodeHints: hints?.forNodes?.map(({ name }) => name) ?? none,
  }
}

function portsIn(slice: EndpointSlice, wanted: Pick<ServicePort, 'portName' | 'protocol'>): readonly number[] {
  return (slice.ports ?? []).flatMap(({ name, protocol, port }) =>
    (name ?? '') === wanted.portName && (protocol ?? 'TCP').toLowerCase() === wanted.protocol && port !== undefined
      ? [port]
      : [],
  )
}
