/** Everything that is not a resource: discovery, OpenAPI, version, health, metrics, the token issuer's documents. */
import { createHash } from 'node:crypto'
import { StatusError } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { HealthChecks } from '../../component-base/health.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { kubernetesVersion } from '../../component-base/version.ts'
import type { RemoteDiscovery } from '../aggregator/discovery.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { negotiatePlain, refuseUnproducible } from '../http/negotiation.ts'
import { protobufAnswerType } from '../http/protobuf-answer.ts'
import { send, sendObject, sendText } from '../http/respond.ts'
import { methodNotAllowed } from '../registry/keys.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import { debugPage, debugPaths } from './debug-pages.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts'

export type PlainContext = {
  readonly resources: ResourceRegistry
  readonly remote: RemoteDiscovery
  readonly health: HealthChecks
  readonly metrics: Registry
  readonly slis: { readonly registry: Registry }
  readonly debug: {
    readonly flags: Readonly<Record<string, unknown>>
    readonly startedMs: number
    readonly clock: Clock
  }
  readonly serverAddress: string
  readonly issuerDocument: object
  readonly keySet: object
  /** OpenAPI documents by path; `undefined` for a path that has none. */
  readonly openapi: (request: ApiRequest, response: ApiResponse) => Promise<boolean>
}

/** Answers a request outside of the resources. */
export async function answerPlainPath(
  context: PlainContext,
  request: ApiRequest,
  response: ApiResponse,
): Promise<void> {
  if (request.info.unreadable !== undefined) {
    sendText(response, 500, `Internal Server Error: ${htmlText(request.info.unreadable)}\n`)
    return
  }
  // Only what goes through upstream's router is found with a slash at its end.
  const path = request.info.path.replace(/(?<=.)\/+$/, '')
  if (await answerHealth(context, request, response, request.info.path)) return
  if (answerDebug(context, request, response)) return
  const document = documentAt(context, path)
  if (document !== undefined) {
    await answerDocument(context, request, response, path, document)
    return
  }
  if (path.startsWith('/openapi/') && (await context.openapi(request, response))) return
  if (isUnknownVersion(context, path)) {
    throw new StatusError('NotFound', 'the server could not find the requested resource', {})
  }
  sendText(response, 404, '404 page not found\n')
}

function answerDebug(
  { debug: { flags, startedMs, clock } }: PlainContext,
  { info, incoming }: ApiRequest,
  response: ApiResponse,
): boolean {
  const page = debugPage(info.path, incoming.method, { flags, startedMs, nowMs: clock.now() })
  if (page === undefined) return false
  const { status, contentType, body, location } = page
  response.writeHead(status, {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
    ...(location === undefined ? {} : { location }),
  })
  response.end(body)
  return true
}

