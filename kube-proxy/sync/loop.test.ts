import { expect, test } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { SyncLoop } from './loop.ts'
import { ProxyHealth } from './proxy-health.ts'

/** Time that passes only when told to. */
function fakeClock() {
  let nowMs = 0
  let sleepers: { readonly untilMs: number; readonly wake: () => void }[] = []
  const clock: Clock = {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
        sleepers.push({ untilMs: nowMs + ms, wake: resolve })
      }),
  }
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  const pass = async (ms: number) => {
    await settle()
    nowMs += ms
    const due = sleepers.filter(({ untilMs }) => untilMs <= nowMs)
    sleepers = sleepers.filter((each) => !due.includes(each))
    for (const { wake } of due) wake()
    await settle()
  }
  return { clock, pass }
}

function setUp(results: readonly ('ok' | 'fails' | number)[] = []) {
  const { clock, pass } = fakeClock()
  const seen = { syncs: 0, checks: 0 }
  const loop = new SyncLoop({
    sync: async () => {
      seen.syncs += 1
      const result = results[seen.syncs - 1]
      if (result === 'fails') throw new Error('no')
      return typeof result === 'number' ? result : undefined
    },
    check: async () => {
      seen.checks += 1
    },
    minSyncPeriodMs: 1_000,
    syncPeriodMs: 30_000,
    clock,
    logger: silentLogger,
  })
  const stop = new AbortController()
  const ended = loop.run(stop.signal).catch((error: unknown) => error)
  const end = async () => {
    stop.abort(new Error('end'))
    await ended
  }
  return { loop, pass, seen, end }
}

test('SyncLoop syncs at once, and a burst of requests once per period', async () => {
  const { loop, pass, seen, end } = setUp()
  await pass(0)
  expect(seen.syncs).toBe(1)
  for (let count = 0; count < 5; count += 1) loop.request()
  await pass(999)
  expect(seen.syncs).toBe(1)
  await pass(1)
  expect(seen.syncs).toBe(2)
  await pass(10_000)
  expect(seen.syncs).toBe(2)
  await end()
})

test('SyncLoop tries again after a failure', async () => {
  const { pass, seen, end } = setUp(['fails', 'fails', 'ok'])
  for (let count = 0; count < 6; count += 1) await pass(1_000)
  expect(seen.syncs).toBe(3)
  await end()
})

test('SyncLoop syncs again when a pass asks for it, and no more often', async () => {
  const { pass, seen, end } = setUp([4_000, 'ok'])
  await pass(0)
  await pass(1_000)
  await pass(3_999)
  expect(seen).toEqual({ syncs: 1, checks: 0 })
  await pass(1)
  expect(seen).toEqual({ syncs: 2, checks: 0 })
  await pass(1_000)
  await pass(24_999)
  expect(seen.syncs).toBe(2)
  await end()
})

test('SyncLoop checks the kernel after each period', async () => {
  const { pass, seen, end } = setUp()
  await pass(0)
  await pass(1_000)
  await pass(30_000)
  expect(seen).toEqual({ syncs: 2, checks: 1 })
  await end()
})

test('ProxyHealth is unhealthy before the first sync and when changes wait too long', () => {
  const time = { nowMs: 1_000 }
  const health = new ProxyHealth({ now: () => time.nowMs, syncPeriodMs: 30_000 })
  expect(health.answer('/healthz').status).toBe(503)
  health.updated(1_000)
  expect(health.answer('/healthz').status).toBe(200)
  health.queued()
  time.nowMs += 59_999
  expect(health.answer('/livez').status).toBe(200)
  time.nowMs += 1
  expect(health.answer('/livez').status).toBe(503)
  health.updated(time.nowMs)
  health.setNodeEligible(false)
  expect([health.answer('/livez').status, health.answer('/healthz').status]).toEqual([200, 503])
})
