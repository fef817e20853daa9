/** What subresource handlers have in common. */

import type { DefinitionName, Definitions } from '../../api/facts/table.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import type { ApiType } from '../../apimachinery/schema/facts.ts'
import { notFound } from '../../apimachinery/status.ts'
import { writeOptionsObject } from '../admission/options.ts'
import type { ApiRequest } from '../http/api-request.ts'
import type { Store, WriteOptions } from '../registry/store.ts'
import type { SubresourceAnswer, SubresourceContext } from './subresource.ts'

/** The `Status` that says that it is done. */
export const createdStatus: SubresourceAnswer = {
  code: 201,
  object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
}

/** The resource of a kind that is always served. */
export function served(store: Store, group: string, plural: string): Resource {
  const resource = store.resource(group, plural)
  if (resource === undefined) throw notFound({ group, plural }, '')
  return resource
}

/** Who writes, for the store. */
export function writeOptions(request: ApiRequest): WriteOptions {
  return {
    user: request.user,
    dryRun: isDryRun(request),
    warn: request.warn,
    fieldManager: fieldManager(request),
    options: writeOptionsObject(request.query, 'UpdateOptions'),
    ...(request.audit === undefined ? {} : { audit: request.audit }),
  }
}

/** `?dryRun=All`. */
export function isDryRun({ query }: ApiRequest): boolean {
  return query.getAll('dryRun').includes('All')
}

/** `?fieldManager=`, or the first word of the user agent. */
function fieldManager({ query, incoming }: ApiRequest): string {
  const named = query.get('fieldManager') ?? ''
  return named !== '' ? named : ((incoming.headers['user-agent'] ?? '').split('/')[0] ?? '').slice(0, 128)
}

/** The body as an object of this definition. */
export async function requiredBody<Name extends DefinitionName>(
  context: SubresourceContext,
  request: ApiRequest,
  definition: Name,
): Promise<ApiType<Definitions, Name>> {
  const body = await context.decodeBody(request, definition)
  // The decoder guarantees that what it returns for a definition has its type.
  return body as unknown as ApiType<Definitions, Name>
}

/** An API object as JSON, to be encoded. */
export function asJson(object: object): JsonObject {
  return object as JsonObject
}

/** An object of a kind, handed to the store. */
export function asObject(object: object): ApiObject {
  return object as ApiObject
}
