/**
 * The one seam where values are transformed: a `Storage` around a `Storage`. Everything above it sees plain JSON; values that
 * cannot be opened come through marked, because a server that hid them would answer 404 where there is something.
 */
import type { Storage, StorageEvent, StoredValue, WriteResult } from '../storage.ts'
import type { GroupResource, KeyReader } from './resources.ts'
import { open, seal, type TransformerChain } from './transformer.ts'

export type EncryptionOptions = {
  readonly keys: KeyReader
  /** The chain of a resource as the configuration has it now. */
  readonly chain: (resource: GroupResource) => TransformerChain | undefined
}

/** Encrypts what goes in, opens what comes out. */
export function createEncryptedStorage(storage: Storage, { keys, chain }: EncryptionOptions): Storage {
  const chainOf = (key: string): TransformerChain | undefined => {
    const resource = keys(key)
    return resource === undefined ? undefined : chain(resource)
  }
  const opened = async <Value extends { readonly key: string; readonly value: Buffer }>(
    stored: Value,
  ): Promise<Value> => {
    const found = chainOf(stored.key)
    if (found === undefined) return stored
    try {
      return { ...stored, value: (await open(found, stored.value, stored.key)).value }
    } catch (error) {
      return { ...stored, unreadable: error instanceof Error ? error.message : String(error) }
    }
  }
  const result = async (written: WriteResult): Promise<WriteResult> =>
    written.written || written.current === undefined ? written : { ...written, current: await opened(written.current) }
  return {
    ...storage,
    get: async (key, signal) => {
      const found = await storage.get(key, signal)
      return found === undefined ? undefined : await opened(found)
    },
    list: async (prefix, options, signal) => {
      const page = await storage.list(prefix, options, signal)
      return { ...page, items: await openAll(page.items, opened) }
    },
    put: async (key, value, options, signal) => {
      const found = chainOf(key)
      const sealed = found === undefined ? value : await seal(found, value, key)
      return await result(await storage.put(key, sealed, options, signal))
    },
    delete: async (key, revision, signal) => await result(await storage.delete(key, revision, signal)),
    watch: (prefix, fromRevision, signal) => watched(storage.watch(prefix, fromRevision, signal), opened),
    isStale: async (key, signal) => {
      const found = chainOf(key)
      const stored = found === undefined ? undefined : await storage.get(key, signal)
      return found !== undefined && stored !== undefined && (await open(found, stored.value, key)).stale
    },
  }
}

async function openAll(
  items: readonly StoredValue[],
  opened: (stored: StoredValue) => Promise<StoredValue>,
): Promise<readonly StoredValue[]> {
  const plain: StoredValue[] = []
  for (const item of items) plain.push(await opened(item))
  return plain
}

async function* watched(
  batches: AsyncIterable<readonly StorageEvent[]>,
  opened: <Value extends { readonly key: string; readonly value: Buffer }>(stored: Value) => Promise<Value>,
): AsyncGenerator<readonly StorageEvent[]> {
  for await (const batch of batches) {
    const plain: StorageEvent[] = []
    for (const event of batch) plain.push(event.type === 'put' ? await opened(event) : event)
    yield plain
  }
}
