import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { createAuthority } from '../../test/fixtures/certificates.ts'
import { startEtcd, type TestEtcd } from '../../test/fixtures/etcd.ts'
import { createEtcdStorage } from './etcd.ts'
import { UnaryChannel } from './grpc-unary.ts'
import { type Storage, UnavailableError } from './storage.ts'

const signal = new AbortController().signal
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

test('createEtcdStorage() tells the truth about writes that were under way when etcd was killed', async () => {
  const keys = Array.from({ length: 300 }, (_, at) => `/registry/kill/${at}`)
  const value = Buffer.alloc(20_000, 'x')
  const writing = Promise.allSettled(
    keys.map(async (key) => await storage.put(key, value, { expectedRevision: 0 }, signal)),
  )
  await delay(20)
  await etcd.kill()
  await etcd.restart()
  const outcomes = await writing
  const stored = await storage.list('/registry/kill/', {}, signal)
  const revisions = new Map(stored.items.map(({ key, modRevision }) => [key, modRevision]))
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(UnavailableError)
    else expect(outcome.value).toMatchObject({ written: true, revision: revisions.get(keys[at] ?? '') })
  }
})

test('createEtcdStorage() waits for an etcd that does not answer for a while, and goes on with all calls', async () => {
  const values = Array.from({ length: 20 }, (_, at) => Buffer.alloc(1_000_000, at))
  etcd.signal('SIGSTOP')
  const writing = Promise.all(
    values.map(async (value, at) => await storage.put(`/registry/slow/${at}`, value, { expectedRevision: 0 }, signal)),
  )
  const stop = new AbortController()
  const given = storage.get('/registry/slow/0', stop.signal)
  setTimeout(() => stop.abort(new Error('the client went away')), 100)
  await expect(given).rejects.toThrow('the client went away')
  await delay(1_500)
  etcd.signal('SIGCONT')
  expect((await writing).every(({ written }) => written)).toBe(true)
  const { items } = await storage.list('/registry/slow/', {}, signal)
  expect(items.length).toBe(values.length)
  for (const { key, value } of items) expect(value.equals(values[Number(key.split('/').at(-1))] ?? value)).toBe(true)
})

test('UnaryChannel speaks TLS with a client certificate, and with nobody whom it does not trust', async () => {
  const authority = await createAuthority()
  const server = createSecureServer({
    ...(await authority.issue('etcd', [], ['127.0.0.1'])),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  })
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x6f, 0x6b]))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = async (tls: object, timeoutMs: number): Promise<string> => {
    const channel = new UnaryChannel({ servers: [`https://127.0.0.1:${port}`], tls, clock: systemClock, timeoutMs })
    try {
      return String(await channel.call('/test/Call', Buffer.from('x'), true, signal))
    } finally {
      channel.close()
    }
  }
  const client = await authority.issue('apiserver')
  expect(await ask({ ca: authority.cert, ...client }, 30_000)).toBe('ok')
  await expect(ask({ ca: (await createAuthority()).cert, ...client }, 500)).rejects.toThrow(UnavailableError)
  await expect(ask({ ca: authority.cert }, 500)).rejects.toThrow(UnavailableError)
  server.close()
})
