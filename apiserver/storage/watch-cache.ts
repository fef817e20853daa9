/**
 * The caches of all kinds, fed by one list and one watch over `/registry/`.
 *
 *   etcd ── list, then watch from there ──▶ WatchCache ──▶ ResourceCache per kind ──▶ GET, LIST, WATCH
 *
 * One feed for everything means one revision up to which everything is known. A read that must be current asks the store
 * for its revision (one cheap call, shared by all who wait) and waits for the feed to reach it. Writes outside
 * `/registry/` move the store's revision without an event for us; when the feed stays behind, a write to a key of our own
 * brings one.
 */
import { setMaxListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { CacheEntry } from './cache-entry.ts'
import { isEncrypted } from './encryption/transformer.ts'
import { FanOut } from './fan-out.ts'
import { ResourceCache } from './resource-cache.ts'
import { CompactedError, type Storage, type StorageEvent, type StoredValue, UnavailableError } from './storage.ts'

const root = '/registry/'
/** Touched to move the feed; upstream ignores keys it does not know. */
const progressKey = '/registry/kubets/progress'
const pageSize = 500
/** The feed is usually here within a millisecond; after this long it is assumed that no event is coming. */
const nudgeAfterMs = 50
/** How long a read waits for a revision that the cache has not seen. Source: upstream's `blockTimeout`. */
const waitLimitMs = 3_000
const shortestRetryMs = 50
const longestRetryMs = 1_000
const bookmarkEveryMs = 60_000
const openingBrace = 0x7b

/** The cache did not get to a revision in time. */
export class BehindError extends Error {
  override readonly name = 'BehindError'
  readonly wanted: number
  readonly current: number

  constructor(wanted: number, current: number) {
    super(`Too large resource version: ${wanted}, current: ${current}`)
    this.wanted = wanted
    this.current = current
  }
}

export type WatchCacheOptions = { readonly storage: Storage; readonly clock: Clock; readonly logger: Logger }
type Waiter = {
  readonly revision: number
  readonly sinceMs: number
  readonly resolve: (outcome: 'reached' | 'late') => void
}

/** All kinds' caches and their feed. */
export class WatchCache {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #caches = new Map<string, ResourceCache>()
  /** Objects that this server has just written, so that the feed need not parse them again. */
  readonly #written = new Map<number, CacheEntry>()
  #seen = 0
  #compacted = 0
  #loadedAt = 0
  #loaded = false
  #connected = false
  #waiters: Waiter[] = []
  /** The last question to the store, answered or not. */
  #currentCall: Promise<unknown> = Promise.resolve()
  #nextCall: Promise<number> | undefined
  #minding = false
  readonly #fanOut: FanOut
  #lifetime: AbortSignal = AbortSignal.abort()

  constructor({ storage, clock, logger }: WatchCacheOptions) {
    this.#storage = storage
    this.#clock = clock
    this.#fanOut = new FanOut(clock)
    this.#logger = logger
  }

  /** Everything up to this revision is in the caches. */
  get seen(): number {
    return this.#seen
  }

  /** States before this revision are forgotten in the store, and are not told from the caches either. */
  get compacted(): number {
    return this.#compacted
  }

  /** The store has forgotten what was before `revision`. */
  forgetBefore(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision)
  }

  get isLoaded(): boolean {
    return this.#loaded
  }

  get isConnected(): boolean {
    return this.#connected
  }

  /**
   * The cache of a kind by its storage prefix, such as `/registry/pods`. Built-in kinds are added before `run`; custom kinds
   * have theirs from their first object on, whether or not their definition is known yet.
   */
  cache(storagePrefix: string): ResourceCache {
    let cache = this.#caches.get(storagePrefix)
    if (cache === undefined) {
      cache = new ResourceCache()
      // Nothing of this kind was in the store when the caches were loaded, and nothing has come since.
      if (this.#loaded) cache.replace([], this.#loadedAt)
      this.#caches.set(storagePrefix, cache)
    }
    return cache
  }

  /** Ends all watches of a kind: its form has changed, or it is gone. The objects stay. */
  endWatches(storagePrefix: string): void {
    this.#caches.get(storagePrefix)?.endWatches()
  }

  /** Keeps the caches fed until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#lifetime = signal
    // Every call to the store listens to it.
    setMaxListeners(0, signal)
    let retryMs = shortestRetryMs
    while (!signal.aborted) {
      try {
        if (!this.#loaded) await this.#load(signal)
        this.#connected = true
        await this.#follow(signal, () => {
          retryMs = shortestRetryMs
        })
      } catch (error) {
        this.#connected = false
        if (signal.aborted) break
        if (error instanceof CompactedError) {
          this.#logger.info('Lost the history, listing again', { seen: this.#seen })
          this.#loaded = false
        } else if (error instanceof UnavailableError) {
          this.#logger.error('Store is not available', { error })
        } else throw error
        await this.#clock.sleep(retryMs, signal).catch(() => {})
        retryMs = Math.min(longestRetryMs, retryMs * 2)
      }
    }
  }

  /** Tells watchers now and then how far they are, so that they can resume from there. */
  async runBookmarks(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(bookmarkEveryMs, signal)
      if (!this.#connected) continue
      for (const cache of this.#caches.values()) cache.bookmark(this.#seen)
    }
  }

  /**
   * Waits until the caches hold what the store held a moment after the call; returns a revision they have reached. There is
   * one question to the store at a time, and one that has not left yet is good for everyone who comes until it does.
   */
  async fresh(): Promise<number> {
    this.#nextCall ??= this.#askWhenAnswered(this.#currentCall)
    return await this.#nextCall
  }

  /** Waits until the caches have reached `revision`; rejects with `BehindError` after three seconds. */
  async reach(revision: number): Promise<void> {
    if (this.#loaded && this.#seen >= revision) return
    const waiter = await this.#enqueue(revision)
    if (waiter === 'reached') return
    throw new BehindError(revision, this.#seen)
  }

  /** Hands over an object that was just written. */
  noteWritten(entry: CacheEntry): void {
    if (entry.revision > this.#seen) this.#written.set(entry.revision, entry)
  }

  #enqueue(revision: number): Promise<'reached' | 'late'> {
    return new Promise((resolve) => {
      this.#waiters.push({ revision, sinceMs: this.#clock.now(), resolve })
      if (this.#waiters.length > 1 || this.#minding) return
      this.#minding = true
      // Ends by itself when nobody waits; a sleep cut short by the server's end leaves the waiters to their requests' signals.
      this.#mindWaiters().catch(() => {
        this.#minding = false
        for (const waiter of this.#waiters.splice(0)) waiter.resolve('late')
      })
    })
  }

  /** One timer for all who wait: nudges a feed that stays behind, and gives up on waits that took too long. */
  async #mindWaiters(): Promise<void> {
    while (this.#waiters.length > 0) {
      await this.#clock.sleep(nudgeAfterMs, this.#lifetime)
      const nowMs = this.#clock.now()
      const late = this.#waiters.filter(({ sinceMs }) => nowMs - sinceMs >= waitLimitMs)
      this.#waiters = this.#waiters.filter(({ sinceMs }) => nowMs - sinceMs < waitLimitMs)
      for (const { resolve } of late) resolve('late')
      const behind = this.#waiters.filter(({ sinceMs }) => nowMs - sinceMs >= nudgeAfterMs)
      if (behind.length > 0) await this.#nudge(Math.min(...behind.map(({ revision }) => revision)))
    }
    this.#minding = false
  }

  /** Writes a key of our own when the feed is behind a revision that the store has: its event brings the feed there. */
  async #nudge(revision: number): Promise<void> {
    if (this.#seen >= revision || !this.#connected) return
    try {
      const current = await this.#storage.currentRevision(this.#lifetime)
      if (current < revision || this.#seen >= revision) return
      const found = await this.#storage.get(progressKey, this.#lifetime)
      const value = Buffer.from(String(current))
      await this.#storage.put(progressKey, value, { expectedRevision: found?.modRevision ?? 0 }, this.#lifetime)
    } catch (error) {
      this.#logger.debug('Could not touch the progress key', { error })
    }
  }

  async #askWhenAnswered(before: Promise<unknown>): Promise<number> {
    await before
    // Requests that arrived together are read in one turn of the event loop.
    await nextTurn()
    this.#nextCall = undefined
    const call = this.#storage.currentRevision(this.#lifetime)
    this.#currentCall = call.catch(() => {}) // those who wait for it hear of it
    const revision = await call
    await this.reach(revision)
    return revision
  }

  async #load(signal: AbortSignal): Promise<void> {
    const found = new Map<ResourceCache, CacheEntry[]>()
    let revision: number | undefined
    let after: string | undefined
    for (;;) {
      const page = await this.#storage.list(
        root,
        {
          limit: pageSize,
          ...(revision === undefined ? {} : { revision }),
          ...(after === undefined ? {} : { after }),
        },
        signal,
      )
      revision = page.revision
      after = page.items.at(-1)?.key
      for (const item of page.items) {
        const cache = this.#cacheOf(item.key)
        if (cache === undefined || !this.#isReadable(item)) continue
        const entries = found.get(cache) ?? []
        entries.push(CacheEntry.of(item))
        found.set(cache, entries)
      }
      if (!page.more) break
    }
    for (const cache of this.#caches.values()) cache.replace(found.get(cache) ?? [], revision)
    this.#written.clear()
    this.#loaded = true
    this.#loadedAt = revision
    this.#advance(revision)
    this.#logger.info('Loaded the caches', { revision })
  }

  async #follow(signal: AbortSignal, onProgress: () => void): Promise<void> {
    for await (const batch of this.#storage.watch(root, this.#seen + 1, signal)) {
      onProgress()
      this.#connected = true
      this.#apply(batch)
    }
  }

  #apply(batch: readonly StorageEvent[]): void {
    const nowMs = this.#clock.now()
    const touched = new Set<ResourceCache>()
    for (const event of batch) {
      const cache = this.#cacheOf(event.key)
      if (cache === undefined) continue
      touched.add(cache)
      if (event.type === 'put' && !this.#isReadable(event)) continue
      if (event.type === 'delete') cache.delete(event.key, event.revision, nowMs)
      else cache.put(this.#entryOf(event), nowMs)
    }
    const last = batch.at(-1)
    if (last !== undefined) this.#advance(last.revision)
    this.#fanOut.tell(touched, this.#lifetime)
  }

  /** Values in another form than JSON cannot be served; losing them silently would be worse than a line in the log. */
  #isReadable({ key, value, unreadable }: Pick<StoredValue, 'key' | 'value' | 'unreadable'>): boolean {
    if (unreadable !== undefined || isEncrypted(value)) {
      this.#logger.error('Could not decrypt a stored value', { key, problem: unreadable })
      return true
    }
    const isJson = value[0] === openingBrace
    if (!isJson) this.#logger.error('Found a stored value that is not JSON and left it out', { key })
    return isJson
  }

  #entryOf(event: Extract<StorageEvent, { type: 'put' }>): CacheEntry {
    const written = this.#written.get(event.revision)
    if (written !== undefined && written.key === event.key) return written
    return CacheEntry.of({ ...event, modRevision: event.revision })
  }

  #advance(revision: number): void {
    this.#seen = revision
    for (const known of this.#written.keys()) {
      if (known > revision) break
      this.#written.delete(known)
    }
    if (this.#waiters.length === 0) return
    const reached = this.#waiters.filter((waiter) => waiter.revision <= revision)
    if (reached.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision)
    for (const { resolve } of reached) resolve('reached')
  }

  /** `/registry/pods/…` or `/registry/services/specs/…`: a kind's prefix has one or two segments. */
  #cacheOf(key: string): ResourceCache | undefined {
    const first = key.indexOf('/', root.length)
    const prefix = key.slice(0, first)
    const cache = this.#caches.get(prefix)
    if (cache !== undefined) return cache
    const second = key.indexOf('/', first + 1)
    if (second < 0) return undefined
    const long = key.slice(0, second)
    return this.#caches.get(long) ?? (isGroup(prefix) ? this.cache(long) : undefined)
  }
}

/** Custom kinds are stored under their group, which is a domain with at least one dot. */
function isGroup(prefix: string): boolean {
  return prefix.includes('.', root.length)
}
