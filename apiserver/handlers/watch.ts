/**
 * WATCH, over a body that does not end or over a WebSocket. Each event is encoded once for all who see it as the same change; a
 * watcher only chooses, and hands on bytes.
 * Source: KEP-3157 for `sendInitialEvents`, upstream's `cacheWatcher` for how selectors turn changes into others.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Resource } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { negotiateStream, type OutputForm } from '../http/negotiation.ts'
import { collectionPrefix, storagePrefix } from '../registry/keys.ts'
import { prepareList } from '../storage/conversion.ts'
import type { HandlerContext, ResourceHandler } from './context.ts'
import { type EventStream, httpEventStream, socketEventStream } from './event-stream.ts'
import { reachOrTimeout, singleKey } from './list.ts'
import { type ListOptions, parseListOptions, parseResourceVersion } from './read-options.ts'
import { parseTableOptions, type TableOptions } from './table.ts'
import { lineFraming, protobufFraming } from './watch-framing.ts'
import { Watcher, type WatchStart } from './watcher.ts'

/** Clients that take bookmarks get one this long before the end, to resume from. Source: upstream's `nextBookmarkTime`. */
const lastBookmarkMs = 2_000

/** GET of a collection (or one name) with `?watch=true`. */
export const watchObjects: ResourceHandler = async (context, resource, request, response) => {
  const watch = await prepareWatch(context, resource, request)
  const { form, signal } = watch
  const framing = form.format === 'protobuf' ? protobufFraming(resource, request.protobuf, false) : lineFraming()
  response.writeHead(200, { 'content-type': framing.type, 'cache-control': 'no-cache, private' })
  // A watch may have nothing to say for long; the client wants to know that it has begun.
  response.flushHeaders()
  const stream = httpEventStream(response)
  await run(watch, stream, framing, AbortSignal.any([signal, stream.ended]))
}

/** The same over a WebSocket: one message per event, text for JSON and binary for protobuf. */
export async function watchOverSocket(
  context: HandlerContext,
  resource: Resource,
  request: ApiRequest,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const watch = await prepareWatch(context, resource, request)
  const { form, signal } = watch
  const refusal = handshakeProblem(request.incoming.headers)
  if (refusal !== undefined) {
    socket.end(refusal)
    return
  }
  const framing = form.format === 'protobuf' ? protobufFraming(resource, request.protobuf, true) : lineFraming()
  const server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes })
  // `ws` reads method, URL and headers of it.
  const raw = request.stream as IncomingMessage
  server.handleUpgrade(raw, socket, head, (webSocket) => {
    const stream = socketEventStream(webSocket, framing.isText)
    // Ends by itself: nothing in it is left to fail but the connection.
    void run(watch, stream, framing, AbortSignal.any([signal, stream.ended]))
  })
}

/**
 * The library of upstream's watches wants to know where a page comes from, and speaks one version.
 * Source: `golang.org/x/net/websocket` (`checkOrigin`, `ReadHandshake`).
 */
export function handshakeProblem(headers: IncomingHttpHeaders): string | undefined {
  const version = headers['sec-websocket-version']
  if (version !== '13') {
    return 'HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n\r\nmissing or bad WebSocket Version'
  }
  const origin = headers.origin ?? ''
  const isUrl = /^(?:[a-z][a-z0-9+.-]*:|\/)/i.test(origin) && !/%(?![0-9a-f]{2})/i.test(origin)
  return isUrl ? undefined : 'HTTP/1.1 403 Forbidden\r\n\r\n'
}

/** Clients of a watch have nothing to say; what they say all the same is dropped. */
const maxMessageBytes = 64 * 1024

type Watch = {
  readonly context: HandlerContext
  readonly resource: Resource
  readonly prefix: string
  readonly form: OutputForm
  readonly options: ListOptions
  readonly table: TableOptions
  readonly start: WatchStart
  readonly signal: AbortSignal
  /** Told when the state that the watch begins with is out. */
  readonly begun: (() => void) | undefined
}

/** Everything that can still be refused with a `Status`. */
async function prepareWatch(context: HandlerContext, resource: Resource, request: ApiRequest): Promise<Watch> {
  const { info, incoming, query, signal } = request
  const form = negotiateStream(incoming.headers, query)
  const options = parseListOptions(resource, query, true, info.name)
  const table = parseTableOptions(query, context, form)
  const start = await startOf(context, options)
  const prefix = singleKey(resource, info.namespace, options) ?? collectionPrefix(resource, info.namespace)
  const cache = context.caches.cache(storagePrefix(resource))
  if (start.type === 'state') await prepareList(resource, () => cache.list(prefix))
  return { context, resource, prefix, form, options, table, start, signal, begun: request.begun }
}

async function run(
  { context, resource, prefix, form, options, table, start, begun }: Watch,
  stream: EventStream,
  framing: ReturnType<typeof lineFraming>,
  signal: AbortSignal,
): Promise<void> {
  const cache = context.caches.cache(storagePrefix(resource))
  const { transform } = form
  const watcher = new Watcher({ context, resource, cache, prefix, options, transform, table, stream, framing })
  const stopObserving = watcher.begin(start)
  begun?.()
  try {
    const ms = durationMs(context, options)
    await lastsFor(context, ms - lastBookmarkMs, signal)
    if (ms > lastBookmarkMs && !signal.aborted) watcher.bookmark(context.caches.seen)
    await lastsFor(context, Math.min(ms, lastBookmarkMs), signal)
  } finally {
    stopObserving?.()
    stream.end()
  }
}

/** Zero is no limit of the client's: the watch lasts between the server's shortest and twice that. */
function durationMs({ random, shortestWatchSeconds }: HandlerContext, { timeoutSeconds = 0 }: ListOptions): number {
  const seconds = timeoutSeconds === 0 ? Math.floor(shortestWatchSeconds * (1 + random())) : timeoutSeconds
  return Math.min(seconds, longestWatchSeconds) * 1000
}

/** What a timer of 32 bits can hold, roughly. */
const longestWatchSeconds = 2_000_000

/** Ends quietly, whatever ended it. */
async function lastsFor({ clock }: HandlerContext, ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await clock.sleep(ms, signal).catch(() => {})
}

async function startOf({ caches }: HandlerContext, options: ListOptions): Promise<WatchStart> {
  const revision = parseResourceVersion(options.resourceVersion)
  const withState = options.sendInitialEvents === true
  if (revision === undefined) await caches.fresh()
  else if (withState) {
    try {
      await reachOrTimeout(caches, revision)
    } catch (error) {
      // The watch has begun as far as the client knows. Source: `newErrWatcher`.
      if (hasReason(error, 'Timeout')) return { type: 'refused', error }
      throw error
    }
  }
  if (withState) return { type: 'state' }
  return { type: 'after', revision: revision === undefined || revision === 0 ? caches.seen : revision }
}
