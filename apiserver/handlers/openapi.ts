/** `/openapi/v2` and `/openapi/v3`, following the served resources. */
import { createOpenApiDocuments, type OpenApiDocuments } from '../../apimachinery/openapi/documents.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { send } from '../http/respond.ts'
import { methodNotAllowed } from '../registry/keys.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'

/** Answers OpenAPI requests; the returned function says whether there was a document. */
export function createOpenApiHandler(
  schemas: Schemas,
  resources: ResourceRegistry,
): (request: ApiRequest, response: ApiResponse) => Promise<boolean> {
  let documents: OpenApiDocuments | undefined
  resources.onChange(() => {
    documents = undefined
  })
  return async (request, response) => {
    documents ??= createOpenApiDocuments({ schemas, resources: resources.all().map(({ facts }) => facts) })
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
