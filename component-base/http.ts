/** The small HTTP server that every program has for health and metrics. The API server and the kubelet have their own. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server as NetServer } from 'node:net'
import type { HealthChecks } from './health.ts'
import type { Registry } from './metrics.ts'
import { aborted } from './run.ts'

export type HttpOptions = {
  readonly address: string
  readonly port: number
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Asks clients for certificates, and says whom to believe, now and later; without it nobody is asked. */
  readonly clientAuthorities?: (apply: (pem: string) => void, signal: AbortSignal) => Promise<void>
  readonly handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  /** Told the port once the server listens; port 0 picks a free one. */
  readonly onListening?: (port: number) => void
}

/** Serves until `signal` aborts, then ends idle connections and waits at most two seconds for the rest. */
export async function serveHttp(options: HttpOptions, signal: AbortSignal): Promise<void> {
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    options.handler(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500)
      response.end(error instanceof Error ? error.message : String(error))
    })
  }
  const { tls, clientAuthorities } = options
  const asksClients = clientAuthorities !== undefined
  // Strangers are let in: who they are is the handler's question.
  const tlsOptions = { ...tls, ...(asksClients ? { requestCert: true, rejectUnauthorized: false } : {}) }
  const server = tls === undefined ? createServer(handle) : createTlsServer(tlsOptions, handle)
  await listen(server, options.port, options.address)
  options.onListening?.((server.address() as AddressInfo).port)
  const apply = (pem: string): void => {
    if ('setSecureContext' in server) server.setSecureContext({ ...tls, ca: pem })
  }
  const following = clientAuthorities?.(apply, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  await Promise.all([aborted(signal), following])
  await close(server)
}

/**
 * Starts listening; rejects with the system's error (port in use, no such address). `0.0.0.0` and '' are every address of
 * both families where the machine has IPv6, as in Go's `net.Listen`.
 */
export async function listen(
  server: Pick<NetServer, 'listen' | 'once' | 'off'>,
  port: number,
  address: string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address === '0.0.0.0' ? '' : address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const drainLimitMs = 2_000

async function close(server: Server): Promise<void> {
  const limit = setTimeout(() => server.closeAllConnections(), drainLimitMs)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
  clearTimeout(limit)
}

/** Answers `/healthz`, `/livez`, `/readyz` (and below) and `/metrics`; 404 for the rest. */
export function diagnosticsHandler(
  health: HealthChecks,
  registry: Registry,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname === '/metrics') {
      response.writeHead(200, { 'Content-Type': registry.contentType })
      response.end(await registry.metrics())
      return
    }
    const answer = await health.answer(url.pathname, url.searchParams)
    response.writeHead(answer?.status ?? 404, {
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end(answer?.body ?? '404 page not found\n')
  }
}
