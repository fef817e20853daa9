/** Plain requests: health, pods, logs, run. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerContainerLog } from './container-log.ts'
import { HttpError } from './http-error.ts'
import { findContainer, findPod, findRunning } from './pod-lookup.ts'
import { resourceMetrics } from './resource-metrics.ts'
import type { ServerContext } from './server.ts'
import { statsSummary } from './stats.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Answers one request that is no upgrade. Throws `HttpError`. */
export async function answerRequest(
  context: ServerContext,
  diagnostics: Handler,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://kubelet')
  const [, root = '', ...rest] = url.pathname.split('/').map(decodeURIComponent)
  switch (root) {
    case 'healthz':
    case 'livez':
    case 'readyz':
      await diagnostics(request, response)
      return
    case 'metrics':
      if (rest[0] === 'resource') answerText(response, await resourceMetrics(context, signal))
      else await diagnostics(request, response)
      return
    case 'pods':
      answerJson(response, podList(context))
      return
    case 'stats':
      answerJson(response, await statsSummary(context, signal))
      return
    case 'containerLogs':
      await answerContainerLog(context, rest, url.searchParams, response, signal)
      return
    case 'run':
      await answerRun(context, rest, url.searchParams, response, signal)
      return
    case 'exec':
    case 'attach':
    case 'portForward':
      throw new HttpError(400, 'Upgrade request required')
    default:
      throw new HttpError(404, '404 page not found\n')
  }
}

function podList({ workers, statuses }: ServerContext): unknown {
  const items = workers.list().map(({ pod }) => ({ ...pod, status: statuses.get(pod.metadata.uid) ?? pod.status }))
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items }
}

function answerJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(body))
}

function answerText(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' })
  response.end(body)
}

/** Runs a command and answers its output: `/run/{namespace}/{pod}[/{uid}]/{container}?cmd=`. */
async function answerRun(
  context: ServerContext,
  rest: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const [namespace = '', podName = ''] = rest
  const { pod } = findPod(context, namespace, podName)
  const { name } = findContainer(pod, rest.at(-1) ?? '')
  const { run } = await findRunning(context, pod, name, signal)
  const cmd = (query.get('cmd') ?? '').split(' ')
  const answer = await context.runtime.call('ExecSync', { containerId: run.id, cmd, timeout: 60 }, signal)
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  response.end(Buffer.concat([answer.stdout, answer.stderr]))
}
