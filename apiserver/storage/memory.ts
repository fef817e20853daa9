/** `Storage` in memory with its whole history: for tests, and as the plainest statement of what the seam promises. */
import {
  CompactedError,
  FutureRevisionError,
  type Storage,
  type StorageEvent,
  type StoredValue,
  type WriteResult,
} from './storage.ts'

/** An empty store. Time to live is ignored: nothing expires. */
export function createMemoryStorage(): Storage {
  const history: StorageEvent[] = []
  const current = new Map<string, StoredValue>()
  const wakers = new Set<() => void>()
  let revision = 1
  let compacted = 0
  let compactionTurn = 0
  let lastOffered = 0

  function append(event: StorageEvent): WriteResult {
    history.push(event)
    if (event.type === 'put') current.set(event.key, { key: event.key, value: event.value, modRevision: revision })
    else current.delete(event.key)
    for (const wake of wakers) wake()
    return { written: true, revision }
  }

  function writeIf(key: string, expectedRevision: number, event: (revision: number) => StorageEvent): WriteResult {
    const found = current.get(key)
    if ((found?.modRevision ?? 0) !== expectedRevision) return { written: false, revision, current: found }
    // Deleting what is not there changes nothing, as in etcd.
    if (found === undefined && event(revision).type === 'delete') return { written: true, revision }
    revision += 1
    return append(event(revision))
  }

  function stateAt(wanted: number): ReadonlyMap<string, StoredValue> {
    if (wanted > revision) throw new FutureRevisionError(`revision ${wanted} has not happened`)
    if (wanted < compacted) throw new CompactedError(compacted)
    const state = new Map<string, StoredValue>()
    for (const event of history) {
      if (event.revision > wanted) break
      if (event.type === 'put') state.set(event.key, { ...event, modRevision: event.revision })
      else state.delete(event.key)
    }
    return state
  }

  return {
    get: async (key) => current.get(key),
    list: async (prefix, options) => {
      const state = options.revision === undefined ? current : stateAt(options.revision)
      const all = [...state.values()]
        .filter(({ key }) => key.startsWith(prefix) && (options.after === undefined || key > options.after))
        .toSorted((a, b) => (a.key < b.key ? -1 : 1))
      const items = all.slice(0, options.limit ?? all.length)
      const remaining = all.length - items.length
      return { items, revision: options.revision ?? revision, more: remaining > 0, remaining }
    },
    put: async (key, value, { expectedRevision }) =>
      writeIf(key, expectedRevision, (at) => ({ type: 'put', key, value, revision: at })),
    delete: async (key, expectedRevision) =>
      writeIf(key, expectedRevision, (at) => ({ type: 'delete', key, revision: at })),
    currentRevision: async () => revision,
    async *watch(prefix, fromRevision, signal) {
      if (fromRevision <= compacted) throw new CompactedError(compacted)
      let at = history.findIndex((event) => event.revision >= fromRevision)
      if (at === -1) at = history.length
      for (;;) {
        signal.throwIfAborted()
        const batch = history
          .slice(at)
          .filter(({ key, revision: when }) => key.startsWith(prefix) && when >= fromRevision)
        at = history.length
        if (batch.length > 0) yield batch
        else await nextChange(wakers, signal)
      }
    },
    takeCompactionTurn: async (turn, offered) => {
      const won = turn === compactionTurn
      if (won) {
        compactionTurn += 1
        revision += 1
        lastOffered = offered
      }
      return { won, nextTurn: compactionTurn, revision, compacted: lastOffered }
    },
    compact: async (at) => {
      if (at <= compacted) throw new CompactedError(compacted)
      compacted = at
    },
    close: () => {},
  }
}

async function nextChange(wakers: Set<() => void>, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      wakers.delete(wake)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    wakers.add(wake)
    signal.addEventListener('abort', wake, { once: true })
  })
}
