/** `/openapi/v2` and `/openapi/v3`, following the served resources. */
import { readFile } from 'node:fs/promises'
import type { Resource } from '../../api/resource.ts'
import {
  createOpenApiDocuments,
  type OpenApiAnswer,
  type OpenApiDocuments,
} from '../../apimachinery/openapi/documents.ts'
import type { Describe } from '../../apimachinery/openapi/names.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { send } from '../http/respond.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'

/** Written beside the bundle by `apimachinery/openapi/descriptions.mjs`; absent when run from source. */
const descriptionsFile = new URL('./api-descriptions.json', import.meta.url)

/** Answers OpenAPI requests; the returned function says whether there was a document. */
export function createOpenApiHandler(
  schemas: Schemas,
  resources: ResourceRegistry,
  clock: Clock,
): (request: ApiRequest, response: ApiResponse) => Promise<boolean> {
  let documents: OpenApiDocuments | undefined
  let descriptions: Promise<Describe> | undefined
  resources.onChange(() => {
    documents = undefined
  })
  return async (request, response) => {
    descriptions ??= readDescriptions(descriptionsFile)
    const describe = await descriptions
    documents ??= createOpenApiDocuments({
      schemas,
      resources: resources.all().map(({ facts }) => facts),
      describe,
      revisionOf: ({ group, version }) => revisionOf(schemas, resources.inGroupVersion(group, version)),
    })
    const { incoming, info } = request
    const accept = String(incoming.headers.accept ?? '')
    const answer = documents.answer(info.path, accept)
    if (answer === undefined) {
      if (!info.path.startsWith('/openapi/v3/')) return false
      end(response, 404, { vary: 'Accept' })
    } else if (!speaksJson(accept) && answer.contentType === 'application/json') end(response, 406, { vary: 'Accept' })
    else await sendDocument(request, response, answer, clock.now())
    return true
  }
}

const yearMs = 365 * 24 * 60 * 60 * 1000

async function sendDocument(
  request: ApiRequest,
  response: ApiResponse,
  { contentType, body, etag }: OpenApiAnswer,
  nowMs: number,
): Promise<void> {
  const { incoming, query, info } = request
  const isGroup = info.path.startsWith('/openapi/v3/')
  const headers = { etag, vary: isGroup ? 'Accept' : 'Accept-Encoding, Accept' }
  const hash = query.get('hash') ?? ''
  if (isGroup && hash !== '' && `"${hash}"` !== etag) {
    end(response, 301, { ...headers, 'content-type': contentType, location: `${info.path}?hash=${etag.slice(1, -1)}` })
  } else if (incoming.headers['if-none-match'] === etag) end(response, 304, headers)
  else {
    // What a hash names never changes.
    const kept =
      isGroup && hash !== ''
        ? { 'cache-control': 'public, immutable', expires: new Date(nowMs + yearMs).toUTCString() }
        : {}
    await send(request, response, 200, contentType, body, { ...headers, ...kept })
  }
}

function end(response: ApiResponse, code: number, headers: Readonly<Record<string, string>>): void {
  response.writeHead(code, headers)
  response.end()
}

function speaksJson(accept: string): boolean {
  return accept === '' || /(?:^|,)\s*(?:application\/(?:json|\*)|\*\/\*)\s*(?:;|,|$)/.test(accept)
}

/** Schemas of custom kinds may change while all else stays the same. */
function revisionOf({ structs }: Schemas, resources: readonly Resource[]): string {
  const schemas = resources.flatMap(({ definition }) => structs.get(definition)?.custom?.schema ?? [])
  return schemas.length === 0 ? '' : JSON.stringify(schemas)
}

/** The prose of definitions and fields; without the file there is none. */
async function readDescriptions(file: URL): Promise<Describe> {
  const text = await readFile(file, 'utf8').catch(() => '{}')
  const all = new Map(Object.entries(JSON.parse(text) as Record<string, [string, Record<string, string>]>))
  return (definition, field) => {
    const found = all.get(definition)
    const words = field === undefined ? found?.[0] : found?.[1][field]
    return words === '' ? undefined : words
  }
}
