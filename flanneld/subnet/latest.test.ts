import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { Latest } from './latest.ts'

test('Latest skips what came in between, never the last, and ends with the signal', async () => {
  const stop = new AbortController()
  const latest = new Latest<number>()
  const seen: number[] = []
  latest.set(1)
  latest.set(2)
  const reading = (async (): Promise<void> => {
    for await (const value of latest.values(stop.signal)) {
      seen.push(value)
      if (value === 2) setImmediate(() => latest.set(3))
      else stop.abort()
    }
  })()
  await reading
  expect(seen).toEqual([2, 3])
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
})
