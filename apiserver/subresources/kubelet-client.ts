/** Talking to kubelets: one request with a streamed answer, or a connection to be joined with the client's. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { isIP, isIPv6, connect as tcpConnect } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as tlsConnect } from 'node:tls'
import { StatusError } from '../../apimachinery/status.ts'

/** The API server's identity towards kubelets. */
export type KubeletClientOptions = {
  readonly preferredAddressTypes: readonly string[]
  readonly cert?: string
  readonly key?: string
  /** `--kubelet-certificate-authority`; without it the kubelet's certificate is not verified, as upstream. */
  readonly ca?: string
}

/** A backend of a proxied request. */
export type Backend = {
  readonly protocol: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** Client certificate and authority; absent for pods and services, whose certificates are not verified. */
  readonly identity?: KubeletClientOptions
}

/** A request to a backend. */
export type BackendRequest = {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
}

const connectTimeoutMs = 30_000
const agent = new Agent({ keepAlive: true, maxSockets: 256, timeout: 90_000 })

/** Sends the head of a request; the caller writes the body and gets the answer's head as a promise. */
export function openRequest(
  backend: Backend,
  { method, path, headers }: BackendRequest,
  signal: AbortSignal,
): { readonly request: ClientRequest; readonly response: Promise<IncomingMessage> } {
  const common = {
    ...{ host: backend.host, port: backend.port, method, path, headers: mutable(headers), signal },
    // CGI programs and other old servers end lines with a bare line feed; Go's reader takes that, too.
    insecureHTTPParser: true,
  }
  const request =
    backend.protocol === 'http'
      ? httpRequest(common)
      : httpsRequest({ ...common, ...tlsOptions(backend), agent: backend.identity === undefined ? false : agent })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.on('error', (error) => reject(signal.aborted ? signal.reason : backendError(backend, error)))
  })
  return { request, response }
}

/** A plain connection, for protocols that are joined byte for byte. */
export async function openConnection(backend: Backend, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted()
  const { host, port } = backend
  const socket =
    backend.protocol === 'http' ? tcpConnect({ host, port }) : tlsConnect({ host, port, ...tlsOptions(backend) })
  const ready = backend.protocol === 'http' ? 'connect' : 'secureConnect'
  socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('i/o timeout')))
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => reject(backendError(backend, error))
    const stop = (): void => {
      socket.destroy()
      reject(signal.reason)
    }
    signal.addEventListener('abort', stop, { once: true })
    socket.once('error', fail)
    socket.once(ready, () => {
      socket.off('error', fail)
      signal.removeEventListener('abort', stop)
      resolve()
    })
  })
  socket.setTimeout(0)
  socket.setNoDelay(true)
  return socket
}

function tlsOptions({ host, identity }: Backend): object {
  return {
    ...(identity?.cert === undefined ? {} : { cert: identity.cert }),
    ...(identity?.key === undefined ? {} : { key: identity.key }),
    ...(identity?.ca === undefined ? { rejectUnauthorized: false } : { ca: identity.ca }),
    // Addresses are no server names (RFC 6066). Said outright: the agent would take the name from the Host header.
    servername: isIP(host) === 0 ? host : '',
    ALPNProtocols: ['http/1.1'],
  }
}

function mutable(headers: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  )
}

const systemMessages: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
}

/** A backend that cannot be reached: `dial tcp 10.0.0.1:10250: connect: connection refused`, in Go's words. */
export class BackendError extends Error {
  override readonly name = 'BackendError'
}

/** Host and port as URLs, headers and Go's errors have them. */
export function hostPort({ host, port }: Pick<Backend, 'host' | 'port'>): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function backendError(backend: Backend, cause: Error): BackendError {
  const code = 'code' in cause ? String(cause.code) : ''
  const known = systemMessages[code]
  return new BackendError(known === undefined ? cause.message : `dial tcp ${hostPort(backend)}: ${known}`, { cause })
}

/** The answer for a backend error in the words of what was tried; other errors stay as they are. */
export function explained(error: unknown, words: string, reason = '', code = 500): unknown {
  return error instanceof BackendError ? new StatusError(reason, `${words}: ${error.message}`, undefined, code) : error
}
