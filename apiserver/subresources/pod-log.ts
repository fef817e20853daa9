/** `pods/log`: the kubelet's answer, streamed on. */
import type { IncomingMessage } from 'node:http'
import { type Duplex, pipeline, Readable, Writable } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Pod } from '../../api/core/v1.ts'
import { forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { canonicalTime, timeProblem } from '../../apimachinery/schema/scalars.ts'
import { badRequest, invalid, type StatusCause, StatusError } from '../../apimachinery/status.ts'
import { handshakeProblem } from '../handlers/watch.ts'
import type { ApiRequest, ApiResponse } from '../http/api-request.ts'
import { served } from './answers.ts'
import { explained, type KubeletClientOptions, openRequest } from './kubelet-client.ts'
import { chooseContainer } from './kubelet-location.ts'
import { kubeletBackend } from './pod-backend.ts'
import { relay } from './relay.ts'
import type { SubresourceContext, SubresourceHandler } from './subresource.ts'

/** A kubelet's refusal is a sentence, not a document. */
const maxErrorBytes = 64 * 1024

/** The handler. */
export function podLogHandler(kubelet: () => KubeletClientOptions): SubresourceHandler {
  return {
    group: '',
    plural: 'pods',
    subresource: 'log',
    verbs: ['get'],
    handle: async (request, response, context) => {
      await streamLog(request, response, context, kubelet())
      return undefined
    },
    upgrade: async (request, socket, head, context) => {
      const refusal = handshakeProblem(request.incoming.headers)
      if (refusal !== undefined) {
        socket.end(refusal)
        return
      }
      const log = await openLog(request, context, kubelet())
      sendOverSocket(log ?? Readable.from([]), request, socket, head)
    },
  }
}

async function streamLog(
  request: ApiRequest,
  response: ApiResponse,
  context: SubresourceContext,
  kubelet: KubeletClientOptions,
): Promise<void> {
  const answer = await openLog(request, context, kubelet)
  if (answer === undefined) {
    response.writeHead(204, {})
    response.end()
    return
  }
  response.writeHead(200, { 'content-type': 'text/plain' })
  await relay(answer, response, request.signal)
}

/** The log as the kubelet sends it; undefined: the pod is not scheduled and has none yet, which is not an error. */
async function openLog(
  request: ApiRequest,
  context: SubresourceContext,
  kubelet: KubeletClientOptions,
): Promise<IncomingMessage | undefined> {
  const { namespace, name } = request.info
  const causes = logOptionCauses(request.query)
  if (causes.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, name, causes)
  const key = { namespace, name }
  const pod = (await context.store.get(served(context.store, '', 'pods'), key, request.signal)) as unknown as Pod
  const container = chooseContainer(pod, request.query.get('container') ?? '')
  if ((pod.spec.nodeName ?? '') === '') return undefined
  const query = kubeletLogQuery(request.query)
  const path = `/containerLogs/${namespace}/${name}/${container}${query === '' ? '' : `?${query}`}`
  const verifies = !isTrue(request.query.get('insecureSkipTLSVerifyBackend'))
  const backend = kubeletBackend(context.reader, pod, verifies ? kubelet : withoutAuthority(kubelet))
  const opened = openRequest(backend, { method: 'GET', path, headers: {} }, request.signal)
  opened.request.end()
  const answer = await opened.response.catch((error: unknown) => {
    throw explained(error, `Get "https://${backend.host}:${backend.port}${path}"`)
  })
  if (answer.statusCode !== 200) throw await refusal(answer)
  return answer
}

/** How the bytes of a log are sent; without a protocol as they are. Source: upstream `wsstream`. */
const logProtocols = ['binary.k8s.io', 'base64.binary.k8s.io']
/** Clients of a log have nothing to say; what they say all the same is dropped. */
const maxMessageBytes = 64 * 1024

/** One message for each piece of the log, after an empty one that says that it begins; closed at its end. */
function sendOverSocket(log: Readable, request: ApiRequest, socket: Duplex, head: Buffer): void {
  const handleProtocols = (offered: Set<string>) => logProtocols.find((name) => offered.has(name)) ?? false
  const server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, handleProtocols })
  // `ws` reads method, URL and headers of it.
  const raw = request.stream as IncomingMessage
  server.handleUpgrade(raw, socket, head, (webSocket) => {
    const isText = webSocket.protocol === 'base64.binary.k8s.io'
    const stop = (): void => webSocket.terminate()
    request.signal.addEventListener('abort', stop, { once: true })
    webSocket.on('error', stop)
    webSocket.on('close', () => {
      request.signal.removeEventListener('abort', stop)
      log.destroy()
    })
    const messages = new Writable({
      write: (piece: Buffer, _, done) => webSocket.send(isText ? piece.toString('base64') : piece, done),
    })
    webSocket.send(isText ? '' : Buffer.alloc(0))
    pipeline(log, messages, () => webSocket.close(1000))
  })
}

