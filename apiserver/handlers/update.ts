import type { ApiObject } from '../../api/resource.ts'
import { badRequest, hasReason } from '../../apimachinery/status.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { decodeResource } from '../registry/decode.ts'
import { expectedBody, type ResourceHandler } from './context.ts'
import { parseWriteOptions, readObjectBody } from './write-options.ts'
import { sendWritten } from './written.ts'

/** PUT of an object or its status. */
export const updateObject: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal, warn } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = parseWriteOptions(request, 'UpdateOptions')
  const { fieldValidation } = options
  const { value, duplicates } = await readObjectBody(request, expectedBody(context, resource), fieldValidation)
  const next = decodeResource(context.schemas, resource, { value, duplicates, fieldValidation, warn })
  request.audit?.requestObject(next)
  checkName(next, info.namespace, info.name)
  const key = { namespace: info.namespace, name: info.name }
  const { uid } = next.metadata
  const preconditions = uid === undefined || uid === '' ? {} : { preconditions: { uid } }
  try {
    const object = await context.store.update(
      resource,
      key,
      () => next,
      { ...options, ...preconditions, subresource: info.subresource },
      signal,
    )
    await sendWritten(context, resource, request, response, { code: 200, object, form })
  } catch (error) {
    const mayCreate = resource.allowCreateOnUpdate === true && info.subresource === ''
    if (!mayCreate || !hasReason(error, 'NotFound') || 'preconditions' in preconditions) throw error
    const object = await context.store.create(resource, info.namespace, next, options, signal)
    await sendWritten(context, resource, request, response, { code: 201, object, form })
  }
}

/** Throws BadRequest for an object that is not the one of the URL. Source: `checkName`. */
export function checkName({ metadata }: ApiObject, namespace: string, name: string): void {
  if ((metadata.name ?? '') === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`)
  }
  if (metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`)
  }
  const own = metadata.namespace ?? ''
  if (namespace !== '' && own !== '' && own !== namespace) {
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`)
  }
}
