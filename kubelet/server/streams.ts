/** Upgraded connections: exec, attach and port-forward. The runtime makes the stream; the kubelet joins the two ends. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Container, Pod } from '../../api/core/v1.ts'
import { HttpError } from './http-error.ts'
import { findContainer, findPod, findRunning } from './pod-lookup.ts'
import type { ServerContext } from './server.ts'
import { tunnelUpgrade } from './tunnel.ts'
import { bridgeCommand, bridgeTunnel, type CommandStreams, chooseProtocol } from './websocket.ts'

/** Opens the stream that the request asks for. Throws `HttpError` before anything was sent. */
export async function answerUpgrade(
  context: ServerContext,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://kubelet')
  const [, kind = '', ...rest] = url.pathname.split('/').map(decodeURIComponent)
  const target = await openStream(context, kind, rest, url.searchParams, signal)
  const { streams } = target
  const protocol = chooseProtocol(request, streams === undefined ? 'portForward' : 'command')
  if (protocol === undefined) tunnelUpgrade(request, socket, head, target.url)
  else if (streams === undefined) await bridgeTunnel(request, socket, head, target.url)
  else await bridgeCommand(request, socket, head, { url: target.url, protocol, streams })
}

/** `streams` is absent for port-forward. */
type OpenStream = { readonly url: URL; readonly streams?: CommandStreams }

/** Where the runtime serves the stream. Paths are `{namespace}/{pod}[/{uid}]/{container}`; port-forward has no container. */
async function openStream(
  context: ServerContext,
  kind: string,
  rest: readonly string[],
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<OpenStream> {
  const { runtime } = context
  const [namespace = '', podName = ''] = rest
  const { pod } = findPod(context, namespace, podName)
  if (kind === 'portForward') {
    const port = query.getAll('port').map(Number)
    const podSandboxId = await sandboxIdOf(context, pod, signal)
    return { url: new URL((await runtime.call('PortForward', { podSandboxId, port }, signal)).url) }
  }
  if (kind !== 'exec' && kind !== 'attach') throw new HttpError(404, '404 page not found\n')
  const container = findContainer(pod, rest.at(-1) ?? '')
  const { run } = await findRunning(context, pod, container.name, signal)
  const streams = requestedStreams(query, kind === 'attach' ? container : undefined)
  if (kind === 'attach') {
    return { url: new URL((await runtime.call('Attach', { containerId: run.id, ...streams }, signal)).url), streams }
  }
  const cmd = query.getAll('command')
  if (cmd.length === 0) throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr')
  return { url: new URL((await runtime.call('Exec', { containerId: run.id, cmd, ...streams }, signal)).url), streams }
}

/** The API server speaks of `input`, `output` and `error`; attaching takes the terminal from the container itself. */
function requestedStreams(query: URLSearchParams, attached: Container | undefined): CommandStreams {
  const has = (...names: readonly string[]) => names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''))
  const tty = attached === undefined ? has('tty') : attached.tty === true
  const streams = {
    stdin: has('input', 'stdin'),
    stdout: has('output', 'stdout'),
    // A terminal has one output only.
    stderr: has('error', 'stderr') && !tty,
    tty,
  }
  if (!streams.stdin && !streams.stdout && !streams.stderr) {
    throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr')
  }
  return streams
}

async function sandboxIdOf(context: ServerContext, pod: Pod, signal: AbortSignal): Promise<string> {
  const filter = {
    labelSelector: { 'io.kubernetes.pod.uid': pod.metadata.uid },
    state: { state: 'SANDBOX_READY' as const },
  }
  const { items } = await context.runtime.call('ListPodSandbox', { filter }, signal)
  const id = items[0]?.id
  if (id === undefined) throw new HttpError(404, `pod not found ("${pod.metadata.uid}")`)
  return id
}