async function answerDocument(
  context: PlainContext,
  request: ApiRequest,
  response: ApiResponse,
  path: string,
  { object, form }: Document,
): Promise<void> {
  const { headers, method } = request.incoming
  if (form !== 'any' && method !== 'GET') throw methodNotAllowed()
  if (form === 'version') {
    refuseUnproducible(headers, ['application/json'])
    // Written for people, whoever asks.
    sendBytes(response, Buffer.from(JSON.stringify(object, undefined, 2)), { 'content-type': 'application/json' })
    return
  }
  if (form === 'key set') {
    const headersOfKeys = { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=3600' }
    sendBytes(response, Buffer.from(JSON.stringify(object)), headersOfKeys)
    return
  }
  if (form === 'issuer') {
    const headersOfIssuer = { 'content-type': 'application/json', 'cache-control': 'public, max-age=3600' }
    sendBytes(response, Buffer.from(JSON.stringify(object)), headersOfIssuer)
    return
  }
  if ((path === '/api' || path === '/apis') && answerAggregated(context, request, response, path)) return
  if (form === 'routed') refuseUnproducible(headers)
  await sendObject(request, response, 200, object, negotiatePlain(headers, request.query))
}

function sendBytes(response: ApiResponse, body: Buffer, headers: Readonly<Record<string, string>>): void {
  response.writeHead(200, { ...headers, 'content-length': body.length })
  response.end(body)
}

/** As `http.Error` of Go shows what a client has sent. */
function htmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Below a served group an unknown path is a `Status`; elsewhere it is upstream's plain page. */
function isUnknownVersion({ resources }: PlainContext, path: string): boolean {
  const [, prefix, group] = path.split('/')
  return prefix === 'api' || (prefix === 'apis' && resources.groups().some((served) => served.group === group))
}

async function answerHealth(
  { health, metrics, slis }: PlainContext,
  request: ApiRequest,
  response: ApiResponse,
  path: string,
): Promise<boolean> {
  if (path === '/metrics' || path === '/metrics/slis') {
    const { registry } = path === '/metrics' ? { registry: metrics } : slis
    await send(request, response, 200, registry.contentType, Buffer.from(await registry.metrics()))
    return true
  }
  const answer = await health.answer(path, request.query)
  if (answer === undefined) return false
  const isOneCheck = path.indexOf('/', 1) !== -1
  if (isOneCheck && answer.status === 200) {
    sendBytes(response, Buffer.from(answer.body), { 'content-type': 'text/plain; charset=utf-8' })
  } else sendText(response, answer.status, answer.body)
  return true
}

/** `any`: whatever the method. `routed`: GET only, as everything that goes through upstream's router. */
type Document = {
  readonly object: object
  readonly form: 'any' | 'routed' | 'version' | 'issuer' | 'key set'
}

function documentAt(context: PlainContext, path: string): Document | undefined {
  if (path === '/.well-known/openid-configuration') return { object: context.issuerDocument, form: 'issuer' }
  if (path === '/openid/v1/jwks') return { object: context.keySet, form: 'key set' }
  if (path === '/version') return { object: versionInfo, form: 'version' }
  const object = objectAt(context, path)
  if (object === undefined) return undefined
  const isListOfGroups = path === '/' || path === '/index.html' || /^\/apis(?:\/[^/]*)?$/.test(path)
  return { object, form: isListOfGroups ? 'any' : 'routed' }
}

function objectAt(context: PlainContext, path: string): object | undefined {
  const { resources } = context
  const [, first = '', second = '', third = '', fourth] = path.split('/')
  if (path === '' || path === '/' || path === '/index.html') return { paths: allPaths(context) }
  if (first === 'api' && third === '') {
    return second === '' ? apiVersions(context.serverAddress) : apiResourceList(resources, '', second)
  }
  if (first !== 'apis' || fourth !== undefined) return undefined
  if (second === '' && third !== '') return undefined
  if (second === '') return apiGroupList(resources, context.remote)
  return third === '' ? apiGroup(resources, second, context.remote) : apiResourceList(resources, second, third)
}

const [major = '1', minor = '36'] = kubernetesVersion.slice(1).split('.')
const versionInfo = {
  major,
  minor,
  emulationMajor: major,
  emulationMinor: minor,
  minCompatibilityMajor: major,
  minCompatibilityMinor: String(Number(minor) - 1),
  gitVersion: kubernetesVersion,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node${process.versions.node}`,
  compiler: 'v8',
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
}

function allPaths({ resources, health }: PlainContext): readonly string[] {
  const groups = resources
    .groups()
    .flatMap(({ group, versions }) =>
      group === ''
        ? ['/api', ...versions.map((version) => `/api/${version}`)]
        : [`/apis/${group}`, ...versions.map((version) => `/apis/${group}/${version}`)],
    )
  const others = [
    '/.well-known/openid-configuration',
    '/apis',
    '/apis/',
    ...health.paths(),
    ...debugPaths,
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
    '/openapi/v3/',
    '/openid/v1/jwks',
    '/version',
  ]
  return [...groups, ...others].toSorted()
}

/** One document for all groups, for clients that ask for it by name. */
function answerAggregated(
  { resources, remote }: PlainContext,
  { incoming, protobuf }: ApiRequest,
  response: ApiResponse,
  path: string,
): boolean {
  const wanted = aggregatedType(incoming.headers.accept ?? '')
  if (wanted === undefined) return false
  const json = Buffer.from(`${JSON.stringify(aggregatedDiscovery(resources, path === '/api', remote))}\n`)
  const body = wanted.startsWith('application/json') ? json : (protobuf(json) ?? json)
  const etag = `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"`
  const headers = { etag, vary: 'Accept', 'cache-control': 'public' }
  if (incoming.headers['if-none-match'] === etag) {
    response.writeHead(304, headers)
    response.end()
  } else sendBytes(response, body, { ...headers, 'content-type': wanted })
  return true
}

/** The first media type that the client accepts decides. */
function aggregatedType(accept: string): string | undefined {
  for (const part of accept.split(',')) {
    const type = part.replaceAll(' ', '')
    const [form = ''] = type.split(';')
    if (form !== 'application/json' && form !== protobufAnswerType) continue
    const isAggregated = type.includes('as=APIGroupDiscoveryList') && type.includes('g=apidiscovery.k8s.io')
    if (isAggregated && /;v=v2(?:;|$)/.test(type)) return `${form};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`
    if (!isAggregated) return undefined
  }
  return undefined
}
