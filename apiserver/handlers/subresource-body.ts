/** Reading bodies for subresources: objects of any definition, and changes of any content type. */
import type { JsonObject } from '../../apimachinery/json.ts'
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { mediaTypeOf } from '../http/negotiation.ts'
import { decode } from '../registry/decode.ts'
import type { SubresourceContext } from '../subresources/subresource.ts'
import { patchFunction, patchRefusal } from './patch.ts'
import { parseWriteOptions, readObjectBody } from './write-options.ts'

/** The two body functions of `SubresourceContext`. */
export function subresourceBodies(schemas: Schemas): Pick<SubresourceContext, 'decodeBody' | 'changedObject'> {
  const decodeBody = async (request: ApiRequest, definition: string): Promise<JsonObject | undefined> => {
    const { fieldValidation } = parseWriteOptions(request, 'CreateOptions')
    const body = await request.body()
    if (body.length === 0) return undefined
    const kind = kindOf(schemas, definition)
    const read = { ...request, body: async () => body }
    const parsed = await readObjectBody(read, { schemas, definition, kind }, fieldValidation)
    return decode(schemas, definition, kind, { ...parsed, fieldValidation, warn: request.warn })
  }
  return {
    decodeBody,
    changedObject: async (request, definition, current) => {
      if (request.info.verb !== 'patch') return (await decodeBody(request, definition)) ?? current
      const { fieldValidation } = parseWriteOptions(request, 'PatchOptions')
      const patch = patchFunction(schemas, definition, mediaTypeOf(request.incoming.headers), await request.body())
      const value = patch.apply(current)
      return decode(schemas, definition, kindOf(schemas, definition), {
        value,
        duplicates: patch.duplicates,
        fieldValidation,
        warn: request.warn,
        refusal: patchRefusal(value),
      })
    },
  }
}

function kindOf({ structs }: Schemas, definition: string): string {
  const kind = structs.get(definition)?.gvk?.kind
  return kind ?? definition.slice(definition.lastIndexOf('.') + 1)
}
