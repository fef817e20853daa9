/** PATCH in its four content types; each is a function from the current object to the next one. */
import type { ApiObject } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { applyJsonPatch } from '../../apimachinery/patch/json-patch.ts'
import { applyMergePatch } from '../../apimachinery/patch/merge-patch.ts'
import { applyStrategicMerge } from '../../apimachinery/patch/strategic-merge.ts'
import { JsonSyntaxError, parseJson } from '../../apimachinery/schema/parse-json.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import { badRequest, invalid } from '../../apimachinery/status.ts'
import { unsupportedMediaType } from '../http/body.ts'
import { mediaTypeOf, negotiateOutput } from '../http/negotiation.ts'
import { decodeResource } from '../registry/decode.ts'
import { applyPatch } from './apply.ts'
import type { ResourceHandler } from './context.ts'
import { parseWriteOptions } from './write-options.ts'
import { sendWritten } from './written.ts'

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]

/** PATCH of an object or its status. */
export const patchObject: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal, warn } = request
  const type = mediaTypeOf(incoming.headers)
  if (type === 'application/apply-patch+yaml') return await applyPatch(context, resource, request, response)
  refuseForce(query)
  const form = negotiateOutput(incoming.headers, query)
  const options = parseWriteOptions(request, 'PatchOptions')
  const { fieldValidation } = options
  const patch = patchFunction(context.schemas, resource.definition, type, await request.body())
  const object = await context.store.update(
    resource,
    { namespace: info.namespace, name: info.name },
    (current) => decodeResource(context.schemas, resource, { value: patch(asJson(current)), fieldValidation, warn }),
    { ...options, subresource: info.subresource },
    signal,
  )
  await sendWritten(context, resource, request, response, { code: 200, object, form })
}

/** Source: `ValidatePatchOptions`. */
function refuseForce(query: URLSearchParams): void {
  if (query.get('force') === null) return
  const message = 'Forbidden: may not be specified for non-apply patch'
  throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
    { reason: 'FieldValueForbidden', field: 'force', message },
  ])
}

/** Reads a patch body; the result applies it to any state of the object. Throws UnsupportedMediaType or BadRequest. */
export function patchFunction(
  schemas: Schemas,
  definition: string,
  mediaType: string,
  body: Buffer,
): (current: JsonObject) => JsonObject {
  switch (mediaType) {
    case 'application/json-patch+json': {
      const patch = parsePatch(body)
      return (current) => applyJsonPatch(current, patch)
    }
    case 'application/merge-patch+json': {
      const patch = parsePatch(body)
      return (current) => applyMergePatch(current, patch)
    }
    case 'application/strategic-merge-patch+json': {
      const patch = parsePatch(body)
      return (current) => applyStrategicMerge(schemas, definition, current, patch)
    }
    default:
      throw unsupportedMediaType(patchTypes)
  }
}

function parsePatch(body: Buffer): unknown {
  try {
    return parseJson(body.toString('utf8')).value
  } catch (error) {
    throw error instanceof JsonSyntaxError ? badRequest(`error decoding patch: ${error.message}`) : error
  }
}

/** API objects are JSON. */
function asJson(object: ApiObject): JsonObject {
  return object as unknown as JsonObject
}
