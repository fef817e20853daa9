/** `/openapi/v2` and `/openapi/v3`, following the served resources. */
import { readFile } from 'node:fs/promises'
import type { Resource } from '../../api/resource.ts'
import { createOpenApiDocuments, type OpenApiDocuments } from '../../apimachinery/openapi/documents.ts'
import type { Describe } from '../../apimachinery/openapi/names.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { send } from '../http/respond.ts'
import { methodNotAllowed } from '../registry/keys.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'

/** Written beside the bundle by `apimachinery/openapi/descriptions.mjs`; absent when run from source. */
const descriptionsFile = new URL('./api-descriptions.json', import.meta.url)

/** Answers OpenAPI requests; the returned function says whether there was a document. */
export function createOpenApiHandler(
  schemas: Schemas,
  resources: ResourceRegistry,
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
    const answer = documents.answer(info.path.replace(/\/+$/, ''), String(incoming.headers.accept ?? ''))
    if (answer === undefined) return false
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD') throw methodNotAllowed()
    const { contentType, body, etag } = answer
    const headers = { etag, vary: 'Accept' }
    if (incoming.headers['if-none-match'] === etag) {
      response.writeHead(304, headers)
      response.end()
    } else await send(request, response, 200, contentType, body)
    return true
  }
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
