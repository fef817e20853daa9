import { expect, test } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import { record } from '../codec/record.ts'
import { soaRecord } from '../zone/zone.ts'
import { cache } from './cache.ts'
import { contextFor, linesOf, requestFor, show } from './harness.ts'
import { failure, type Handler, type Outcome, type Reply, replyOf } from './plugin.ts'

/** A cache before an origin whose replies a test sets. */
function cached(text: string, first: Reply) {
  const clock: Clock & { ms: number } = {
    ms: 1_000_000,
    now: () => clock.ms,
    sleep: async () => await new Promise(() => {}),
  }
  const origin = { reply: first as Outcome, asked: 0 }
  const { wrap } = cache(linesOf(text), contextFor({ clock }))
  const next: Handler = async () => {
    origin.asked += 1
    return origin.reply
  }
  const handler = wrap?.(next) ?? next
  return {
    clock,
    origin,
    ask: async (name = 'a.test.', type = 'A', change = {}): Promise<string> =>
      show(await handler(requestFor(name, type, change))),
  }
}

const address = (ttl: number, ip = '192.0.2.1'): Reply =>
  replyOf({ answers: [record('a.test.', ttl, { type: 'A', address: ip })] })
const soa = soaRecord({
  domain: 'test.',
  ttlSeconds: 60,
  serial: 1,
  serviceAddresses: [],
  ownAddresses: [],
  pods: 'disabled',
  hasEndpoints: true,
  isEmptyIgnored: false,
})
const denial = replyOf({ rcode: 3, authorities: [soa] })

test('cache asks once, and counts the time to live down', async () => {
  const { ask, clock, origin } = cached('cache 30', address(300))
  expect(await ask()).toBe('NOERROR | a.test. 30 A 192.0.2.1')
  clock.ms += 10_000
  expect(await ask('A.test.')).toBe('NOERROR | a.test. 20 A 192.0.2.1')
  expect(origin.asked).toBe(1)
  clock.ms += 20_000
  await ask()
  expect(origin.asked).toBe(2)
})

const kept = [
  { what: 'an answer of one second for five', text: 'cache', reply: address(1), seconds: 5 },
  {
    what: 'an answer for as long as MINTTL says',
    text: 'cache {\n success 1024 60 20\n}',
    reply: address(1),
    seconds: 20,
  },
  { what: 'a denial for as long as its SOA says', text: 'cache', reply: denial, seconds: 60 },
  { what: 'a denial no longer than the cache allows', text: 'cache {\n denial 1024 7\n}', reply: denial, seconds: 7 },
  { what: 'a failure of a server for five seconds', text: 'cache', reply: replyOf({ rcode: 2 }), seconds: 5 },
  {
    what: 'a failure for as long as servfail says',
    text: 'cache {\n servfail 1s\n}',
    reply: replyOf({ rcode: 2 }),
    seconds: 1,
  },
]
for (const { what, text, reply, seconds } of kept) {
  test(`cache keeps ${what}`, async () => {
    const { ask, clock, origin } = cached(text, reply)
    await ask()
    clock.ms += seconds * 1000 - 1
    await ask()
    expect(origin.asked).toBe(1)
    clock.ms += 1
    await ask()
    expect(origin.asked).toBe(2)
  })
}

const unkept = [
  { what: 'failures of its own making', text: 'cache', reply: failure(2, 'timeout') },
  { what: 'what is kept ready elsewhere', text: 'cache', reply: { ...address(30), isSettled: true } },
  { what: 'what was cut', text: 'cache', reply: { ...address(30), isTruncated: true } },
  { what: 'refusals', text: 'cache', reply: replyOf({ rcode: 5 }) },
  { what: 'denials where they are disabled', text: 'cache {\n disable denial test\n}', reply: denial },
  { what: 'answers where they are disabled', text: 'cache {\n disable success\n}', reply: address(30) },
  { what: 'failures where servfail is 0', text: 'cache {\n servfail 0\n}', reply: replyOf({ rcode: 2 }) },
  { what: 'zones that it was not given', text: 'cache 30 other.org', reply: address(30) },
]
for (const { what, text, reply } of unkept) {
  test(`cache does not keep ${what}`, async () => {
    const { ask, origin } = cached(text, reply)
    await ask()
    await ask()
    expect(origin.asked).toBe(2)
  })
}

test('cache keeps types, and those who want signatures, apart', async () => {
  const { ask, origin } = cached('cache', address(30))
  const edns = { payloadSize: 1232, version: 0, isDnssecWanted: true, isServerIdWanted: false }
  await ask()
  await ask('a.test.', 'AAAA')
  await ask('a.test.', 'A', { edns })
  await ask('a.test.', 'A', { edns: { ...edns, isDnssecWanted: false } })
  await ask('a.test.', 'A', { transport: 'tcp' })
  expect(origin.asked).toBe(3)
})

test('cache serves what has ended while it fetches anew, once', async () => {
  const { ask, clock, origin } = cached('cache {\n serve_stale 1h immediate 30s\n}', address(10))
  await ask()
  clock.ms += 60_000
  origin.reply = address(10, '192.0.2.2')
  expect(await ask()).toBe('NOERROR | a.test. 30 A 192.0.2.1')
  await new Promise((resolve) => setImmediate(resolve))
  expect(await ask()).toBe('NOERROR | a.test. 10 A 192.0.2.2')
  expect(origin.asked).toBe(2)
})

test('cache serves what has ended when the origin fails, and not for ever', async () => {
  const { ask, clock, origin } = cached('cache {\n serve_stale 1h verify\n}', address(10))
  await ask()
  origin.reply = failure(2)
  clock.ms += 60_000
  expect(await ask()).toBe('NOERROR | a.test. 0 A 192.0.2.1')
  expect(origin.asked).toBe(2)
  clock.ms += 3_600_000
  expect(await ask()).toBe('SERVFAIL')
})

test('cache fetches popular answers before they end', async () => {
  const { ask, clock, origin } = cached('cache {\n prefetch 2 1m 20%\n}', address(100))
  await ask()
  clock.ms += 50_000
  await ask()
  expect(origin.asked).toBe(1)
  clock.ms += 35_000
  await ask()
  expect(origin.asked).toBe(2)
  await new Promise((resolve) => setImmediate(resolve))
  expect(await ask()).toBe('NOERROR | a.test. 100 A 192.0.2.1')
})

test('cache forgets the oldest beyond its capacity', async () => {
  const { ask, origin } = cached('cache {\n success 1024\n}', address(300))
  for (let i = 0; i <= 1024; i += 1) await ask(`n${i}.test.`)
  expect(origin.asked).toBe(1025)
  await ask('n1024.test.')
  expect(origin.asked).toBe(1025)
  await ask('n0.test.')
  expect(origin.asked).toBe(1026)
})
