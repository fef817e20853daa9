/** What every `Storage` promises, as tests that each implementation's test file runs. */
import { expect, test } from 'vitest'
import { CompactedError, FutureRevisionError, type Storage, type StorageEvent } from './storage.ts'

/** Registers the contract's tests; `create` gives a store whose keys under the test's own prefix are empty. */
export function storageContract(name: string, create: () => Promise<Storage>): void {
  let tests = 0
  const prefixOf = (): string => {
    tests += 1
    return `/registry/contract${tests}/`
  }
  const signal = new AbortController().signal

  test(`${name} get() answers undefined for a key that was never written`, async () => {
    const storage = await create()
    expect(await storage.get(`${prefixOf()}a`, signal)).toBeUndefined()
  })

  test(`${name} put() writes only when the key is in the expected state`, async () => {
    const storage = await create()
    const key = `${prefixOf()}a`
    const first = await storage.put(key, Buffer.from('1'), { expectedRevision: 0 }, signal)
    expect(first.written).toBe(true)
    const again = await storage.put(key, Buffer.from('2'), { expectedRevision: 0 }, signal)
    expect(again).toMatchObject({ written: false, current: { key, modRevision: first.revision } })
    const second = await storage.put(key, Buffer.from('2'), { expectedRevision: first.revision }, signal)
    expect(second.revision).toBeGreaterThan(first.revision)
    expect((await storage.get(key, signal))?.value.toString()).toBe('2')
    const stale = await storage.put(key, Buffer.from('3'), { expectedRevision: first.revision }, signal)
    expect(stale.written).toBe(false)
  })

  test(`${name} delete() removes only the expected state`, async () => {
    const storage = await create()
    const key = `${prefixOf()}a`
    const { revision } = await storage.put(key, Buffer.from('1'), { expectedRevision: 0 }, signal)
    expect((await storage.delete(key, revision - 1, signal)).written).toBe(false)
    const gone = await storage.delete(key, revision, signal)
    expect(gone.written).toBe(true)
    expect(gone.revision).toBeGreaterThan(revision)
    expect(await storage.get(key, signal)).toBeUndefined()
  })

  test(`${name} put() keeps a key with a time to live until then`, async () => {
    const storage = await create()
    const key = `${prefixOf()}a`
    await storage.put(key, Buffer.from('1'), { expectedRevision: 0, ttlSeconds: 3600 }, signal)
    expect((await storage.get(key, signal))?.value.toString()).toBe('1')
  })

  test(`${name} list() pages through one revision in key order`, async () => {
    const storage = await create()
    const prefix = prefixOf()
    for (const key of ['c', 'a', 'b/x', 'b']) {
      await storage.put(prefix + key, Buffer.from(key), { expectedRevision: 0 }, signal)
    }
    const page = await storage.list(prefix, { limit: 2 }, signal)
    expect(page.items.map(({ key }) => key)).toEqual([`${prefix}a`, `${prefix}b`])
    expect(page).toMatchObject({ more: true, remaining: 2 })
    await storage.put(`${prefix}bb`, Buffer.from('late'), { expectedRevision: 0 }, signal)
    const rest = await storage.list(prefix, { revision: page.revision, after: `${prefix}b`, limit: 10 }, signal)
    expect(rest.items.map(({ key }) => key)).toEqual([`${prefix}b/x`, `${prefix}c`])
    expect(rest).toMatchObject({ more: false, remaining: 0, revision: page.revision })
  })

  test(`${name} list() refuses revisions that are compacted or not yet there`, async () => {
    const storage = await create()
    const prefix = prefixOf()
    const first = await storage.put(`${prefix}a`, Buffer.from('1'), { expectedRevision: 0 }, signal)
    const second = await storage.put(`${prefix}a`, Buffer.from('2'), { expectedRevision: first.revision }, signal)
    await storage.compact(second.revision, signal)
    await expect(storage.list(prefix, { revision: first.revision }, signal)).rejects.toBeInstanceOf(CompactedError)
    const future = storage.list(prefix, { revision: second.revision + 1000 }, signal)
    await expect(future).rejects.toBeInstanceOf(FutureRevisionError)
  })

  test(`${name} watch() replays from a revision and follows in order`, async () => {
    const storage = await create()
    const prefix = prefixOf()
    const stop = new AbortController()
    const first = await storage.put(`${prefix}a`, Buffer.from('1'), { expectedRevision: 0 }, signal)
    const second = await storage.put(`${prefix}a`, Buffer.from('2'), { expectedRevision: first.revision }, signal)
    const seen: StorageEvent[] = []
    const collecting = (async () => {
      for await (const batch of storage.watch(prefix, second.revision, stop.signal)) {
        seen.push(...batch)
        if (seen.length >= 2) break
      }
    })()
    const gone = await storage.delete(`${prefix}a`, second.revision, signal)
    await collecting
    stop.abort()
    expect(seen.map(({ type, key, revision }) => ({ type, key, revision }))).toEqual([
      { type: 'put', key: `${prefix}a`, revision: second.revision },
      { type: 'delete', key: `${prefix}a`, revision: gone.revision },
    ])
  })

  test(`${name} watch() ends with CompactedError when its start is no longer kept`, async () => {
    const storage = await create()
    const prefix = prefixOf()
    const first = await storage.put(`${prefix}a`, Buffer.from('1'), { expectedRevision: 0 }, signal)
    const second = await storage.put(`${prefix}a`, Buffer.from('2'), { expectedRevision: first.revision }, signal)
    await storage.compact(second.revision, signal)
    const next = storage.watch(prefix, first.revision, signal)[Symbol.asyncIterator]().next()
    await expect(next).rejects.toBeInstanceOf(CompactedError)
  })

  test(`${name} watch() ends with the signal's reason when aborted`, async () => {
    const storage = await create()
    const stop = new AbortController()
    const next = storage.watch(prefixOf(), 1_000_000, stop.signal)[Symbol.asyncIterator]().next()
    const reason = new Error('enough')
    stop.abort(reason)
    await expect(next).rejects.toBe(reason)
  })

  test(`${name} currentRevision() is at least that of any finished write`, async () => {
    const storage = await create()
    const { revision } = await storage.put(`${prefixOf()}a`, Buffer.from('1'), { expectedRevision: 0 }, signal)
    expect(await storage.currentRevision(signal)).toBeGreaterThanOrEqual(revision)
  })

  test(`${name} takeCompactionTurn() is won by one of two that offer the same turn`, async () => {
    const storage = await create()
    const start = await storage.takeCompactionTurn(-1, 1, signal)
    expect(start.won).toBe(false)
    const winner = await storage.takeCompactionTurn(start.nextTurn, 7, signal)
    expect(winner).toMatchObject({ won: true, nextTurn: start.nextTurn + 1, compacted: 7 })
    const loser = await storage.takeCompactionTurn(start.nextTurn, 1, signal)
    expect(loser).toMatchObject({ won: false, nextTurn: winner.nextTurn, compacted: 7 })
  })
}
