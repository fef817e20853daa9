/** Reading bodies for subresources: objects of any definition, and changes of any content type. */
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { applyConfiguration, updateManagedFields } from '../../apimachinery/patch/apply.ts'
import { type Schemas, structOf } from '../../apimachinery/schema/schema.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { mediaTypeOf } from '../http/negotiation.ts'
import { checkKind, decode } from '../registry/decode.ts'
import type { SubresourceContext } from '../subresources/subresource.ts'
import { applyType, checkDoubledKeys, readConfiguration, requireManager } from './apply.ts'
import { patchFunction } from './patch.ts'
import { isTrue } from './read-options.ts'
import { parseWriteOptions, readObjectBody } from './write-options.ts'

/** The body functions of `SubresourceContext`. */
export function subresourceBodies(
  schemas: Schemas,
  clock: Clock,
): Pick<SubresourceContext, 'decodeBody' | 'changedObject' | 'withManagers'> {
  const decodeBody = async (request: ApiRequest, definition: string): Promise<JsonObject> => {
    const { fieldValidation } = parseWriteOptions(request, 'CreateOptions')
    const kind = kindOf(schemas, definition)
    const parsed = await readObjectBody(request, { schemas, definition, kind }, fieldValidation)
    checkKind(schemas, definition, parsed.value)
    const object = decode(schemas, definition, kind, { ...parsed, fieldValidation, warn: request.warn })
    request.audit?.requestObject(recorded(schemas, definition, object))
    return object
  }
  return {
    decodeBody,
    changedObject: async (request, definition, current) => {
      if (request.info.verb !== 'patch') return await decodeBody(request, definition)
      if (isApply(request)) return await applied(schemas, clock, request, definition, current)
      const { fieldValidation } = parseWriteOptions(request, 'PatchOptions')
      const patch = patchFunction(schemas, definition, mediaTypeOf(request.incoming.headers), await request.body())
      const value = patch.apply(current)
      return decode(schemas, definition, kindOf(schemas, definition), {
        value,
        duplicates: patch.duplicates,
        fieldValidation,
        warn: request.warn,
        refusal: patch.refusal(value),
      })
    },
    withManagers: (request, definition, live, object) => {
      if (isApply(request)) return object
      const { fieldManager } = parseWriteOptions(request, live === undefined ? 'CreateOptions' : 'UpdateOptions')
      return updateManagedFields({
        ...writeContext(schemas, clock, request, definition),
        ...(live === undefined ? {} : { live }),
        object,
        manager: fieldManager,
      })
    },
  }
}

/** Upstream records what it has decoded, with its type. */
function recorded({ structs }: Schemas, definition: string, object: JsonObject): JsonObject {
  const { group, version, kind } = structs.get(definition)?.gvk ?? { group: '', version: '', kind: '' }
  return { kind, apiVersion: group === '' ? version : `${group}/${version}`, metadata: {}, ...object }
}

function isApply({ incoming, info }: ApiRequest): boolean {
  return info.verb === 'patch' && mediaTypeOf(incoming.headers) === applyType
}

function writeContext(schemas: Schemas, clock: Clock, { info }: ApiRequest, definition: string) {
  const struct = structOf(schemas, definition)
  const { group = '', version = '' } = struct.gvk ?? {}
  return {
    struct,
    apiVersion: group === '' ? version : `${group}/${version}`,
    subresource: info.subresource,
    ignored: ['status'],
    time: formatTime(clock.now()),
  }
}

/** Server-side apply of a subresource: what it holds is in the managed fields of `live`. */
async function applied(
  schemas: Schemas,
  clock: Clock,
  request: ApiRequest,
  definition: string,
  live: JsonObject,
): Promise<JsonObject> {
  const options = parseWriteOptions(request, 'PatchOptions')
  requireManager(request.query)
  const text = (await request.body()).toString('utf8')
  const context = writeContext(schemas, clock, request, definition)
  const { config, sent } = readConfiguration(context.struct, [context.apiVersion], text)
  const { name } = request.info
  const metadata = isJsonObject(config['metadata']) ? config['metadata'] : {}
  const value = applyConfiguration({
    ...context,
    live,
    config: (metadata['name'] ?? '') === '' ? { ...config, metadata: { ...metadata, name } } : config,
    sent,
    manager: options.fieldManager,
    force: isTrue(request.query.get('force')),
  })
  checkDoubledKeys(text, options)
  const kind = kindOf(schemas, definition)
  return decode(schemas, definition, kind, { value, fieldValidation: 'Strict', warn: request.warn })
}

function kindOf({ structs }: Schemas, definition: string): string {
  const kind = structs.get(definition)?.gvk?.kind
  return kind ?? definition.slice(definition.lastIndexOf('.') + 1)
}
