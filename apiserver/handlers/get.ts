import { badRequest, notFound } from '../../apimachinery/status.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { sendJson } from '../http/respond.ts'
import { collectionPrefix, storagePrefix } from '../registry/keys.ts'
import { prepareViews } from '../storage/conversion.ts'
import type { ResourceHandler } from './context.ts'
import { reachOrTimeout } from './list.ts'
import { encodeObject } from './output.ts'
import { isTrue, parseResourceVersion } from './read-options.ts'
import { parseTableOptions } from './table.ts'

/** GET of one object, from its bytes. */
export const getObject: ResourceHandler = async (context, resource, request, response) => {
  const { caches } = context
  const { info, incoming, query } = request
  const form = negotiateOutput(incoming.headers, query)
  if (isTrue(query.get('export'))) {
    throw badRequest('the export parameter, deprecated since v1.14, is no longer supported')
  }
  const revision = parseResourceVersion(query.get('resourceVersion') ?? '')
  if (revision === undefined) await caches.fresh()
  else await reachOrTimeout(caches, revision)
  const key = `${collectionPrefix(resource, info.namespace)}${info.name}`
  const entry = caches.cache(storagePrefix(resource)).get(key)
  if (entry === undefined) throw notFound(resource.facts, info.name)
  if (!entry.hasView(resource)) await prepareViews(resource, [entry])
  const { object, json } = entry.view(resource)
  if (form.transform === 'none') await sendJson(request, response, 200, json, form)
  else {
    const table = parseTableOptions(query, context, form)
    await sendJson(request, response, 200, encodeObject(resource, object, json, form.transform, table), form)
  }
}
