import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { startEtcd, type TestEtcd } from '../../test/fixtures/etcd.ts'
import { createEtcdStorage } from './etcd.ts'
import { storageContract } from './storage.contract.ts'
import { type Storage, UnavailableError } from './storage.ts'

let etcd: TestEtcd
let storage: Storage
beforeAll(async () => {
  etcd = await startEtcd()
  storage = createEtcdStorage({ servers: [etcd.url] }, systemClock)
})
afterAll(async () => {
  storage.close()
  await etcd.close()
})

storageContract('createEtcdStorage()', async () => storage)

test('createEtcdStorage() ends a watch when etcd dies and serves again when it is back', async () => {
  const signal = new AbortController().signal
  const before = await storage.put('/registry/crash/a', Buffer.from('1'), { expectedRevision: 0 }, signal)
  const watch = storage.watch('/registry/crash/', before.revision, signal)[Symbol.asyncIterator]()
  await watch.next()
  const ended = expect(watch.next()).rejects.toBeInstanceOf(UnavailableError)
  await etcd.kill()
  await ended
  // Asked while etcd is away: answered once it is back.
  const value = storage.get('/registry/crash/a', signal)
  await etcd.restart()
  expect((await value)?.value.toString()).toBe('1')
})
