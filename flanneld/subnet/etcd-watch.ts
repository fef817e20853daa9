/** Follows all leases, and takes this host's own again when it is lost. */
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { PerFamily } from '../family.ts'
import { create } from './etcd-acquire.ts'
import { parseLease, subnetKey } from './etcd-records.ts'
import { type Store, subnetsOf } from './etcd-store.ts'
import { CompactedError, EtcdError, type KeyValue } from './etcd-wire.ts'
import { describeSubnets, type Lease, sortLeases } from './lease.ts'

const retryMs = 1_000

/** The other hosts' leases: now, and again after every change, whatever happens to etcd. */
export async function* watch(store: Store, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { clock, logger, held } = store
  while (!signal.aborted) {
    const again = new AbortController()
    const linked = linkSignals([signal, again.signal])
    held.readAgain = () => again.abort(new Error('the leases are to be read again'))
    try {
      yield* watchOnce(store, own, linked.signal)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof LostError) throw error
      if (again.signal.aborted) continue
      if (!(error instanceof CompactedError)) logger.error('Watch of leases ended', { error })
    } finally {
      linked.unlink()
    }
    await clock.sleep(retryMs, signal)
  }
}

/** Everything as it is now, then every change, without a gap: the watch begins at the revision that was read. */
async function* watchOnce(store: Store, own: Lease, signal: AbortSignal): AsyncGenerator<readonly Lease[]> {
  const { client, folder } = store
  const { revision, items } = await client.range(folder, true, signal)
  const present = new Map(items.map((item) => [item.key, item]))
  await checkOwn(store, own, present, signal)
  yield others(folder, present, own)
  for await (const events of client.watch(folder, revision, signal)) {
    for (const event of events) {
      if (event.type === 'delete') present.delete(event.key)
      else present.set(event.key, event)
    }
    if (events.length === 0) continue
    await checkOwn(store, own, present, signal)
    yield others(folder, present, own)
  }
  throw new EtcdError('etcd ended the watch', 14)
}

/** Our subnet belongs to another host now. */
class LostError extends Error {
  override readonly name = 'LostError'
}

/**
 * A key that is gone (deleted, expired, lost with etcd's data) is made again at once. Where another host was faster,
 * the daemon ends: with another subnet every pod of this host would need another address.
 */
async function checkOwn(
  store: Store,
  own: Lease,
  present: ReadonlyMap<string, KeyValue>,
  signal: AbortSignal,
): Promise<void> {
  const { folder, held, logger } = store
  const key = folder + subnetKey(subnetsOf(own))
  const item = present.get(key)
  if (item === undefined) {
    // When the key has come back meanwhile, its event is on the way and is judged then.
    if ((await create(store, own, signal)) !== undefined) {
      logger.info('Leased the subnet again', { subnet: describeSubnets(own) })
    }
    return
  }
  if (parseLease(key.slice(folder.length), item.value)?.ipv4?.publicIp !== own.ipv4?.publicIp) {
    throw new LostError(`subnet ${describeSubnets(own)} was lost to another host: ${item.value}`)
  }
  held.id = item.lease
}

function others(folder: string, present: ReadonlyMap<string, KeyValue>, own: Lease): readonly Lease[] {
  const leases = [...present.values()].flatMap(({ key, value }) => parseLease(key.slice(folder.length), value) ?? [])
  // A second lease of this host's address is one that it held before.
  return sortLeases(leases.filter((lease) => !isOwn(lease, own)))
}

function isOwn(lease: PerFamily<{ readonly publicIp: string }>, own: Lease): boolean {
  return lease.ipv4?.publicIp === own.ipv4?.publicIp
}
