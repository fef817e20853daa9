/** What a proxy path is about: `[scheme:]name[:port]`, and which address that is. Pure. */
import type { Endpoints, Node, Pod, Service } from '../../api/core/v1.ts'
import { badRequest, StatusError } from '../../apimachinery/status.ts'

/** A target as the URL names it. */
export type ProxyName = { readonly scheme: 'http' | 'https' | ''; readonly name: string; readonly port: string }

/** Reads `name`, `name:port`, `scheme:name:port`, `scheme:name:`; `undefined` for anything else. */
export function parseProxyName(id: string): ProxyName | undefined {
  const parts = id.split(':')
  if (parts.length === 1) return { scheme: '', name: id, port: '' }
  if (parts.length === 2) return { scheme: '', name: parts[0] ?? '', port: parts[1] ?? '' }
  const [scheme = '', name = '', port = ''] = parts
  if (parts.length !== 3 || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) return undefined
  return { scheme, name, port }
}

/** Host and port to connect to. */
export type ProxyAddress = { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number }

/** The pod's own address, at the wanted port or its first one. */
export function podAddress(pod: Pod, { scheme, port }: ProxyName): ProxyAddress {
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? ''
  if (host === '') throw badRequest('address not allowed')
  const declared = pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort
  const chosen = port === '' ? (declared ?? (scheme === 'https' ? 443 : 80)) : Number(port)
  if (!Number.isInteger(chosen) || chosen <= 0 || chosen > 65535)
    throw badRequest(`invalid pod request "${pod.metadata.name}:${port}"`)
  return { scheme: scheme === '' ? 'http' : scheme, host, port: chosen }
}

/** One ready endpoint of the service's port; `pick` chooses among them. */
export function serviceAddress(
  service: Service,
  endpoints: Endpoints | undefined,
  { scheme, port }: ProxyName,
  pick: (count: number) => number,
): ProxyAddress {
  const { name } = service.metadata
  const ports = service.spec.ports ?? []
  const wanted =
    port === ''
      ? ports.length === 1
        ? ports[0]
        : undefined
      : ports.find((one) => one.name === port || String(one.port) === port)
  if (port !== '' && wanted === undefined) {
    throw new StatusError(
      'ServiceUnavailable',
      `no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`,
    )
  }
  if (endpoints === undefined) throw noEndpoints(name)
  const portName = wanted?.name ?? ''
  const candidates = (endpoints.subsets ?? []).flatMap((subset) => {
    const found = (subset.ports ?? []).find((one) => (one.name ?? '') === portName)
    return found === undefined ? [] : (subset.addresses ?? []).map(({ ip }) => ({ host: ip, port: found.port }))
  })
  const chosen = candidates[pick(candidates.length)]
  if (chosen === undefined) throw noEndpoints(name)
  return { scheme: scheme === '' ? 'http' : scheme, ...chosen }
}

function noEndpoints(name: string): StatusError {
  return new StatusError('ServiceUnavailable', `no endpoints available for service ${JSON.stringify(name)}`)
}

/** A port of the node that is not the kubelet's. */
export function nodePortAddress(node: Node, { scheme, port }: ProxyName, types: readonly string[]): ProxyAddress {
  const addresses = node.status?.addresses ?? []
  const host = types.map((type) => addresses.find((one) => one.type === type)?.address).find((one) => one !== undefined)
  const chosen = Number(port)
  if (host === undefined || !Number.isInteger(chosen))
    throw badRequest(`invalid node request ${JSON.stringify(`${node.metadata.name}:${port}`)}`)
  return { scheme: scheme === '' ? 'http' : scheme, host, port: chosen }
}
