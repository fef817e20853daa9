/** Where a webhook is: the URL that its configuration means, and the address behind a Service. */
import type { WebhookClientConfig } from '../../../api/admissionregistration/v1.ts'
import type { Service } from '../../../api/core/v1.ts'
import type { EndpointSlice } from '../../../api/discovery/v1.ts'
import type { ObjectReader } from '../../registry/reader.ts'
import { kinds, read, readAll } from '../../registry/typed-reader.ts'

export type Target = {
  /** What messages show. */
  readonly url: string
  /** The name that the certificate must be for. */
  readonly serverName: string
  readonly host: string
  readonly port: number
  /** Path and query. */
  readonly path: string
}

/** The service is not there, or nothing serves it. */
export class NoTarget extends Error {
  override readonly name = 'NoTarget'
  readonly url: string

  constructor(url: string, message: string) {
    super(message)
    this.url = url
  }
}

const serviceNameLabel = 'kubernetes.io/service-name'

/** Finds the webhook; `pick` chooses among the endpoints of a Service. Throws `NoTarget`. */
export function targetOf(
  { url, service }: WebhookClientConfig,
  timeoutSeconds: number,
  reader: ObjectReader,
  pick: (count: number) => number,
): Target {
  const query = `timeout=${timeoutSeconds}s`
  if (service === undefined) {
    const parsed = new URL(url ?? '')
    parsed.search = query
    const { hostname, port, pathname, search, href } = parsed
    const host = hostname.replace(/^\[|\]$/g, '')
    return { url: href, serverName: host, host, port: port === '' ? 443 : Number(port), path: `${pathname}${search}` }
  }
  const { namespace, name, port = 443, path = '' } = service
  const serverName = `${name}.${namespace}.svc`
  const full = `${path === '' ? '/' : path}?${query}`
  const shown = `https://${serverName}:${port}${full}`
  const found = read(reader, kinds.services, namespace, name)
  if (found === undefined) throw new NoTarget(shown, `service ${JSON.stringify(name)} not found`)
  const slices = readAll(reader, kinds.endpointSlices, namespace).filter(
    ({ metadata }) => metadata.labels?.[serviceNameLabel] === name,
  )
  const address = addressOf(found, slices, port, pick)
  if (typeof address === 'string') throw new NoTarget(shown, address)
  return { url: shown, serverName, path: full, ...address }
}

type Address = { readonly host: string; readonly port: number }

/** Endpoints rather than the cluster's address: this machine need not run a proxy for Services. */
export function addressOf(
  { metadata: { name }, spec }: Service,
  slices: readonly EndpointSlice[],
  port: number,
  pick: (count: number) => number,
): Address | string {
  if (spec.type === 'ExternalName') return { host: spec.externalName ?? '', port }
  const wanted = (spec.ports ?? []).find((one) => one.port === port)
  if (wanted === undefined) return `no service port ${port} found for service ${JSON.stringify(name)}`
  const addresses = slices.flatMap(({ endpoints, ports }): readonly Address[] => {
    const target = (ports ?? []).find((one) => (one.name ?? '') === (wanted.name ?? ''))?.port
    if (target === undefined) return []
    const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
    return ready.flatMap(({ addresses: hosts }) => hosts.slice(0, 1).map((host) => ({ host, port: target })))
  })
  return addresses[pick(addresses.length)] ?? `no endpoints available for service ${JSON.stringify(name)}`
}
