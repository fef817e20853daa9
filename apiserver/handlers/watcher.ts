/** One watcher of a kind: what of the cache's changes it sees, and as what. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { StatusError, toStatus } from '../../apimachinery/status.ts'
import type { Transform } from '../http/negotiation.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'
import { prepareViews } from '../storage/conversion.ts'
import type { CacheEvent, ResourceCache } from '../storage/resource-cache.ts'
import { apiVersionOf, type HandlerContext } from './context.ts'
import type { EventStream } from './event-stream.ts'
import type { Predicate } from './field-selection.ts'
import { encodeObject } from './output.ts'
import type { ListOptions } from './read-options.ts'
import { columnDefinitions, type TableOptions } from './table.ts'
import type { ChangeType, Framing } from './watch-framing.ts'

/** `state`: everything that is there now comes first, as ADDED. `after`: only changes after this revision. */
export type WatchStart =
  | { readonly type: 'state' }
  | { readonly type: 'after'; readonly revision: number }
  | { readonly type: 'refused'; readonly error: StatusError }

export type WatcherOptions = {
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

/** One watch: chooses events, and hands over their bytes. */
export class Watcher {
  readonly #options: WatcherOptions
  readonly #predicate: Predicate | undefined
  #sentColumns = false
  /** Bookmarks are about what comes after this. */
  #after = 0
  /** Resolves when all events that had to be converted are out. */
  #waiting: Promise<void> | undefined

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#predicate = options.options.predicate
  }

  /** Sends what comes first, and follows from then on; `undefined` when there is nothing to follow. */
  begin(start: WatchStart): (() => void) | undefined {
    const { cache, stream, context } = this.#options
    if (start.type === 'refused') {
      this.#sendError(start.error)
      return undefined
    }
    if (start.type === 'state') this.#orError(() => this.#sendState())
    else {
      const missed = cache.eventsAfter(start.revision)
      if (missed === undefined) {
        this.#sendExpired(start.revision)
        return undefined
      }
      for (const event of missed) this.#take(event)
    }
    stream.flush()
    stream.excuseWaiting()
    const after = start.type === 'after' ? start.revision : 0
    this.#after = start.type === 'after' ? start.revision : context.caches.seen
    return cache.observe({
      // A watch may start in the future; what comes before that is not for it.
      onEvent: (event) => {
        if (event.revision > after) this.#take(event)
      },
      onBatchEnd: () => stream.flush(),
      onReset: () => stream.end(),
      onBookmark: (revision) => this.bookmark(revision),
    })
  }

  /** Tells a client that asked for it that it has seen everything up to `revision`. */
  bookmark(revision: number): void {
    if (!this.#options.options.allowWatchBookmarks || revision <= this.#after) return
    this.#afterWaiting(() => this.#sendBookmark(revision, false))
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
    this.#orError(() => this.#show(event, last))
  }

  /** What cannot be decrypted ends the watch, as upstream. */
  #orError(send: () => void): void {
    try {
      send()
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      this.#sendError(error)
    }
  }

  #show(event: CacheEvent, last?: CacheEntry): void {
    const change = changeFor(event, this.#predicate)
    if (change === undefined) return
    this.#send(change, change === 'DELETED' && event.type !== 'DELETED' ? (last ?? lastState(event)) : event.entry)
  }

  #send(type: ChangeType, entry: CacheEntry): void {
    const { resource, transform, stream, framing, context } = this.#options
    const view = entry.view(resource)
    context.watchEvents.set(resource, (context.watchEvents.get(resource) ?? 0) + 1)
    stream.add(transform === 'none' ? framing.shared(type, view) : this.#transformed(type, view.object))
  }

  #transformed(type: string, object: ApiObject): Buffer {
    const { resource, transform, table, context, framing } = this.#options
    const options = { ...table, nowMs: context.clock.now(), withoutColumns: this.#sentColumns }
    this.#sentColumns = true
    return framing.event(type, encodeObject(resource, object, undefined, transform, options))
  }

  #sendBookmark(revision: number, endsInitialEvents: boolean): void {
    const { stream, framing } = this.#options
    const annotations = endsInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
    const object = this.#bookmarkObject({ resourceVersion: String(revision), ...annotations })
    stream.add(framing.event('BOOKMARK', Buffer.from(JSON.stringify(object))))
  }

  /** An object of the kind that has nothing but a revision; in a table, the one row. */
  #bookmarkObject(metadata: object): object {
    const { resource, transform, table } = this.#options
    const apiVersion = `meta.k8s.io/${table.metaVersion}`
    if (transform === 'none') return { kind: resource.facts.kind, apiVersion: apiVersionOf(resource.facts), metadata }
    const partial = { kind: 'PartialObjectMetadata', apiVersion, metadata }
    if (transform !== 'Table') return partial
    const columns = this.#sentColumns ? [] : columnDefinitions(resource, table.describe)
    this.#sentColumns = true
    return { kind: 'Table', apiVersion, metadata, columnDefinitions: columns, rows: [{ cells: [], object: partial }] }
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
