import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { returnsDeleted } from '../../apimachinery/openapi/paths.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { forEachLimited } from '../../component-base/run.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { sendJson, sendObject } from '../http/respond.ts'
import type { ResourceHandler } from './context.ts'
import { collect } from './list.ts'
import { encodeList } from './output.ts'
import { parseListOptions } from './read-options.ts'
import { parseTableOptions } from './table.ts'
import { parseDeleteOptions } from './write-options.ts'
import { sendWritten } from './written.ts'

/** DELETE of one object. */
export const deleteObject: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = await parseDeleteOptions(request, context.schemas)
  const key = { namespace: info.namespace, name: info.name }
  const { object, deleted } = await context.store.delete(resource, key, options, signal)
  if (deleted && !returnsDeleted(resource.facts)) {
    await sendObject(request, response, 200, deletedStatus(resource, object), form)
    return
  }
  const code = !deleted && options.orphanDependents === false ? 202 : 200
  await sendWritten(context, resource, request, response, { code, object, form })
}

function deletedStatus({ facts }: Resource, { metadata }: ApiObject): JsonObject {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name,
      ...(facts.group === '' ? {} : { group: facts.group }),
      kind: facts.plural,
      uid: metadata.uid,
    },
  }
}

/** Deletions of a collection that run at the same time. */
const workers = 8

/** DELETE of a collection: of everything that a list with the same selectors shows. */
export const deleteCollection: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = await parseDeleteOptions(request, context.schemas)
  const list = parseListOptions(resource, query, false, info.name)
  const { entries, meta } = await collect(context, resource, info.namespace, list, signal)
  await forEachLimited(entries, workers, async (entry) => {
    const { namespace = '', name } = entry.view(resource).object.metadata
    try {
      await context.store.delete(resource, { namespace, name }, options, signal)
    } catch (error) {
      // Someone else was faster: it is gone, as asked.
      if (!hasReason(error, 'NotFound')) throw error
    }
  })
  const body = encodeList(resource, entries, meta, form.transform, parseTableOptions(query, context, form))
  await sendJson(request, response, 200, body, form)
}
