import type { ApiObject, Resource } from '../../api/resource.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import type { OutputForm } from '../http/negotiation.ts'
import { sendJson } from '../http/respond.ts'
import { encodingOf } from '../storage/cache-entry.ts'
import type { HandlerContext } from './context.ts'
import { encodeObject } from './output.ts'
import { parseTableOptions } from './table.ts'

export type Answer = { readonly code: number; readonly object: ApiObject; readonly form: OutputForm }

/** Sends the object that a write left behind, in the form the client asked for. */
export async function sendWritten(
  context: HandlerContext,
  resource: Resource,
  request: ApiRequest,
  response: ApiResponse,
  { code, object, form }: Answer,
): Promise<void> {
  const table = parseTableOptions(request.query, context, form)
  const body = encodeObject(resource, object, encodingOf(object), form.transform, table)
  await sendJson(request, response, code, body, form)
}
