/** HTTP GET as probes and hooks make it: no certificate checks, local redirects followed, short bodies. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Container, HTTPGetAction } from '../../api/core/v1.ts'

export type HttpTarget = {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}
export type HttpAnswer = { readonly status: number; readonly body: string; readonly redirectedAway: boolean }

/** What of an answer ends in an event. Source: upstream `maxRespBodyLength`. */
const maxBodyBytes = 10 * 1024
const maxRedirects = 10

/** The port by number or by name of one of the container's ports. */
export function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port
  const named = (container.ports ?? []).find(({ name }) => name === port)?.containerPort
  const number = named ?? Number(port)
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw new Error(`invalid port number: ${port}`)
  return number
}

/** Where to send the request. */
export function httpTarget(action: HTTPGetAction, container: Container, podIp: string): HttpTarget {
  const path = action.path ?? '/'
  return {
    scheme: action.scheme === 'HTTPS' ? 'https' : 'http',
    host: action.host === undefined || action.host === '' ? podIp : action.host,
    port: resolvePort(action.port, container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers: Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value])),
  }
}

/** Sends the request and follows redirects that stay on the same host. */
export async function requestHttp(
  target: HttpTarget,
  defaults: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  let url = new URL(`${target.scheme}://${bracketed(target.host)}:${target.port}${target.path}`)
  for (let hop = 0; ; hop++) {
    const answer = await requestOnce(
      url,
      { accept: '*/*', connection: 'close', ...defaults, ...target.headers },
      signal,
    )
    const { location } = answer
    if (location === undefined || answer.status < 300 || answer.status > 399)
      return { ...answer, redirectedAway: false }
    const next = new URL(location, url)
    if (next.hostname !== url.hostname) return { ...answer, redirectedAway: true }
    if (hop >= maxRedirects) throw new Error(`stopped after ${maxRedirects} redirects`)
    url = next
  }
}

type RawAnswer = { readonly status: number; readonly body: string; readonly location: string | undefined }

async function requestOnce(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<RawAnswer> {
  const options: RequestOptions & { rejectUnauthorized?: boolean } = {
    method: 'GET',
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== '')),
    agent: false,
    signal,
    rejectUnauthorized: false,
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options)
    request.once('response', resolve).once('error', reject).end()
  })
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk)
    size += bytes.length
    chunks.push(bytes)
    if (size >= maxBodyBytes) break
  }
  response.destroy()
  const body = Buffer.concat(chunks).subarray(0, maxBodyBytes).toString('utf8')
  return { status: response.statusCode ?? 0, body, location: response.headers.location }
}

/** A host as URLs and Go write it before a port. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}
