/** `Storage` on etcd 3.4 and later, used as upstream uses it: optimistic transactions on the key's mod revision. */
import type { Clock } from '../../component-base/clock.ts'
import { EtcdClient, type EtcdOptions, fromGrpc } from './etcd-client.ts'
import {
  compactMethod,
  type KeyValue,
  leaseGrantMethod,
  type RequestOp,
  rangeMethod,
  toNumber,
  txnMethod,
  type WatchResponse,
  watchMethod,
} from './etcd-messages.ts'
import { createLeasePool } from './lease-pool.ts'
import {
  CompactedError,
  type CompactionTurn,
  type ListOptions,
  type PutOptions,
  type Storage,
  type StorageEvent,
  type StoredList,
  type StoredValue,
  UnavailableError,
  type WriteResult,
} from './storage.ts'

/** Shared with upstream API servers on the same etcd, so that only one of them compacts. */
const compactionKey = 'compact_rev_key'

/** Connects lazily: the first call waits for etcd. */
export function createEtcdStorage(options: EtcdOptions, clock: Clock): Storage {
  const client = new EtcdClient(options, clock)
  const leases = createLeasePool(async (ttlSeconds, signal) => {
    const answer = await client.call(leaseGrantMethod, { TTL: ttlSeconds, ID: 0 }, signal)
    return answer.ID.toString()
  }, clock.now)

  async function writeIf(
    key: Buffer,
    expectedRevision: number,
    operation: RequestOp,
    signal: AbortSignal,
  ): Promise<WriteResult> {
    const answer = await client.call(
      txnMethod,
      {
        compare: [{ result: 0, target: 2, key, modRevision: expectedRevision }],
        success: [operation],
        failure: [{ requestRange: { key } }],
      },
      signal,
    )
    const revision = toNumber(answer.header.revision)
    if (answer.succeeded === true) return { written: true, revision }
    const found = answer.responses[0]?.responseRange?.kvs[0]
    return { written: false, revision, current: found === undefined ? undefined : toStored(found) }
  }

  return {
    async get(key, signal) {
      const { kvs } = await client.call(rangeMethod, { key: Buffer.from(key) }, signal)
      return kvs[0] === undefined ? undefined : toStored(kvs[0])
    },
    async list(prefix, listOptions, signal) {
      return await list(client, prefix, listOptions, signal)
    },
    async put(key, value, { expectedRevision, ttlSeconds }: PutOptions, signal) {
      const keyBytes = Buffer.from(key)
      const lease = ttlSeconds === undefined ? {} : { lease: await leases.take(ttlSeconds, signal) }
      return await writeIf(keyBytes, expectedRevision, { requestPut: { key: keyBytes, value, ...lease } }, signal)
    },
    async delete(key, expectedRevision, signal) {
      const keyBytes = Buffer.from(key)
      return await writeIf(keyBytes, expectedRevision, { requestDeleteRange: { key: keyBytes } }, signal)
    },
    async currentRevision(signal) {
      const { header } = await client.call(rangeMethod, { key: Buffer.from(compactionKey), keysOnly: true }, signal)
      return toNumber(header.revision)
    },
    watch: (prefix, fromRevision, signal) => watch(client, prefix, fromRevision, signal),
    async takeCompactionTurn(turn, revision, signal) {
      return await takeCompactionTurn(client, turn, revision, signal)
    },
    async compact(revision, signal) {
      await client.call(compactMethod, { revision }, signal)
    },
    close: () => client.close(),
  }
}

async function list(
  client: EtcdClient,
  prefix: string,
  { revision, limit, after }: ListOptions,
  signal: AbortSignal,
): Promise<StoredList> {
  const answer = await client.call(
    rangeMethod,
    {
      // The smallest key after `after` is itself with a zero byte behind it.
      key: Buffer.from(after === undefined ? prefix : `${after}\0`),
      rangeEnd: endOfPrefix(prefix),
      ...(limit === undefined ? {} : { limit }),
      ...(revision === undefined ? {} : { revision }),
    },
    signal,
  )
  const items = answer.kvs.map(toStored)
  return {
    items,
    revision: revision ?? toNumber(answer.header.revision),
    more: answer.more === true,
    remaining: Math.max(0, toNumber(answer.count) - items.length),
  }
}

async function* watch(
  client: EtcdClient,
  prefix: string,
  fromRevision: number,
  signal: AbortSignal,
): AsyncGenerator<readonly StorageEvent[]> {
  signal.throwIfAborted()
  const stream = client.stream(watchMethod)
  const cancel = (): void => stream.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    stream.write({
      createRequest: {
        key: Buffer.from(prefix),
        rangeEnd: endOfPrefix(prefix),
        startRevision: fromRevision,
        fragment: true,
      },
    })
    // Fragments of one answer are put together again, so that a revision is never split.
    let fragments: StorageEvent[] = []
    for await (const message of stream) {
      // The stream carries what `watchMethod` decodes; Node's typing of async iteration forgets it.
      const answer = message as WatchResponse
      if (answer.canceled === true) throw canceled(answer)
      const events = answer.events.map(toEvent)
      fragments = fragments.length === 0 ? events : [...fragments, ...events]
      if (answer.fragment === true || fragments.length === 0) continue
      yield fragments
      fragments = []
    }
    throw new UnavailableError('etcd closed the watch')
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof CompactedError || error instanceof UnavailableError ? error : fromGrpc(error)
  } finally {
    signal.removeEventListener('abort', cancel)
    stream.on('error', () => {}) // the cancellation below reports itself as an error
    stream.cancel()
  }
}

function canceled(answer: WatchResponse): Error {
  const compactRevision = toNumber(answer.compactRevision)
  return compactRevision > 0
    ? new CompactedError(compactRevision)
    : new UnavailableError(answer.cancelReason ?? 'etcd canceled the watch')
}

async function takeCompactionTurn(
  client: EtcdClient,
  turn: number,
  revision: number,
  signal: AbortSignal,
): Promise<CompactionTurn> {
  const key = Buffer.from(compactionKey)
  const answer = await client.call(
    txnMethod,
    {
      compare: [{ result: 0, target: 0, key, version: turn }],
      success: [{ requestPut: { key, value: Buffer.from(String(revision)) } }],
      failure: [{ requestRange: { key } }],
    },
    signal,
  )
  const now = toNumber(answer.header.revision)
  if (answer.succeeded === true) return { won: true, nextTurn: turn + 1, revision: now, compacted: revision }
  const stored = answer.responses[0]?.responseRange?.kvs[0]
  const compacted = Number(stored?.value?.toString('utf8') ?? 0)
  return { won: false, nextTurn: toNumber(stored?.version), revision: now, compacted }
}

function toStored(kv: KeyValue): StoredValue {
  return {
    key: kv.key.toString('utf8'),
    value: kv.value ?? Buffer.alloc(0),
    modRevision: toNumber(kv.modRevision),
  }
}

function toEvent({ type, kv }: WatchResponse['events'][number]): StorageEvent {
  const revision = toNumber(kv.modRevision)
  const key = kv.key.toString('utf8')
  return type === 1
    ? { type: 'delete', key, revision }
    : { type: 'put', key, value: kv.value ?? Buffer.alloc(0), revision }
}

/** The first key after all keys with this prefix: its last byte plus one. */
function endOfPrefix(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return end
}
