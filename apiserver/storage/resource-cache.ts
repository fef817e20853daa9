/**
 * The objects of one kind, sorted by key, and its latest changes, so that a watch can start in the past.
 * All of it changes synchronously, event by event, in the store's order.
 */
import type { CacheEntry } from './cache-entry.ts'
import { SortedEntries } from './sorted-entries.ts'

/** A change. `previous` is the state before, for selectors that an object enters or leaves. */
export type CacheEvent = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** The new state; for DELETED the last state, at the revision of the deletion. */
  readonly entry: CacheEntry
  readonly previous: CacheEntry | undefined
  readonly revision: number
  readonly atMs: number
}

/** Told every event, and when a batch of them is complete or the cache starts afresh. */
export type CacheObserver = {
  readonly onEvent: (event: CacheEvent) => void
  readonly onBatchEnd: () => void
  /** The history is broken: whoever watches must list again. */
  readonly onReset: () => void
  /** Everything up to this revision has been delivered. */
  readonly onBookmark: (revision: number) => void
}

/** Events younger than this are kept (upstream's `DefaultEventFreshDuration`), at least and at most so many. */
const freshMs = 75_000
const leastKept = 1_000
const mostKept = 100_000

/** One kind's objects and recent changes. */
export class ResourceCache {
  readonly #byKey = new Map<string, CacheEntry>()
  #sorted = new SortedEntries()
  /** `#events[#first]` is the oldest kept; the front is cut off now and then. */
  #events: CacheEvent[] = []
  #first = 0
  /** A watch may start after this revision and miss nothing. */
  #completeSince = 0
  #changed = 0
  #bytes = 0
  readonly #observers = new Set<CacheObserver>()

  get size(): number {
    return this.#byKey.size
  }

  /** The size of all objects together, as JSON. */
  get bytes(): number {
    return this.#bytes
  }

  /** The revision of the last change. */
  get changedRevision(): number {
    return this.#changed
  }

  /** The oldest revision that a watch may start from. */
  get completeSince(): number {
    return this.#completeSince
  }

  get watcherCount(): number {
    return this.#observers.size
  }

  get(key: string): CacheEntry | undefined {
    return this.#byKey.get(key)
  }

  /** All entries whose key starts with `prefix`, sorted. The array is a copy. */
  list(prefix: string): readonly CacheEntry[] {
    return this.#sorted.between(prefix, endOfPrefix(prefix))
  }

  /** Starts afresh from a list of the store at `revision`. */
  replace(entries: readonly CacheEntry[], revision: number): void {
    this.#byKey.clear()
    this.#bytes = 0
    for (const entry of entries) {
      this.#byKey.set(entry.key, entry)
      this.#bytes += entry.byteLength
    }
    this.#sorted = new SortedEntries(entries)
    this.#events = []
    this.#first = 0
    this.#completeSince = revision
    this.#changed = revision
    for (const observer of [...this.#observers]) observer.onReset()
  }

  /** Whoever watches has to begin again. */
  endWatches(): void {
    for (const observer of [...this.#observers]) observer.onReset()
  }

  put(entry: CacheEntry, nowMs: number): void {
    const previous = this.#byKey.get(entry.key)
    this.#byKey.set(entry.key, entry)
    this.#bytes += entry.byteLength - (previous?.byteLength ?? 0)
    this.#sorted.put(entry)
    const type = previous === undefined ? 'ADDED' : 'MODIFIED'
    this.#record({ type, entry, previous, revision: entry.revision, atMs: nowMs })
  }

  delete(key: string, revision: number, nowMs: number): void {
    const previous = this.#byKey.get(key)
    if (previous === undefined) return
    this.#byKey.delete(key)
    this.#bytes -= previous.byteLength
    this.#sorted.delete(key)
    this.#record({ type: 'DELETED', entry: previous.at(revision), previous, revision, atMs: nowMs })
  }

  /** Changes after `revision`, oldest first; `undefined` when some of them are forgotten. */
  eventsAfter(revision: number): readonly CacheEvent[] | undefined {
    if (revision < this.#completeSince) return undefined
    let low = this.#first
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return this.#events.slice(low)
  }

  /** From now on `observer` is told; returns how to stop. */
  observe(observer: CacheObserver): () => void {
    this.#observers.add(observer)
    return () => this.#observers.delete(observer)
  }

  endBatch(): void {
    for (const observer of this.#observers) observer.onBatchEnd()
  }

  bookmark(revision: number): void {
    for (const observer of this.#observers) observer.onBookmark(revision)
  }

  #record(event: CacheEvent): void {
    this.#changed = event.revision
    this.#events.push(event)
    this.#forget(event.atMs)
    for (const observer of this.#observers) observer.onEvent(event)
  }

  #forget(nowMs: number): void {
    for (;;) {
      const kept = this.#events.length - this.#first
      const oldest = this.#events[this.#first]
      if (oldest === undefined || kept <= leastKept) break
      if (kept <= mostKept && nowMs - oldest.atMs < freshMs) break
      this.#completeSince = oldest.revision
      this.#first += 1
    }
    if (this.#first > leastKept && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first)
      this.#first = 0
    }
  }
}

function endOfPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}
