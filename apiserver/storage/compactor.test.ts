import { expect, test } from 'vitest'
import type { Clock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { runCompactor } from './compactor.ts'
import { createMemoryStorage } from './memory.ts'
import { CompactedError } from './storage.ts'

/** A clock whose sleeps end at once, until there were `sleeps` of them. */
function shortClock(sleeps: number, stop: AbortController): Clock {
  let left = sleeps
  return {
    now: () => 0,
    sleep: async (_, signal) => {
      if (left === 0) stop.abort(new Error('enough'))
      left -= 1
      signal.throwIfAborted()
    },
  }
}

test('runCompactor forgets what was current one interval ago and tells of it', async () => {
  const never = new AbortController().signal
  const storage = createMemoryStorage()
  const { revision } = await storage.put('/registry/a', Buffer.from('1'), { expectedRevision: 0 }, never)
  const stop = new AbortController()
  const told: number[] = []
  const options = { storage, logger: silentLogger, intervalMs: 1, onCompacted: (at: number) => told.push(at) }
  await expect(runCompactor({ ...options, clock: shortClock(3, stop) }, stop.signal)).rejects.toThrow('enough')
  const last = told.at(-1) ?? 0
  expect(last).toBeGreaterThanOrEqual(revision)
  await expect(storage.list('/registry/', { revision: last - 1 }, never)).rejects.toThrow(CompactedError)
  expect((await storage.list('/registry/', { revision: last }, never)).items).toHaveLength(1)
})
