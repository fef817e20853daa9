/** What a proxy path is about: `[scheme:]name[:port]`, and which address that is. Pure. */
import type { EndpointAddress, Endpoints, Node, Pod, Service } from '../../api/core/v1.ts'
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
  if (host === '' || isOwnLink(host)) throw badRequest('address not allowed')
  const declared = pod.spec.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort
  const chosen = port === '' ? (declared ?? (scheme === 'https' ? 443 : 80)) : Number(port)
  if (!Number.isInteger(chosen) || chosen <= 0 || chosen > 65535)
    throw badRequest(`invalid pod request "${pod.metadata.name}:${port}"`)
  return { scheme: scheme === '' ? 'http' : scheme, host, port: chosen }
}

/** What only this machine, or its link, can reach is nobody else's. Source: `proxyutil.IsProxyableIP`. */
function isOwnLink(host: string): boolean {
  return /^(?:127\.|169\.254\.|::1$|fe[89ab][0-9a-f]:)/i.test(host)
}

/** The port's name where the URL gives its number. Throws ServiceUnavailable. */
export function portName({ metadata, spec }: Service, port: string): string {
  const found = (spec.ports ?? []).find((one) => one.port === Number(port))
  if (found !== undefined) return found.name ?? ''
  const message = `no service port ${Number(port)} found for service ${JSON.stringify(metadata.name)}`
  throw new StatusError('ServiceUnavailable', message)
}

/**
 * One endpoint of the port with this name; `isPod` says whether an address is that of the pod it refers to: who may write
 * endpoints must not send the server anywhere. `pick` chooses where to begin among them.
 */
export function serviceAddress(
  id: string,
  endpoints: Endpoints,
  { scheme, name, port }: ProxyName,
  isPod: (address: EndpointAddress) => boolean,
  pick: (count: number) => number,
): ProxyAddress {
  const subsets = endpoints.subsets ?? []
  if (subsets.length === 0) throw noEndpoints(name)
  const candidates = subsets.flatMap((subset) => {
    const found = (subset.ports ?? []).find((one) => (one.name ?? '') === port)
    return found === undefined ? [] : (subset.addresses ?? []).map((address) => ({ address, port: found.port }))
  })
  const first = pick(candidates.length)
  const inTurn = [...candidates.slice(first), ...candidates.slice(0, first)]
  const chosen = inTurn.find(({ address }) => isPod(address))
  if (chosen === undefined) throw noEndpoints(id)
  return { scheme: scheme === '' ? 'http' : scheme, host: chosen.address.ip, port: chosen.port }
}

/** Whether an address is one of its pod's, and the pod is in the namespace of the request. */
export function isPodAddress(
  { ip, targetRef }: EndpointAddress,
  namespace: string,
  podNamed: (name: string) => Pod | undefined,
): boolean {
  if (targetRef?.name === undefined || targetRef.namespace !== namespace) return false
  return (podNamed(targetRef.name)?.status?.podIPs ?? []).some((one) => one.ip === ip)
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
