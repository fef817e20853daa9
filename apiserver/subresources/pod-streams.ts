/**
 * `pods/exec`, `pods/attach`, `pods/portforward`: after authorization the client's connection is joined with the
 * kubelet's, byte for byte. The kubelet speaks both protocols, SPDY/3.1 and WebSocket; nothing is translated here.
 */
import type { Duplex } from 'node:stream'
import type { Pod } from '../../api/core/v1.ts'
import type { Json, JsonObject } from '../../apimachinery/json.ts'
import { badRequest } from '../../apimachinery/status.ts'
import { join } from '../../component-base/join.ts'
import { webSocketTokenPrefix } from '../authn/token.ts'
import { forbiddenRequest } from '../authz/forbidden.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { asJson, served } from './answers.ts'
import { type Backend, explained, type KubeletClientOptions, openConnection } from './kubelet-client.ts'
import { chooseContainer } from './kubelet-location.ts'
import { admissionOfConnection } from './own-kind.ts'
import { kubeletBackend } from './pod-backend.ts'
import type { SubresourceContext, SubresourceHandler } from './subresource.ts'

type StreamKind = 'exec' | 'attach' | 'portforward'

/** One handler for each of the three. */
export function podStreamHandlers(kubelet: () => KubeletClientOptions): readonly SubresourceHandler[] {
  return (['exec', 'attach', 'portforward'] as const).map((subresource) => ({
    group: '',
    plural: 'pods',
    subresource,
    verbs: ['get', 'create'],
    handle: async (request, _, context) => {
      await locate(request, context, subresource, kubelet())
      throw badRequest('Upgrade request required')
    },
    upgrade: async (request, socket, head, context) => {
      await requireCreate(request, context)
      const { backend, path } = await locate(request, context, subresource, kubelet())
      await tunnel({ request, socket, head, backend, path })
    },
  }))
}

/** A WebSocket begins with a GET; it must not open what `get` alone may not do. */
async function requireCreate({ user, info }: ApiRequest, { authorizer }: SubresourceContext): Promise<void> {
  if (info.verb === 'create') return
  const attributes = { user, info: { ...info, verb: 'create' } }
  const decision = await authorizer(attributes)
  if (decision.type !== 'allow') throw forbiddenRequest(attributes, decision.reason)
}

async function locate(
  request: ApiRequest,
  context: SubresourceContext,
  kind: StreamKind,
  kubelet: KubeletClientOptions,
): Promise<{ readonly backend: Backend; readonly path: string }> {
  const { store, reader } = context
  const { namespace, name } = request.info
  const resource = served(store, '', 'pods')
  const admission = admissionOfConnection(request, context, { resource, subresource: kind, name })
  const options = asJson(await admission.mutate(streamOptions(kind, request.query)))
  await admission.validate(options)
  const pod = (await store.get(resource, { namespace, name }, request.signal)) as unknown as Pod
  const path = kubeletPath(kind, pod, options)
  if ((pod.spec.nodeName ?? '') === '') throw badRequest(`pod ${name} does not have a host assigned`)
  return { backend: kubeletBackend(reader, pod, kubelet), path }
}

/** What the client asks for, as `PodExecOptions` and the like: for admission, which may change it. */
export function streamOptions(kind: StreamKind, query: URLSearchParams): JsonObject {
  if (kind === 'portforward') {
    const ports = query.getAll('ports').flatMap((list) => list.split(',').map(portOf))
    return { kind: 'PodPortForwardOptions', apiVersion: 'v1', ...(ports.length === 0 ? {} : { ports }) }
  }
  const flags = Object.keys(kubeletFlags).filter((flag) => isTrue(query.get(flag)))
  const [container, command] = [query.get('container') ?? '', query.getAll('command')]
  return {
    kind: kind === 'exec' ? 'PodExecOptions' : 'PodAttachOptions',
    apiVersion: 'v1',
    ...Object.fromEntries(flags.map((flag) => [flag, true])),
    ...(container === '' ? {} : { container }),
    ...(kind === 'attach' || command.length === 0 ? {} : { command }),
  }
}

/** Source: `Convert_Slice_string_To_Slice_int32`. */
function portOf(text: string): number {
  const isNumber = /^\d+$/.test(text)
  if (isNumber && Number(text) <= 65535) return Number(text)
  const problem = isNumber ? 'value out of range' : 'invalid syntax'
  throw badRequest(`cannot convert to []int32: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${problem}`)
}

const kubeletFlags = { stdin: 'input', stdout: 'output', stderr: 'error', tty: 'tty' } as const

/** The kubelet's URL for a stream, with its own names for the flags. */
export function kubeletPath(kind: StreamKind, pod: Pod, options: JsonObject): string {
  const { namespace = '', name } = pod.metadata
  const result = new URLSearchParams()
  if (kind === 'portforward') {
    const ports = listOf(options['ports'])
    if (ports.length > 0) result.set('port', ports.join(','))
    return withQuery(`/portForward/${namespace}/${name}`, result)
  }
  const { container } = options
  const chosen = chooseContainer(pod, typeof container === 'string' ? container : '')
  for (const [option, flag] of Object.entries(kubeletFlags)) {
    if (options[option] === true) result.set(flag, '1')
  }
  if (kind === 'exec') for (const word of listOf(options['command'])) result.append('command', word)
  return withQuery(`/${kind}/${namespace}/${name}/${chosen}`, result)
}

function listOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Whatever is not a no is a yes. Source: `Convert_Slice_string_To_bool`. */
function isTrue(text: string | null): boolean {
  return text !== null && text !== '0' && text.toLowerCase() !== 'false'
}

/** What the backend must not see: it is about this connection, or about who the client is. */
const hiddenHeaders = new Set(['authorization', 'host', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'])

export type Tunnel = {
  readonly request: ApiRequest
  readonly socket: Duplex
  /** What the client has sent after its request's head. */
  readonly head: Buffer
  readonly backend: Backend
  readonly path: string
}

/** Sends the client's request on to the backend and joins the two connections, answer included. */
export async function tunnel({ request, socket, head, backend, path }: Tunnel): Promise<void> {
  const connection = await openConnection(backend, request.signal).catch((error: unknown) => {
    throw explained(error, 'error dialing backend')
  })
  connection.write(requestHead(request, backend, path))
  if (head.length > 0) connection.write(head)
  await join(socket, connection, request.signal)
}

/** The first lines of the request, as the backend sees it. */
export function requestHead({ incoming }: Pick<ApiRequest, 'incoming'>, backend: Backend, path: string): string {
  const lines = [`${incoming.method} ${path} HTTP/1.1`, `Host: ${backend.host}:${backend.port}`]
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value === undefined || isHidden(name)) continue
    for (const one of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${withoutToken(name, one)}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Browsers send their token among the WebSocket protocols. */
function withoutToken(name: string, value: string): string {
  if (name !== 'sec-websocket-protocol') return value
  return value
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => !protocol.startsWith(webSocketTokenPrefix))
    .join(', ')
}

/** Whether a header stays with the API server. */
export function isHidden(name: string): boolean {
  return name.startsWith(':') || hiddenHeaders.has(name) || name.startsWith('impersonate-')
}
