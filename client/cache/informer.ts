/**
 * A local copy of a collection, kept up to date: list once, then watch from there; after a gap, list again and tell the
 * differences. Handlers run in the order of the server's changes and must not throw or wait.
 */
import type { ApiObject } from '../../api/resource.ts'
import { objectKey } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Client, ListOptions } from '../rest/client.ts'
import type { ResourceRef } from '../rest/resource-refs.ts'
import type { WatchEvent } from '../rest/watch.ts'
import { backoffMs, listWatchBackoff } from '../workqueue/backoff.ts'
import { type IndexFunction, Store } from './store.ts'

export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly old: T }
  | { readonly type: 'deleted'; readonly object: T }

export type Informer<T extends ApiObject> = {
  /** Lists and watches until `signal` aborts. Failures are logged and tried again with back-off. */
  readonly run: (signal: AbortSignal) => Promise<void>
  readonly synced: () => boolean
  readonly whenSynced: (signal: AbortSignal) => Promise<void>
  /** `key` is `namespace/name`, or `name`. */
  readonly get: (key: string) => T | undefined
  readonly list: () => readonly T[]
  readonly byIndex: (name: string, value: string) => readonly T[]
  readonly addIndex: (name: string, of: IndexFunction<T>) => void
  /** Also told of what is in the cache already. */
  readonly onChange: (handler: (change: Change<T>) => void) => void
  /** The newest resource version seen, '' before the first list. */
  readonly resourceVersion: () => string
  /** Resolves once the cache has seen `resourceVersion`, or after `limitMs`: `false` then. */
  readonly whenSeen: (resourceVersion: string, limitMs: number, signal: AbortSignal) => Promise<boolean>
}

export type InformerOptions<T extends ApiObject, D> = {
  readonly client: Client
  readonly ref: ResourceRef<T, D>
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** What to keep of each object, where little of many is needed: all of the identity, and the version. */
  readonly transform?: (object: T) => T
  readonly clock: Clock
  readonly logger: Logger
  readonly random?: () => number
}

/** Pages of the first list: as client-go, so that no answer grows without limit. */
const pageSize = 5_000

/** Longest pause between attempts at the first list. */
const firstListRetryMs = 1_000

/** Makes an informer; nothing happens before `run`. */
export function createInformer<T extends ApiObject, D>(options: InformerOptions<T, D>): Informer<T> {
  const informer = new ListWatch(options)
  return {
    run: async (signal) => await informer.run(signal),
    synced: () => informer.synced,
    whenSynced: async (signal) => await informer.whenSynced(signal),
    get: (key) => informer.store.get(key),
    list: () => informer.store.list(),
    byIndex: (name, value) => informer.store.byIndex(name, value),
    addIndex: (name, of) => informer.store.addIndex(name, of),
    onChange: (handler) => informer.onChange(handler),
    resourceVersion: () => informer.resourceVersion,
    whenSeen: async (version, limitMs, signal) => await informer.whenSeen(version, limitMs, signal),
  }
}

function whole<T>(object: T): T {
  return object
}

type Waiter = { readonly until: () => boolean; readonly wake: () => void }

class ListWatch<T extends ApiObject, D> {
  readonly store = new Store<T>()
  synced = false
  resourceVersion = ''
  readonly #options: InformerOptions<T, D>
  readonly #selector: Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>
  readonly #handlers: ((change: Change<T>) => void)[] = []
  #waiters: Waiter[] = []

  constructor(options: InformerOptions<T, D>) {
    this.#options = options
    const { namespace, labelSelector, fieldSelector } = options
    this.#selector = {
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    }
  }

  onChange(handler: (change: Change<T>) => void): void {
    this.#handlers.push(handler)
    for (const object of this.store.list()) handler({ type: 'added', object })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, ref, random = Math.random } = this.#options
    let failures = 0
    let listNeeded = true
    while (!signal.aborted) {
      try {
        if (listNeeded) await this.#list(signal)
        listNeeded = false
        await this.#watch(signal, () => {
          failures = 0
        })
      } catch (error) {
        if (signal.aborted) break
        listNeeded ||= hasReason(error, 'Expired') || hasReason(error, 'Gone')
        failures += 1
        logger.debug('Watch ended', { resource: ref.plural, error })
        const delay = listNeeded && failures === 1 ? 0 : backoffMs(listWatchBackoff, failures, random)
        // A program that starts before the server is ready should not sleep long past that moment.
        await clock.sleep(this.synced ? delay : Math.min(delay, firstListRetryMs), signal)
      }
    }
    signal.throwIfAborted()
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await this.#wait(() => this.synced, signal)
  }

  async whenSeen(version: string, limitMs: number, signal: AbortSignal): Promise<boolean> {
    const wanted = Number(version)
    const seen = (): boolean => Number(this.resourceVersion) >= wanted
    if (seen()) return true
    try {
      await withDeadline(signal, limitMs, async (limit) => await this.#wait(seen, limit))
      return true
    } catch {
      signal.throwIfAborted()
      return false
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, ref, transform = whole } = this.#options
    const found = new Map<string, T>()
    let version = ''
    let next: string | undefined
    do {
      const page = next === undefined ? {} : { continue: next }
      const list = await client.list(ref, { ...this.#selector, limit: pageSize, ...page }, signal)
      for (const object of list.items) found.set(objectKey(object), transform(object))
      version = list.metadata.resourceVersion
      next = list.metadata.continue === '' ? undefined : list.metadata.continue
    } while (next !== undefined)
    this.#replace(found)
    this.synced = true
    this.#saw(version)
  }

  #replace(found: ReadonlyMap<string, T>): void {
    for (const key of this.store.keys()) if (!found.has(key)) this.#remove(key)
    for (const [key, object] of found) this.#put(key, object)
  }

  async #watch(signal: AbortSignal, healthy: () => void): Promise<void> {
    const { client, ref } = this.#options
    const from = { resourceVersion: this.resourceVersion, allowWatchBookmarks: true }
    for await (const event of client.watch(ref, { ...this.#selector, ...from }, signal)) {
      healthy()
      this.#take(event)
    }
  }

  #take({ type, object }: WatchEvent<T>): void {
    const { transform = whole } = this.#options
    if (type === 'ADDED' || type === 'MODIFIED') this.#put(objectKey(object), transform(object))
    if (type === 'DELETED') this.#remove(objectKey(object), transform(object))
    this.#saw(object.metadata.resourceVersion)
  }

  #put(key: string, object: T): void {
    const old = this.store.set(key, object)
    if (old === undefined) this.#tell({ type: 'added', object })
    else if (old.metadata.uid !== object.metadata.uid) {
      // Deleted and made again while nobody watched.
      this.#tell({ type: 'deleted', object: old })
      this.#tell({ type: 'added', object })
    } else if (old.metadata.resourceVersion !== object.metadata.resourceVersion) {
      this.#tell({ type: 'updated', object, old })
    }
  }

  #remove(key: string, last?: T): void {
    const old = this.store.delete(key)
    if (old !== undefined) this.#tell({ type: 'deleted', object: last ?? old })
  }

  #tell(change: Change<T>): void {
    for (const handler of this.#handlers) handler(change)
  }

  #saw(version: string): void {
    this.resourceVersion = version
    if (this.#waiters.length === 0) return
    const ready = this.#waiters.filter(({ until }) => until())
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter))
    for (const { wake } of ready) wake()
  }

  async #wait(until: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (until()) return
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter)
        reject(signal.reason)
      }
      const waiter = {
        until,
        wake: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.push(waiter)
    })
  }
}
