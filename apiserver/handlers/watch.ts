/**
 * WATCH. Each event is encoded once for all who see it as the same change; a watcher only chooses, and writes bytes.
 * Source: KEP-3157 for `sendInitialEvents`, upstream's `cacheWatcher` for how selectors turn changes into others.
 */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { StatusError, toStatus } from '../../apimachinery/status.ts'
import type { ApiResponse } from '../http/api-request.ts'
import { negotiateOutput, type Transform } from '../http/negotiation.ts'
import { type ProtobufEncoder, protobufEvent, protobufWatchType } from '../http/protobuf-answer.ts'
import { collectionPrefix, storagePrefix } from '../registry/keys.ts'
import type { CacheEntry, View } from '../storage/cache-entry.ts'
import { prepareList, prepareViews } from '../storage/conversion.ts'
import type { CacheEvent, ResourceCache } from '../storage/resource-cache.ts'
import { apiVersionOf, type HandlerContext, type ResourceHandler } from './context.ts'
import { reachOrTimeout } from './list.ts'
import { encodeObject } from './output.ts'
import { type ListOptions, type Predicate, parseListOptions, parseResourceVersion } from './read-options.ts'
import { parseTableOptions, type TableOptions } from './table.ts'

type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** A watch without `timeoutSeconds` lasts between this and twice this. Source: `--min-request-timeout`. */
const shortestWatchSeconds = 1_800
/** A watcher that has this much waiting is too slow: it is cut off, and resumes or lists again. */
const maxWaitingBytes = 16 * 1024 * 1024

/** GET of a collection (or one name) with `?watch=true`. */
export const watchObjects: ResourceHandler = async (context, resource, request, response) => {
  const { info, incoming, query, signal } = request
  const form = negotiateOutput(incoming.headers, query)
  const options = parseListOptions(resource, query, true)
  const table = parseTableOptions(query, context.clock.now())
  const start = await startOf(context, options)
  const prefix = collectionPrefix(resource, info.namespace)
  const cache = context.caches.cache(storagePrefix(resource))
  if (start.type === 'state') await prepareList(resource, () => cache.list(prefix))
  const framing = form.format === 'protobuf' ? protobufFraming(resource, request.protobuf) : jsonFraming
  response.writeHead(200, { 'content-type': framing.type, 'cache-control': 'no-cache, private' })
  // A watch may have nothing to say for long; the client wants to know that it has begun.
  response.flushHeaders()
  const stream = new EventStream(response)
  const { transform } = form
  const watcher = new Watcher({ context, resource, cache, prefix, options, transform, table, stream, framing })
  const stopObserving = watcher.begin(start)
  try {
    const seconds = options.timeoutSeconds ?? Math.floor(shortestWatchSeconds * (1 + context.random()))
    await lastsFor(context, seconds * 1000, AbortSignal.any([signal, stream.ended]))
  } finally {
    stopObserving?.()
    stream.end()
  }
}

/** Ends quietly, whatever ended it. */
async function lastsFor({ clock }: HandlerContext, ms: number, signal: AbortSignal): Promise<void> {
  await clock.sleep(ms, signal).catch(() => {})
}

/** `state`: everything that is there now comes first, as ADDED. `after`: only changes after this revision. */
type WatchStart = { readonly type: 'state' } | { readonly type: 'after'; readonly revision: number }

async function startOf({ caches }: HandlerContext, options: ListOptions): Promise<WatchStart> {
  const revision = parseResourceVersion(options.resourceVersion)
  const withState = options.sendInitialEvents ?? (revision === undefined || revision === 0)
  if (revision === undefined) await caches.fresh()
  else if (options.sendInitialEvents === true || revision === 0) await reachOrTimeout(caches, revision)
  if (withState) return { type: 'state' }
  return { type: 'after', revision: revision === undefined || revision === 0 ? caches.seen : revision }
}

type WatcherOptions = {
  readonly context: HandlerContext
  readonly resource: Resource
  readonly cache: ResourceCache
  readonly prefix: string
  readonly options: ListOptions
  readonly transform: Transform
  readonly table: TableOptions
  readonly stream: EventStream
  readonly framing: Framing
}

