/**
 * The one seam where values are transformed: a `Storage` around a `Storage`. Everything above it sees plain JSON; values that
 * cannot be opened come through marked, because a server that hid them would answer 404 where there is something.
 */
import { internalError } from '../../../apimachinery/status.ts'
import { linkSignals } from '../../../component-base/linked-signal.ts'
import type { Storage, StorageEvent, StoredValue, WriteResult } from '../storage.ts'
import { Recovery } from './recovery.ts'
import type { GroupResource, KeyReader } from './resources.ts'
import { open, seal, TransformError, type TransformerChain } from './transformer.ts'

export type EncryptionOptions = {
  readonly keys: KeyReader
  /** The chain of a resource as the configuration has it now. */
  readonly chain: (resource: GroupResource) => TransformerChain | undefined
  readonly recovery?: Recovery
}

/** Encrypts what goes in, opens what comes out. */
export function createEncryptedStorage(
  storage: Storage,
  { keys, chain, recovery = new Recovery() }: EncryptionOptions,
): Storage {
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
      if (error instanceof TransformError && error.passes) recovery.missed()
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
      const stored = found === undefined ? value : await sealed(found, value, key)
      return await result(await storage.put(key, stored, options, signal))
    },
    delete: async (key, revision, signal) => await result(await storage.delete(key, revision, signal)),
    watch: async function* (prefix, fromRevision, signal) {
      const back = recovery.signal
      const { signal: either, unlink } = linkSignals([signal, back])
      try {
        yield* watched(storage.watch(prefix, fromRevision, either), opened)
      } catch (error) {
        if (signal.aborted || !back.aborted) throw error
      } finally {
        unlink()
      }
      if (!signal.aborted && back.aborted) throw back.reason
    },
    isStale: async (key, signal) => {
      const found = chainOf(key)
      const stored = found === undefined ? undefined : await storage.get(key, signal)
      return found !== undefined && stored !== undefined && (await open(found, stored.value, key)).stale
    },
  }
}

/** What cannot be written for now is upstream's 500, with the reason. */
async function sealed(chain: TransformerChain, value: Buffer, key: string): Promise<Buffer> {
  try {
    return await seal(chain, value, key)
  } catch (error) {
    if (!(error instanceof TransformError)) throw error
    throw internalError(error.message)
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
