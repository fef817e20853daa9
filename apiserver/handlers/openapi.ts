/** The OpenAPI documents over HTTP. Clients keep them by `ETag`, and v3 ones for good by the hash in their address. */
import { createOpenApiDocuments, type OpenApiDocuments } from '../../apimachinery/openapi/documents.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { send } from '../http/respond.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'

/** A handler for `/openapi/…`; resolves to false when the path has no document. */
export function openApiHandler(
  resources: ResourceRegistry,
  schemas: Schemas,
): (request: ApiRequest, response: ApiResponse) => Promise<boolean> {
  let documents: OpenApiDocuments | undefined
  resources.onChange(() => {
    documents = undefined
  })
  return async (request, response) => {
    documents ??= createOpenApiDocuments({ schemas, resources: resources.all().map(({ facts }) => facts) })
    const { incoming, info, query } = request
    const answer = documents.answer(info.path.replace(/\/+$/, ''), incoming.headers.accept ?? '')
    if (answer === undefined) return false
    const headers = {
      etag: answer.etag,
      vary: 'Accept',
      ...(query.has('hash') ? { 'cache-control': 'public, immutable' } : {}),
    }
    if (incoming.headers['if-none-match'] === answer.etag) {
      response.writeHead(304, headers)
      response.end()
    } else await send(request, withHeaders(response, headers), 200, answer.contentType, answer.body)
    return true
  }
}

/** Adds headers to those that `send` writes. */
function withHeaders(response: ApiResponse, extra: Readonly<Record<string, string>>): ApiResponse {
  const writeHead = response.writeHead.bind(response)
  response.writeHead = (code, headers) => writeHead(code, { ...headers, ...extra })
  return response
}