function withoutAuthority({ ca: _ca, ...rest }: KubeletClientOptions): KubeletClientOptions {
  return rest
}

async function refusal(answer: IncomingMessage): Promise<StatusError> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > maxErrorBytes) break
  }
  const text = Buffer.concat(chunks).toString().trimEnd()
  const code = answer.statusCode ?? 500
  if (code === 400) return badRequest(text)
  if (code === 500) {
    const message = `Internal error occurred: ${text}`
    return new StatusError('InternalError', message, { causes: [{ reason: 'InternalError', message: text }] })
  }
  return kubeletStatus(code, text)
}

const reasons: Readonly<Record<number, string>> = { 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound' }

function kubeletStatus(code: number, text: string): StatusError {
  const start: Readonly<Record<number, string>> = {
    401: 'the server has asked for the client to provide credentials',
    403: 'the server does not allow access to the requested resource',
    404: 'the server could not find the requested resource',
  }
  const message = start[code] ?? `the server responded with the status code ${code} but did not return more information`
  const cause = { reason: 'UnexpectedServerResponse', message: text } as const
  return new StatusError(reasons[code] ?? '', message, { causes: [cause] }, code)
}

/** What is wrong with the options, in upstream's words. */
export function logOptionCauses(query: URLSearchParams): readonly StatusCause[] {
  const causes: StatusCause[] = []
  const sinceTime = query.get('sinceTime')
  if (sinceTime !== null && sinceTime !== '' && canonicalTime(sinceTime) === undefined) {
    throw badRequest(timeProblem(sinceTime, '2006-01-02T15:04:05Z07:00'))
  }
  const atLeast = (field: string, minimum: number, words: string): void => {
    const text = query.get(field)
    if (text === null) return
    if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
    if (BigInt.asIntN(64, BigInt(text)) !== BigInt(text)) {
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`)
    }
    if (Number(text) < minimum) causes.push(invalidValue(field, Number(text), words))
  }
  atLeast('tailLines', 0, 'must be greater than or equal to 0')
  atLeast('limitBytes', 1, 'must be greater than 0')
  if (query.has('sinceSeconds') && query.has('sinceTime')) {
    causes.push(forbiddenField('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
  } else atLeast('sinceSeconds', 1, 'must be greater than 0')
  // Source: the feature PodLogsQuerySplitStreams, which is off.
  if (query.has('stream')) causes.push(forbiddenField('stream', 'may not be specified'))
  return causes
}

/** The options that a kubelet knows, in upstream's form. */
export function kubeletLogQuery(query: URLSearchParams): string {
  const result = new URLSearchParams()
  for (const flag of ['follow', 'previous', 'timestamps']) if (isTrue(query.get(flag))) result.set(flag, 'true')
  for (const field of ['limitBytes', 'sinceSeconds', 'sinceTime', 'tailLines']) {
    const value = query.get(field)
    if (value !== null && value !== '') result.set(field, value)
  }
  return result.toString()
}

function isTrue(text: string | null): boolean {
  return text !== null && (text === '' || ['true', '1', 't'].includes(text.toLowerCase()))
}
