/**
 * `componentstatuses`: not stored; asked of the components at the moment of the request. Deprecated since 1.19, and still
 * what people type first. Source: upstream's `registry/core/componentstatus`.
 */
import { request as httpsRequest } from 'node:https'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { Describe } from '../../apimachinery/openapi/names.ts'
import { notFound } from '../../apimachinery/status.ts'
import { negotiateOutput } from '../http/negotiation.ts'
import { sendObject } from '../http/respond.ts'
import type { SubresourceHandler } from '../subresources/subresource.ts'
import { listType } from './context.ts'
import { parseTableOptions, tableOf } from './table.ts'

/** `undefined`: healthy; a string: why not. */
export type Probe = (signal: AbortSignal) => Promise<string | undefined>
export type Component = { readonly name: string; readonly probe: Probe }

const probeTimeoutMs = 2_000

/** The health endpoint of a program on this machine, as upstream asks it. */
export function localHealth(port: number): Probe {
  return async (signal) =>
    await new Promise((resolve) => {
      const sent = httpsRequest(
        { host: '127.0.0.1', port, path: '/healthz', rejectUnauthorized: false, timeout: probeTimeoutMs, signal },
        (response) => {
          response.resume()
          const { statusCode = 0 } = response
          resolve(statusCode === 200 ? undefined : `unhealthy http status code: ${statusCode}`)
        },
      )
      sent.once('timeout', () => sent.destroy(new Error('timed out')))
      sent.once('error', (error) => resolve(`Get "https://127.0.0.1:${port}/healthz": ${error.message}`))
      sent.end()
    })
}

/** The handler for get and list. */
export function componentStatusHandler(
  resource: Resource,
  components: readonly Component[],
  describe: Describe,
): SubresourceHandler {
  return {
    group: '',
    plural: 'componentstatuses',
    subresource: '',
    verbs: ['get', 'list'],
    handle: async (request, response, { clock }) => {
      const { info, query, incoming, signal } = request
      const form = negotiateOutput(incoming.headers, query)
      const asked = info.verb === 'get' ? components.filter(({ name }) => name === info.name) : components
      const [first] = asked
      if (first === undefined) throw notFound(resource.facts, info.name)
      const found = await Promise.all(asked.map(async ({ name, probe }) => statusOf(name, await probe(signal))))
      const metadata = { resourceVersion: '' }
      const items = info.verb === 'get' ? found : found.map(withoutType)
      if (form.transform === 'Table') {
        const table = tableOf(resource, found, metadata, parseTableOptions(query, { clock, describe }, form))
        await sendObject(request, response, 200, table, form)
      } else if (info.verb === 'get') await sendObject(request, response, 200, items[0] ?? {}, form)
      else await sendObject(request, response, 200, { ...listType(resource), metadata: {}, items }, form)
      return undefined
    },
  }
}

/** Lists of built-in kinds say once what their items are. */
function withoutType({ kind: _kind, apiVersion: _version, ...item }: ApiObject): object {
  return item
}

/** One component's object. */
export function statusOf(name: string, problem: string | undefined): ApiObject {
  const condition =
    problem === undefined
      ? { type: 'Healthy', status: 'True', message: 'ok' }
      : { type: 'Healthy', status: 'False', message: problem }
  const status = { kind: 'ComponentStatus', apiVersion: 'v1', metadata: { name }, conditions: [condition] }
  // It has no system fields: nothing of it is stored.
  return status as unknown as ApiObject
}
