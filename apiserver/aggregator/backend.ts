/** Talking to an API server that serves a group for us: who asks goes along in headers, which our certificate vouches for. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { APIService } from '../../api/apiregistration/v1.ts'
import { NoTarget, type Target, targetOf } from '../admission/webhook/target.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { BackendError } from '../subresources/kubelet-client.ts'

/** `--proxy-client-cert-file` and its key; absent: the other side cannot know who asks. */
export type ProxyIdentity = { readonly cert: string; readonly key: string } | undefined
export type AggregatorBackend = {
  readonly reader: ObjectReader
  /** As it is now: the certificate may be renewed. */
  readonly identity: () => ProxyIdentity
  readonly random: () => number
}

const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 16 })

/** The server behind an APIService. Throws `NoTarget`. */
export function backendOf({ reader, random }: AggregatorBackend, { spec }: APIService): Target {
  const { namespace = '', name = '', port = 443 } = spec.service ?? {}
  const config = { service: { namespace, name, port } }
  return targetOf(config, 0, reader, (count) => Math.floor(random() * count))
}

export type Forwarded = {
  readonly method: string
  /** With query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
}

/** Opens a request; the caller writes its body. The answer's promise throws `BackendError`. */
export function open(
  { identity }: AggregatorBackend,
  { spec }: APIService,
  { host, port, serverName }: Target,
  { method, path, headers }: Forwarded,
  signal: AbortSignal,
): { readonly request: ClientRequest; readonly response: Promise<IncomingMessage> } {
  const { caBundle = '', insecureSkipTLSVerify } = spec
  const request = httpsRequest({
    host,
    port,
    method,
    path,
    agent,
    signal,
    servername: serverName,
    headers: mutable({ ...headers, host: `${serverName}:${port}` }),
    ...(identity() ?? {}),
    ...(insecureSkipTLSVerify === true ? { rejectUnauthorized: false } : {}),
    ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64').toString('utf8') }),
  })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', (error) => {
      const at = `dial tcp ${host}:${port}`
      reject(signal.aborted ? signal.reason : new BackendError(`${at}: ${error.message}`, { cause: error }))
    })
  })
  return { request, response }
}

function mutable(headers: Forwarded['headers']): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}

/** Source: `transport.SetAuthProxyHeaders`. */
export function identityHeaders({ name, uid, groups, extra }: UserInfo): Forwarded['headers'] {
  const extras = Object.entries(extra ?? {}).map(([key, values]) => [
    `x-remote-extra-${encodeURIComponent(key.toLowerCase())}`,
    values,
  ])
  return {
    'x-remote-user': name,
    ...(uid === undefined || uid === '' ? {} : { 'x-remote-uid': uid }),
    ...(groups.length === 0 ? {} : { 'x-remote-group': groups }),
    ...Object.fromEntries(extras),
  }
}

export { NoTarget }
