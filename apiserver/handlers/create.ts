import { negotiateOutput } from '../http/negotiation.ts'
import { expectedBody, type ResourceHandler } from './context.ts'
import { parseWriteOptions, readObjectBody } from './write-options.ts'
import { sendWritten } from './written.ts'

/** POST to a collection. */
export const createObject: ResourceHandler = async (context, resource, request, response) => {
  const form = negotiateOutput(request.incoming.headers, request.query)
  const options = parseWriteOptions(request, 'CreateOptions')
  const { value, duplicates } = await readObjectBody(request, expectedBody(context, resource), options.fieldValidation)
  const created = await context.store.create(
    resource,
    request.info.namespace,
    // Decoding makes an object of it or refuses it.
    value as object,
    { ...options, duplicates },
    request.signal,
  )
  await sendWritten(context, resource, request, response, { code: 201, object: created, form })
}