/** How events follow each other on the wire. */
type Framing = {
  readonly type: string
  readonly event: (type: string, object: Buffer) => Buffer
  /** The event of a whole object, made once for all watchers. */
  readonly shared: (type: ChangeType, view: View) => Buffer
}

const jsonFraming: Framing = { type: 'application/json', event: line, shared: sharedEvents(line) }
/** One per encoder, so that what is encoded is shared. */
const protobufFramings = new WeakMap<ProtobufEncoder, Framing>()

function protobufFraming({ facts }: Resource, encode: ProtobufEncoder): Framing {
  const sample = { kind: facts.kind, apiVersion: apiVersionOf(facts) }
  // Custom resources have no protobuf form.
  if (encode(Buffer.from(JSON.stringify(sample))) === undefined) return jsonFraming
  const known = protobufFramings.get(encode)
  if (known !== undefined) return known
  const event = (type: string, object: Buffer): Buffer => protobufEvent(type, encode(object) ?? object)
  const framing = { type: protobufWatchType, event, shared: sharedEvents(event) }
  protobufFramings.set(encode, framing)
  return framing
}

class Watcher {
  readonly #options: WatcherOptions
  readonly #predicate: Predicate | undefined
  #sentColumns = false
  /** Resolves when all events that had to be converted are out. */
  #waiting: Promise<void> | undefined

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#predicate = options.options.predicate
  }

  /** Sends what comes first, and follows from then on; `undefined` when there is nothing to follow. */
  begin(start: WatchStart): (() => void) | undefined {
    const { cache, stream } = this.#options
    if (start.type === 'state') this.#sendState()
    else {
      const missed = cache.eventsAfter(start.revision)
      if (missed === undefined) {
        this.#sendExpired(start.revision)
        return undefined
      }
      for (const event of missed) this.#take(event)
    }
    stream.flush()
    const after = start.type === 'after' ? start.revision : 0
    return cache.observe({
      // A watch may start in the future; what comes before that is not for it.
      onEvent: (event) => {
        if (event.revision > after) this.#take(event)
      },
      onBatchEnd: () => stream.flush(),
      onReset: () => stream.end(),
      onBookmark: (revision) => {
        if (!this.#options.options.allowWatchBookmarks) return
        this.#afterWaiting(() => this.#sendBookmark(revision, false))
      },
    })
  }

  #sendState(): void {
    const { cache, prefix, options, context } = this.#options
    for (const entry of cache.list(prefix)) {
      if (this.#predicate === undefined || this.#predicate(entry)) this.#send('ADDED', entry)
    }
    if (options.sendInitialEvents === true && options.allowWatchBookmarks) {
      this.#sendBookmark(context.caches.seen, true)
    }
  }

  /** Events whose objects have to be converted first go out later, in their order. */
  #take(event: CacheEvent): void {
    const { resource, prefix, stream } = this.#options
    if (resource.storedAs?.convert === undefined) {
      this.#onEvent(event)
      return
    }
    if (!event.entry.key.startsWith(prefix)) return
    const last = event.previous === undefined ? undefined : lastState(event)
    const entries = [event.entry, event.previous, last].filter((entry) => entry !== undefined)
    this.#waiting = (this.#waiting ?? Promise.resolve())
      .then(async () => {
        await prepareViews(resource, entries)
        this.#onEvent(event, last)
        stream.flush()
      })
      .catch((error: unknown) => {
        const shown = error instanceof StatusError ? error : new StatusError('InternalError', String(error))
        this.#sendError(shown)
      })
  }

  #afterWaiting(send: () => void): void {
    const { stream } = this.#options
    const now = (): void => {
      send()
      stream.flush()
    }
    if (this.#waiting === undefined) now()
    else this.#waiting = this.#waiting.then(now)
  }

  #onEvent(event: CacheEvent, last?: CacheEntry): void {
    if (!event.entry.key.startsWith(this.#options.prefix)) return
    const change = changeFor(event, this.#predicate)
    if (change === undefined) return
    this.#send(change, change === 'DELETED' && event.type !== 'DELETED' ? (last ?? lastState(event)) : event.entry)
  }

  #send(type: ChangeType, entry: CacheEntry): void {
    const { resource, transform, stream, framing } = this.#options
    const view = entry.view(resource)
    stream.add(transform === 'none' ? framing.shared(type, view) : this.#transformed(type, view.object))
  }

  #transformed(type: string, object: ApiObject): Buffer {
    const { resource, transform, table, context, framing } = this.#options
    const options = { ...table, nowMs: context.clock.now(), withoutColumns: this.#sentColumns }
    this.#sentColumns = true
    return framing.event(type, encodeObject(resource, object, undefined, transform, options))
  }

  #sendBookmark(revision: number, endsInitialEvents: boolean): void {
    const { resource, transform, stream, framing } = this.#options
    const annotations = endsInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
    const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations }
    const type =
      transform === 'none'
        ? { kind: resource.facts.kind, apiVersion: apiVersionOf(resource.facts) }
        : { kind: transform, apiVersion: 'meta.k8s.io/v1' }
    const rest = transform === 'Table' ? { columnDefinitions: [], rows: [] } : {}
    stream.add(framing.event('BOOKMARK', Buffer.from(JSON.stringify({ ...type, metadata, ...rest }))))
  }

  #sendExpired(revision: number): void {
    const { completeSince } = this.#options.cache
    this.#sendError(new StatusError('Expired', `too old resource version: ${revision} (${completeSince})`))
  }

  #sendError(error: StatusError): void {
    const { stream, framing } = this.#options
    stream.add(framing.event('ERROR', Buffer.from(JSON.stringify(toStatus(error)))))
    stream.flush()
    stream.end()
  }
}

