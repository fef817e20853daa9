import { expect, test } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import { backoffMs, itemBackoff } from './backoff.ts'
import { createWorkqueue } from './workqueue.ts'

/** Time that moves only when told. */
function fakeClock(): Clock & { readonly advance: (ms: number) => Promise<void> } {
  let now = 0
  let sleepers: { at: number; wake: () => void }[] = []
  return {
    now: () => now,
    sleep: async (ms) =>
      await new Promise((resolve) => {
        sleepers.push({ at: now + ms, wake: resolve })
      }),
    advance: async (ms) => {
      now += ms
      const due = sleepers.filter(({ at }) => at <= now)
      sleepers = sleepers.filter(({ at }) => at > now)
      for (const { wake } of due) wake()
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

test('take() hands out a key that was added twice only once', async () => {
  const queue = createWorkqueue({ clock: fakeClock() })
  queue.add('a')
  queue.add('a')
  expect(await queue.take()).toBe('a')
  expect(queue.length()).toBe(0)
})

test('take() hands out a key again only after done() when it changed meanwhile', async () => {
  const queue = createWorkqueue({ clock: fakeClock() })
  queue.add('a')
  await queue.take()
  queue.add('a')
  expect(queue.length()).toBe(0)
  queue.done('a')
  expect(queue.length()).toBe(1)
  expect(await queue.take()).toBe('a')
})

test('addAfter() waits for its time', async () => {
  const clock = fakeClock()
  const queue = createWorkqueue({ clock })
  queue.addAfter('a', 100)
  await clock.advance(99)
  expect(queue.length()).toBe(0)
  await clock.advance(1)
  expect(queue.length()).toBe(1)
})

test('addRateLimited() waits longer each time until forget()', async () => {
  const clock = fakeClock()
  const queue = createWorkqueue({ clock, backoff: { initialMs: 10, maxMs: 40, factor: 2, jitter: 0 } })
  for (const wait of [10, 20, 40, 40]) {
    queue.addRateLimited('a')
    await clock.advance(wait - 1)
    expect(queue.length()).toBe(0)
    await clock.advance(1)
    expect(await queue.take()).toBe('a')
    queue.done('a')
  }
  queue.forget('a')
  expect(queue.failures('a')).toBe(0)
})

test('shutDown() ends every waiting take()', async () => {
  const queue = createWorkqueue({ clock: fakeClock() })
  const waiting = [queue.take(), queue.take()]
  queue.shutDown()
  expect(await Promise.all(waiting)).toEqual([undefined, undefined])
  expect(await queue.take()).toBeUndefined()
})

test('backoffMs() stays at its limit', () => {
  expect(backoffMs(itemBackoff, 1, Math.random)).toBe(5)
  expect(backoffMs(itemBackoff, 1_000, Math.random)).toBe(1_000_000)
})
