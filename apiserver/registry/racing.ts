/** Writes are optimistic: what loses against another write begins again from what the store holds by then. */
import type { Resource } from '../../api/resource.ts'
import { conflict, notFound, StatusError } from '../../apimachinery/status.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'
import { prepareViews } from '../storage/conversion.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { storageKey, storagePrefix } from './keys.ts'
import type { ObjectKey, StoreDependencies } from './store.ts'

/** How often a write may lose against another before the client is told. */
const maxUpdateAttempts = 20

/** Upstream's words to who has changed an object that is another by now. */
export const modified = 'the object has been modified; please apply your changes to the latest version and try again'

/** Writing lost against someone else; `current` is what the store holds now. */
export class LostRace extends Error {
  readonly current: CacheEntry | undefined

  constructor(current: CacheEntry | undefined) {
    super('lost the race')
    this.current = current
  }
}

/**
 * Tries with what the cache has. What fails on a state that is no longer current (a refusal included) is tried again with
 * the current one.
 */
export async function retry<T>(
  dependencies: StoreDependencies,
  resource: Resource,
  key: ObjectKey,
  attempt: (entry: CacheEntry) => Promise<T>,
): Promise<T> {
  const cache = dependencies.caches.cache(storagePrefix(resource))
  const cached = cache.get(storageKey(resource, key.namespace, key.name))
  let entry = cached ?? (await readCurrent(dependencies, resource, key))
  let isCurrent = cached === undefined
  for (let tries = 1; ; tries++) {
    try {
      await prepareViews(resource, [entry])
      return await attempt(entry)
    } catch (error) {
      if (tries >= maxUpdateAttempts) throw error instanceof LostRace ? busy(resource, key) : error
      if (error instanceof LostRace) {
        if (error.current === undefined) throw notFound(resource.facts, key.name)
        entry = error.current
      } else {
        if (isCurrent || !(error instanceof StatusError)) throw error
        const current = await readCurrent(dependencies, resource, key)
        if (current.revision === entry.revision) throw error
        entry = current
      }
      isCurrent = true
    }
  }
}

function busy(resource: Resource, { name }: ObjectKey): StatusError {
  return conflict(resource.facts, name, modified)
}

/** A current read. Throws NotFound. */
export async function readCurrent(
  { caches }: StoreDependencies,
  resource: Resource,
  { namespace, name }: ObjectKey,
): Promise<CacheEntry> {
  await caches.fresh()
  const entry = caches.cache(storagePrefix(resource)).get(storageKey(resource, namespace, name))
  if (entry === undefined) throw notFound(resource.facts, name)
  await prepareViews(resource, [entry])
  return entry
}

/** What ends without a write has nothing else to tell it that the state it began with has been replaced meanwhile. */
export async function confirm(caches: WatchCache, resource: Resource, entry: CacheEntry): Promise<void> {
  await caches.fresh()
  const current = caches.cache(storagePrefix(resource)).get(entry.key)
  if (current?.revision !== entry.revision) throw new LostRace(current)
}
