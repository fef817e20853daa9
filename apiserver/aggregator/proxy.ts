/** Requests for groups that another server serves: found by their path, and passed on with who asks. */
import { pipeline } from 'node:stream/promises'
import type { APIService } from '../../api/apiregistration/v1.ts'
import { findCondition } from '../../apimachinery/conditions.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { sendText } from '../http/respond.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import { BackendError } from '../subresources/kubelet-client.ts'
import { relay } from '../subresources/relay.ts'
import { type AggregatorBackend, backendOf, identityHeaders, NoTarget, open } from './backend.ts'

/** The APIService that answers this path, where that is not this server. */
export function remoteService(reader: ObjectReader, path: string): APIService | undefined {
  if (!path.startsWith('/apis/')) return undefined
  const [, , group = '', version = ''] = path.split('/')
  if (version === '') return undefined
  const service = read(reader, kinds.apiServices, '', `${version}.${group}`)
  return service?.spec.service === undefined ? undefined : service
}

/** Whether it may be asked. */
export function isAvailable({ status }: APIService): boolean {
  return findCondition(status?.conditions, 'Available')?.status === 'True'
}

/** Passes a request on, and its answer back. */
export async function forward(
  backend: AggregatorBackend,
  service: APIService,
  request: ApiRequest,
  response: ApiResponse,
): Promise<void> {
  if (!isAvailable(service)) {
    sendText(response, 503, 'service unavailable\n')
    return
  }
  const { incoming, stream, signal } = request
  try {
    const target = backendOf(backend, service)
    const headers = { ...forwardedHeaders(request), ...identityHeaders(request.user) }
    const sent = { method: incoming.method, path: incoming.url, headers }
    const opened = open(backend, service, target, sent, signal)
    // The answer's promise reports what goes wrong with the connection.
    const body = pipeline(stream, opened.request).catch(() => {})
    const answer = await opened.response
    const answered = Object.entries(answer.headersDistinct).flatMap(([name, values]): [string, readonly string[]][] =>
      values === undefined || hopHeaders.has(name) ? [] : [[name, values]],
    )
    response.writeHead(answer.statusCode ?? 502, Object.fromEntries(answered))
    // A watch says nothing for long; the client wants to know that it has begun.
    response.flushHeaders()
    await relay(answer, response, signal)
    await body
  } catch (error) {
    if (!(error instanceof BackendError) && !(error instanceof NoTarget)) throw error
    const text = error instanceof NoTarget ? 'service unavailable' : `error trying to reach service: ${error.message}`
    sendText(response, 503, `${text}\n`)
  }
}

/** These end at a proxy. */
const hopHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** The client's own credentials, and claims that only we may make. */
const ownHeaders = /^(?::|authorization$|host$|x-remote-|impersonate-)/

function forwardedHeaders({ incoming }: ApiRequest): Readonly<Record<string, string | readonly string[]>> {
  const kept = Object.entries(incoming.headers).flatMap(([name, value]): [string, string | readonly string[]][] =>
    value === undefined || hopHeaders.has(name) || ownHeaders.test(name) ? [] : [[name, value]],
  )
  return Object.fromEntries(kept)
}
