/** `/openapi/v2` and `/openapi/v3`, following the served resources. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Resource } from '../../api/resource.ts'
import {
  createOpenApiDocuments,
  type OpenApiAnswer,
  type OpenApiDocuments,
  type OpenApiForm,
} from '../../apimachinery/openapi/documents.ts'
import { gnosticAccepted } from '../../apimachinery/openapi/gnostic-v2.ts'
import { gnosticV3Accepted } from '../../apimachinery/openapi/gnostic-v3.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { firstAccepted } from '../http/negotiation.ts'
import { send } from '../http/respond.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Descriptions } from './descriptions.ts'

/** Answers OpenAPI requests; the returned function says whether there was a document. */
export function createOpenApiHandler(
  schemas: Schemas,
  resources: ResourceRegistry,
  clock: Clock,
  { describe, loaded }: Descriptions,
): (request: ApiRequest, response: ApiResponse) => Promise<boolean> {
  let documents: OpenApiDocuments | undefined
  let madeMs = 0
  resources.onChange(() => {
    documents = undefined
  })
  return async (request, response) => {
    await loaded
    if (documents === undefined) madeMs = clock.now()
    documents ??= createOpenApiDocuments({
      schemas,
      resources: resources.all().map(({ facts }) => facts),
      describe,
      revisionOf: ({ group, version }) => revisionOf(schemas, resources.inGroupVersion(group, version)),
    })
    const { incoming, info } = request
    const isVersion2 = info.path === '/openapi/v2'
    const isIndex = info.path === '/openapi/v3'
    const form = isIndex ? 'json' : firstAccepted(incoming.headers, isVersion2 ? forms.v2 : forms.v3)
    const answer = documents.answer(info.path, form ?? 'json')
    if (answer === undefined) {
      if (!info.path.startsWith('/openapi/v3/')) return false
      end(response, 404, {})
    } else if (form === undefined) end(response, 406, { vary: isVersion2 ? 'Accept-Encoding, Accept' : 'Accept' })
    else await sendDocument(request, response, answer, { madeMs, nowMs: clock.now() })
    return true
  }
}

const yearMs = 365 * 24 * 60 * 60 * 1000
/** Media types that clients may ask for. */
const forms: Readonly<Record<'v2' | 'v3', ReadonlyMap<string, OpenApiForm>>> = {
  v2: new Map([
    ['application/json', 'json'],
    ...gnosticAccepted.map((type): [string, OpenApiForm] => [type, 'protobuf']),
  ]),
  v3: new Map([
    ['application/json', 'json'],
    ...gnosticV3Accepted.map((type): [string, OpenApiForm] => [type, 'protobuf']),
  ]),
}

async function sendDocument(
  request: ApiRequest,
  response: ApiResponse,
  { contentType, body, etag }: OpenApiAnswer,
  { madeMs, nowMs }: { readonly madeMs: number; readonly nowMs: number },
): Promise<void> {
  const { incoming, query, info } = request
  const isPart = info.path.startsWith('/openapi/v3/')
  const hash = query.get('hash') ?? ''
  const headers = headersOf(info.path, etag)
  // The index has no tag, and it may change within the second that a date tells: it is always new, as upstream's.
  const isIndex = info.path === '/openapi/v3'
  if (isPart && hash !== '' && `"${hash}"` !== etag) {
    end(response, 301, { ...headers, 'content-type': contentType, location: `${info.path}?hash=${etag.slice(1, -1)}` })
  } else if (!isIndex && isUnchanged(incoming.headers, headers['etag'], madeMs)) end(response, 304, headers)
  else {
    // What a hash names never changes.
    const kept =
      isPart && hash !== ''
        ? { 'cache-control': 'public, immutable', expires: new Date(nowMs + yearMs).toUTCString() }
        : {}
    const lastModified = new Date(isIndex ? nowMs : madeMs).toUTCString()
    await send(request, response, 200, contentType, body, { ...headers, 'last-modified': lastModified, ...kept })
  }
}

/** The index has neither hash nor forms of its own: it comes from the aggregator. */
function headersOf(path: string, etag: string): Readonly<Record<string, string>> {
  if (path === '/openapi/v3') return {}
  return { etag, vary: path === '/openapi/v2' ? 'Accept-Encoding, Accept' : 'Accept' }
}

/** Source: `http.ServeContent`: the date counts only for those who name no tag. */
function isUnchanged(headers: IncomingHttpHeaders, etag: string | undefined, madeMs: number): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined) {
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  }
  const since = Date.parse(headers['if-modified-since'] ?? '')
  return !Number.isNaN(since) && Math.floor(madeMs / 1000) * 1000 <= since
}

function end(response: ApiResponse, code: number, headers: Readonly<Record<string, string>>): void {
  response.writeHead(code, headers)
  response.end()
}

/** Schemas of custom kinds may change while all else stays the same. */
function revisionOf({ structs }: Schemas, resources: readonly Resource[]): string {
  const schemas = resources.flatMap(({ definition }) => structs.get(definition)?.custom?.schema ?? [])
  return schemas.length === 0 ? '' : JSON.stringify(schemas)
}
