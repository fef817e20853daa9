/** `nodes/proxy`, `pods/proxy`, `services/proxy`: any request, passed on to a kubelet, a pod, or one endpoint of a service. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { EndpointAddress, Endpoints, Pod, Service } from '../../api/core/v1.ts'
import { badRequest, notFound } from '../../apimachinery/status.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import { served } from './answers.ts'
import { linkRewriter } from './html-links.ts'
import { type Backend, explained, hostPort, type KubeletClientOptions, openRequest } from './kubelet-client.ts'
import { admissionOfConnection } from './own-kind.ts'
import { nodeBackend } from './pod-backend.ts'
import { isHidden, tunnel } from './pod-streams.ts'
import {
  isPodAddress,
  nodePortAddress,
  type ProxyAddress,
  type ProxyName,
  parseProxyName,
  podAddress,
  portName,
  serviceAddress,
} from './proxy-target.ts'
import { relay } from './relay.ts'
import type { SubresourceContext, SubresourceHandler } from './subresource.ts'

type Options = { readonly kubelet: () => KubeletClientOptions; readonly random: () => number }

/** OPTIONS and other methods have no verb of the API; as upstream, only who may do everything may send them. */
const verbs = ['get', 'create', 'update', 'patch', 'delete', '']
/** Hop-by-hop headers end at a proxy. */
const hopHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** One handler for each of the three. */
export function proxyHandlers(options: Options): readonly SubresourceHandler[] {
  return ['nodes', 'pods', 'services'].map((plural) => ({
    group: '',
    plural,
    subresource: 'proxy',
    verbs,
    handle: async (request, response, context) => {
      const backend = await locate(request, context, options)
      const redirect = rootRedirect(request.incoming)
      if (redirect === undefined) await forward(request, response, backend)
      else {
        response.writeHead(301, { Location: redirect })
        response.end()
      }
      return undefined
    },
    upgrade: async (request: ApiRequest, socket: Duplex, head: Buffer, context: SubresourceContext) => {
      const backend = await locate(request, context, options)
      await tunnel({ request, socket, head, backend, path: backendPath(request.incoming.url) })
    },
  }))
}

async function locate(request: ApiRequest, context: SubresourceContext, options: Options): Promise<Backend> {
  const { info } = request
  const resource = served(context.store, '', info.resource)
  const [, , ...rest] = info.parts
  const admission = admissionOfConnection(request, context, { resource, subresource: 'proxy', name: info.name })
  const path = `/${rest.slice(1).join('/')}`
  const sent = {
    kind: `${resource.facts.kind}ProxyOptions`,
    apiVersion: 'v1',
    ...(splitOnce(request.incoming.url, '?')[0] === proxyPrefix(request.incoming.url) ? {} : { path }),
  }
  await admission.validate(await admission.mutate(sent))
  const target = parseProxyName(info.name)
  if (target === undefined || target.name === '') {
    throw badRequest(`invalid ${info.resource.slice(0, -1)} request ${JSON.stringify(info.name)}`)
  }
  const key = { namespace: resource.facts.namespaced ? info.namespace : '', name: target.name }
  if (info.resource === 'services') return plain(await endpointOf(request, target, context, options))
  const object = await context.store.get(resource, key, request.signal)
  if (info.resource === 'pods') return plain(podAddress(object as unknown as Pod, target))
  return nodeTarget(target, context, options)
}

/** Source: `ResourceLocation` of services. */
async function endpointOf(
  { info, signal }: ApiRequest,
  target: ProxyName,
  { store, reader }: SubresourceContext,
  { random }: Options,
): Promise<ProxyAddress> {
  const { namespace } = info
  const { name, port } = target
  const services = served(store, '', 'services')
  const isNumber = /^[+-]?\d+$/.test(port)
  const service = isNumber ? await store.get(services, { namespace, name }, signal) : undefined
  const wanted = service === undefined ? target : { ...target, port: portName(service as unknown as Service, port) }
  const endpoints: Endpoints | undefined = read(reader, kinds.endpoints, namespace, name)
  if (endpoints === undefined) throw notFound(services.facts, name)
  const isPod = (address: EndpointAddress): boolean =>
    isPodAddress(address, namespace, (pod) => read(reader, kinds.pods, namespace, pod))
  return serviceAddress(info.name, endpoints, wanted, isPod, (count) => Math.floor(random() * count))
}

