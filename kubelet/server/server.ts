/** The kubelet's own HTTPS server on :10250, for the API server: logs, exec, attach, port-forward, statistics. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createAuthenticator } from '../../client/delegation/authentication.ts'
import type { Client } from '../../client/rest/client.ts'
import type { Clock } from '../../component-base/clock.ts'
import { HealthChecks } from '../../component-base/health.ts'
import { diagnosticsHandler, listen, serveHttp } from '../../component-base/http.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { aborted } from '../../component-base/run.ts'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import { type KeyPair, readKeyPair } from '../../component-base/tls.ts'
import type { Config } from '../config.ts'
import type { RuntimeHealth } from '../node/health.ts'
import type { StatusWriter } from '../pod/status-writer.ts'
import type { PodWorkers } from '../pod/workers.ts'
import type { Runtime } from '../runtime/cri.ts'
import { accessOf, createAuthorizer, fineAccessOf } from './authorization.ts'
import { HttpError } from './http-error.ts'
import { answerRequest } from './routes.ts'
import { answerUpgrade } from './streams.ts'

export type ServerContext = {
  readonly config: Config
  readonly runtime: Runtime
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly workers: PodWorkers
  readonly statuses: StatusWriter
  readonly health: RuntimeHealth
  readonly registry: Registry
}

/** Serves until `signal` aborts: the API on the TLS port, health on the local one. */
export async function serveKubelet(context: ServerContext, signal: AbortSignal): Promise<void> {
  const { config } = context
  const checks = new HealthChecks()
  checks.add('ping', () => undefined)
  checks.add('syncloop', () => context.health.problems().find((problem) => problem.startsWith('PLEG')))
  const diagnostics = diagnosticsHandler(checks, context.registry)
  const local =
    config.healthzPort === 0
      ? aborted(signal)
      : serveHttp({ address: config.healthzAddress, port: config.healthzPort, handler: diagnostics }, signal)
  await Promise.all([local, serveTls(context, diagnostics, signal)])
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

async function serveTls(context: ServerContext, diagnostics: Handler, signal: AbortSignal): Promise<void> {
  const { config } = context
  const { cert, key } = await servingKeyPair(context)
  const ca = config.clientCaFile === '' ? undefined : await readFile(config.clientCaFile, 'utf8')
  const admit = createGate(context)
  const server = createServer({
    cert,
    key,
    ...(ca === undefined ? {} : { ca }),
    requestCert: true,
    // A caller without a certificate may still have a token.
    rejectUnauthorized: false,
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const stop = requestSignal(response, signal)
    admit(request, stop)
      .then(() => answerRequest(context, diagnostics, request, response, stop))
      .catch((error: unknown) => answerError(context, response, error, stop))
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    admit(request, signal)
      .then(() => answerUpgrade(context, request, socket, head, signal))
      .catch((error: unknown) => refuseUpgrade(context, socket, error))
  })
  await listen(server, config.port, config.address)
  await aborted(signal)
  server.close()
  server.closeAllConnections()
}

async function servingKeyPair({ config, clock }: ServerContext): Promise<KeyPair> {
  if (config.tlsCertFile !== '') return await readKeyPair(config.tlsCertFile, config.tlsKeyFile)
  const files = [join(config.certDir, 'kubelet.crt'), join(config.certDir, 'kubelet.key')] as const
  const known = await readKeyPair(...files).catch(() => undefined)
  if (known !== undefined) return known
  const pair = await selfSignedKeyPair(config.nodeName, [config.nodeName, ...config.nodeIps], clock.now())
  await mkdir(config.certDir, { recursive: true })
  await writeFile(files[1], pair.key, { mode: 0o600 })
  await writeFile(files[0], pair.cert)
  return pair
}

/** Lets a request pass or throws the refusal. */
function createGate({ client, clock, config }: ServerContext) {
  const { anonymous, tokenWebhook, nodeName, authorization: mode } = config
  const authenticate = createAuthenticator({ client, clock, anonymous, tokenWebhook })
  const authorize = createAuthorizer({ client, clock, nodeName, mode })
  return async (request: IncomingMessage, signal: AbortSignal): Promise<void> => {
    const user = await authenticate(request, signal)
    if (user === undefined) throw new HttpError(401, 'Unauthorized')
    const path = new URL(request.url ?? '/', 'https://kubelet').pathname
    const access = accessOf(request.method ?? 'GET', path)
    const refusal = await authorize(user, access, signal)
    if (refusal === undefined) return
    const fine = fineAccessOf(path)
    if (fine !== undefined && (await authorize(user, { ...access, subresource: fine }, signal)) === undefined) return
    throw new HttpError(403, refusal)
  }
}

/** Aborts when the client goes away. */
function requestSignal(response: ServerResponse, signal: AbortSignal): AbortSignal {
  const gone = new AbortController()
  const { signal: both, unlink } = linkSignals([signal, gone.signal])
  response.once('close', () => {
    gone.abort(new Error('client went away'))
    unlink()
  })
  return both
}

function answerError({ logger }: ServerContext, response: ServerResponse, error: unknown, stop: AbortSignal): void {
  if (!stop.aborted && !(error instanceof HttpError)) logger.error('Request was not answered', { error })
  if (!response.headersSent) {
    response.writeHead(error instanceof HttpError ? error.code : 500, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end(error instanceof Error ? error.message : String(error))
  } else response.destroy()
}

function refuseUpgrade({ logger }: ServerContext, socket: Duplex, error: unknown): void {
  if (!(error instanceof HttpError)) logger.error('Stream was not opened', { error })
  const code = error instanceof HttpError ? error.code : 500
  const message = error instanceof Error ? error.message : String(error)
  const length = Buffer.byteLength(message)
  socket.end(
    `HTTP/1.1 ${code} ${code === 404 ? 'Not Found' : 'Error'}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${message}`,
  )
}
