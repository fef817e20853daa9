/**
 * How the server ends, as upstream's lifecycle signals have it:
 *
 *   readiness off, leave ─▶ delay (requests are served) ─▶ no new requests ─▶ drain ─▶ watches end ─▶ stop the tasks
 *
 * Watches end last, so that they show what the last requests wrote.
 * Load balancers see the first step, and have the delay to send nobody here any more.
 */
import type { ServerResponse } from 'node:http'
import type { Clock } from '../component-base/clock.ts'
import { aborted } from '../component-base/run.ts'
import type { Pipeline } from './http/pipeline.ts'
import type { RawRequest, RawResponse, Transport } from './http/transport.ts'
import type { Storage } from './storage/storage.ts'

export type ShutdownOptions = {
  /** Between readiness off and refusing requests. */
  readonly delayMs: number
  /** New requests are told to come back, on connections that stay open until all is drained. */
  readonly sendRetryAfter: boolean
  /** How long watches may go on ending, a part of them at a time. */
  readonly watchGraceMs: number
  /** How long requests may take to finish. */
  readonly drainLimitMs: number
}

/** What clients and probes see of it. */
export type ShutdownState = { stopping: boolean; refusing: boolean }

export type Stoppable = {
  readonly tasks: Promise<void>
  readonly lifetime: AbortController
  readonly pipeline: Pipeline
  readonly transport: Transport
  readonly storage: Storage
  readonly clock: Clock
  readonly state: ShutdownState
  /** Takes this server out of the endpoints of the Service `kubernetes`. */
  readonly leave: () => Promise<void>
  /** Resolves when watches have been told of every write so far. */
  readonly catchUp: () => Promise<unknown>
}

const lookEveryMs = 20
/** How long watches may lag behind the last write, and what was sent may take to leave. */
const lastEventsMs = 1_000

/** Resolves when the server has ended after `signal`; rejects when a task of it failed. */
export async function serveUntil(signal: AbortSignal, running: Stoppable, options: ShutdownOptions): Promise<void> {
  const { tasks, lifetime, pipeline, transport, storage, clock, state } = running
  let failure: Error | undefined
  const failed = tasks.catch((error: unknown) => {
    failure = error instanceof Error ? error : new Error('the server failed', { cause: error })
  })
  await Promise.race([failed, aborted(signal)])
  state.stopping = true
  const patient = new AbortController().signal
  if (failure === undefined) {
    await Promise.all([running.leave(), options.delayMs === 0 ? undefined : clock.sleep(options.delayMs, patient)])
  }
  state.refusing = options.sendRetryAfter
  if (!options.sendRetryAfter) transport.stopAccepting()
  await Promise.all([
    until(() => pipeline.inFlight === 0, clock, options.drainLimitMs),
    endWatchesSlowly(pipeline, clock, options.watchGraceMs),
  ])
  // Without etcd nobody can be told anything more.
  await Promise.race([running.catchUp().catch(() => {}), clock.sleep(lastEventsMs, patient)])
  pipeline.endWatches()
  if (options.sendRetryAfter) transport.stopAccepting()
  pipeline.endRequests()
  lifetime.abort(new Error('the server has stopped'))
  await failed
  transport.endConnections()
  await until(() => transport.connections() === 0, clock, lastEventsMs)
  transport.closeConnections()
  storage.close()
  if (failure !== undefined) throw failure
}

const parts = 20

/** Spread over the grace period, so that not all clients come to the next server at the same moment. */
async function endWatchesSlowly(pipeline: Pipeline, clock: Clock, graceMs: number): Promise<void> {
  const share = Math.ceil(pipeline.lasting / parts)
  for (let part = 1; graceMs > 0 && part < parts && pipeline.lasting > 0; part++) {
    pipeline.endWatches(share)
    await clock.sleep(graceMs / parts, new AbortController().signal)
  }
}

async function until(isDone: () => boolean, clock: Clock, limitMs: number): Promise<void> {
  const deadline = clock.now() + limitMs
  while (!isDone() && clock.now() < deadline) await clock.sleep(lookEveryMs, new AbortController().signal)
}

/** Probes and the server's own requests are answered to the end. Source: `isRequestExemptFromRetryAfter`. */
const exemptPaths = ['/readyz', '/livez', '/healthz', '/metrics']

/** Whether a request is told to come back later instead of being served. */
export function isRefused({ refusing }: ShutdownState, url: string): boolean {
  return refusing && !exemptPaths.some((path) => url.startsWith(path))
}

/** Sends the client elsewhere, and closes its connection. */
export function refuse(request: RawRequest, response: RawResponse): void {
  // HTTP/2 has no such header; its sessions are closed when all is drained.
  if (!('stream' in request)) response.setHeader('connection', 'close')
  // Both of Node's classes have these methods; their overloads differ.
  const plain = response as ServerResponse
  plain.writeHead(429, {
    'retry-after': '5',
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  })
  plain.end('The apiserver is shutting down, please try again later.\n')
}