/** Without a port, or with the kubelet's own, the kubelet is meant, and it gets our certificate. */
function nodeTarget(target: ProxyName, { reader }: SubresourceContext, { kubelet }: Options): Backend {
  const backend = nodeBackend(reader, target.name, kubelet())
  if (target.port === '' || Number(target.port) === backend.port) return backend
  const node = read(reader, kinds.nodes, '', target.name)
  return node === undefined ? backend : plain(nodePortAddress(node, target, kubelet().preferredAddressTypes))
}

function plain({ scheme, host, port }: ProxyAddress): Backend {
  return { protocol: scheme, host, port }
}

/** What follows `/proxy` in the URL, query included. */
export function backendPath(url: string): string {
  const [path = '', query] = splitOnce(url, '?')
  const rest = path.split('/').slice(proxySegment(path) + 1)
  return `/${rest.join('/')}${query === undefined ? '' : `?${query}`}`
}

/**
 * Where a read of the bare `…/proxy` is sent, so that a page's relative links stay below it.
 * Source: upstream's `proxyRedirectsforRootPath`.
 */
export function rootRedirect({ method, url }: { readonly method: string; readonly url: string }): string | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined
  const [path, query] = splitOnce(url, '?')
  if (path !== proxyPrefix(url)) return undefined
  return `${path}/${query === undefined || query === '' ? '' : `?${query}`}`
}

/** The URL up to `/proxy`: what the backend's `/` is for the client. */
function proxyPrefix(url: string): string {
  const [path = ''] = splitOnce(url, '?')
  return path
    .split('/')
    .slice(0, proxySegment(path) + 1)
    .join('/')
}

/** `/api/v1/nodes/x/proxy` or `/api/v1/namespaces/n/pods/x/proxy`; names may be `proxy` too. */
function proxySegment(path: string): number {
  return path.split('/')[3] === 'namespaces' ? 7 : 5
}

function splitOnce(text: string, separator: string): readonly [string, string?] {
  const at = text.indexOf(separator)
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

async function forward(request: ApiRequest, response: ApiResponse, backend: Backend): Promise<void> {
  const { incoming, stream, signal } = request
  const path = backendPath(incoming.url)
  const prefix = proxyPrefix(incoming.url)
  const opened = openRequest(
    backend,
    { method: incoming.method, path, headers: forwardedHeaders(request, backend) },
    signal,
  )
  const sent = pipeline(stream, opened.request).catch(() => {
    // The answer's promise reports what went wrong with the connection.
  })
  const answer = await opened.response.catch((error: unknown) => {
    throw explained(error, 'error trying to reach service', 'ServiceUnavailable', 503)
  })
  const headers = Object.entries(answer.headersDistinct).flatMap(([name, values]): [string, readonly string[]][] =>
    values === undefined || hopHeaders.has(name)
      ? []
      : [[name, name === 'location' ? values.map((one) => relocated(one, prefix)) : values]],
  )
  const isPage = isPlainPage(answer.headers)
  const kept = isPage ? headers.filter(([name]) => name !== 'content-length') : headers
  response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept))
  const base = { prefix, backendHost: hostPort(backend) }
  if (isPage) {
    const page = linkRewriter(base)
    const rewritten = pipeline(answer, page).catch(() => {
      // The page is destroyed with the answer's error, and the relay ends with it.
    })
    await relay(page, response, signal)
    await rewritten
  } else await relay(answer, response, signal)
  await sent
}

/** A page in an encoding that we can read; others pass with the links they have. */
function isPlainPage(headers: IncomingHttpHeaders): boolean {
  return (
    /^text\/html\b/i.test(headers['content-type'] ?? '') && (headers['content-encoding'] ?? 'identity') === 'identity'
  )
}

function forwardedHeaders(
  { incoming }: ApiRequest,
  backend: Backend,
): Readonly<Record<string, string | readonly string[]>> {
  const kept = Object.entries(incoming.headers).filter(([name]) => !isHidden(name) && !hopHeaders.has(name))
  return {
    ...Object.fromEntries(kept.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    host: hostPort(backend),
    ...(incoming.headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }),
  }
}

/** A redirect to a path of the backend is one below the proxy's path for the client. */
function relocated(location: string, prefix: string): string {
  return location.startsWith('/') && !location.startsWith(prefix) ? `${prefix}${location}` : location
}