/** What a change is for a watcher that sees only some objects. Source: upstream's `convertToWatchEvent`. */
export function changeFor(event: CacheEvent, predicate: Predicate | undefined): ChangeType | undefined {
  if (predicate === undefined) return event.type
  const was = event.previous !== undefined && predicate(event.previous)
  const is = event.type !== 'DELETED' && predicate(event.entry)
  if (is) return was ? 'MODIFIED' : 'ADDED'
  return was ? 'DELETED' : undefined
}

function lastState(event: CacheEvent): CacheEntry {
  return event.previous?.at(event.revision) ?? event.entry
}

/** All watchers of a kind get the same buffers, kept with what they show. */
function sharedEvents(encode: Framing['event']): Framing['shared'] {
  const known = new WeakMap<View, Partial<Record<ChangeType, Buffer>>>()
  return (type, view) => {
    let events = known.get(view)
    if (events === undefined) {
      events = {}
      known.set(view, events)
    }
    events[type] ??= encode(type, view.json)
    return events[type]
  }
}

const lineEnd = Buffer.from('}\n')

function line(type: string, object: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, lineEnd])
}

/** Collects the events of a batch, writes them at once, and gives up on a client that does not read. */
class EventStream {
  readonly #response: ApiResponse
  readonly #end = new AbortController()
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #blocked = false

  constructor(response: ApiResponse) {
    this.#response = response
    response.on('drain', () => {
      this.#blocked = false
      this.flush()
    })
    response.on('close', () => this.#end.abort())
    response.on('error', () => this.#end.abort())
  }

  /** Aborts when nothing more can be sent. */
  get ended(): AbortSignal {
    return this.#end.signal
  }

  add(bytes: Buffer): void {
    if (this.#end.signal.aborted) return
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#blocked && this.#waitingBytes > maxWaitingBytes) this.end()
  }

  flush(): void {
    if (this.#blocked || this.#waiting.length === 0 || this.#end.signal.aborted) return
    const [first] = this.#waiting
    const bytes = this.#waiting.length === 1 && first !== undefined ? first : Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#blocked = !this.#response.write(bytes)
  }

  end(): void {
    if (!this.#response.writableEnded) this.#response.end()
    this.#end.abort()
  }
}
