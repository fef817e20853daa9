/** Everything that is not a resource: discovery, OpenAPI, version, health, metrics, the token issuer's documents. */
import { createHash } from 'node:crypto'
import { StatusError } from '../../apimachinery/status.ts'
import type { HealthChecks } from '../../component-base/health.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { kubernetesVersion } from '../../component-base/version.ts'
import type { RemoteDiscovery } from '../aggregator/discovery.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { send, sendObject, sendText } from '../http/respond.ts'
import { methodNotAllowed } from '../registry/keys.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts'

export type PlainContext = {
  readonly resources: ResourceRegistry
  readonly remote: RemoteDiscovery
  readonly health: HealthChecks
  readonly metrics: Registry
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
  const path = request.info.path.replace(/(?<=.)\/+$/, '')
  if (await answerHealth(context, request, response, path)) return
  const object = objectAt(context, path)
  if (object !== undefined) {
    if (request.info.verb !== 'get' && request.info.verb !== 'head') throw methodNotAllowed()
    if ((path === '/api' || path === '/apis') && (await answerAggregated(context, request, response, path))) return
    await sendObject(request, response, 200, object, negotiateOutput(request.incoming.headers, request.query))
    return
  }
  if (path.startsWith('/openapi/') && (await context.openapi(request, response))) return
  if (isUnknownVersion(context, path)) {
    throw new StatusError('NotFound', 'the server could not find the requested resource', {})
  }
  sendText(response, 404, '404 page not found\n')
}

/** Below a served group an unknown path is a `Status`; elsewhere it is upstream's plain page. */
function isUnknownVersion({ resources }: PlainContext, path: string): boolean {
  const [, prefix, group] = path.split('/')
  return prefix === 'apis' && resources.groups().some((served) => served.group === group)
}

async function answerHealth(
  { health, metrics }: PlainContext,
  request: ApiRequest,
  response: ApiResponse,
  path: string,
): Promise<boolean> {
  if (path === '/metrics') {
    const text = await metrics.metrics()
    await send(request, response, 200, metrics.contentType, Buffer.from(text))
    return true
  }
  const answer = await health.answer(path, request.query)
  if (answer === undefined) return false
  sendText(response, answer.status, answer.body)
  return true
}

function objectAt(context: PlainContext, path: string): object | undefined {
  const { resources } = context
  const [, first = '', second = '', third = '', fourth] = path.split('/')
  if (path === '' || path === '/') return { paths: allPaths(context) }
  if (path === '/version') return versionInfo
  if (path === '/.well-known/openid-configuration') return context.issuerDocument
  if (path === '/openid/v1/jwks') return context.keySet
  if (first === 'api' && third === '') {
    return second === '' ? apiVersions(context.serverAddress) : apiResourceList(resources, '', second)
  }
  if (first !== 'apis' || fourth !== undefined) return undefined
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

function allPaths({ resources }: PlainContext): readonly string[] {
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
    '/healthz',
    '/livez',
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
    '/openid/v1/jwks',
    '/readyz',
    '/version',
  ]
  return [...groups, ...others].toSorted()
}

/** One document for all groups, for clients that ask for it by name. */
async function answerAggregated(
  { resources, remote }: PlainContext,
  request: ApiRequest,
  response: ApiResponse,
  path: string,
): Promise<boolean> {
  const wanted = aggregatedType(request.incoming.headers.accept ?? '')
  if (wanted === undefined) return false
  const body = Buffer.from(JSON.stringify(aggregatedDiscovery(resources, path === '/api', remote)))
  const etag = `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"`
  if (request.incoming.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag, vary: 'Accept' })
    response.end()
    return true
  }
  const headers = { etag, vary: 'Accept', 'content-type': wanted, 'content-length': body.length }
  response.writeHead(200, headers)
  response.end(body)
  return true
}

/** The first media type that the client accepts decides. */
function aggregatedType(accept: string): string | undefined {
  for (const part of accept.split(',')) {
    const type = part.replaceAll(' ', '')
    if (!type.startsWith('application/json')) continue
    const isAggregated = type.includes('as=APIGroupDiscoveryList') && type.includes('g=apidiscovery.k8s.io')
    if (isAggregated && /;v=v2(?:;|$)/.test(type))
      return 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    if (!isAggregated) return undefined
  }
  return undefined
}
