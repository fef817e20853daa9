import { expect, test } from 'vitest'
import { systemClock } from './clock.ts'

const day = 86_400_000

test('systemClock.sleep lasts longer than the longest timer of Node', async () => {
  const stop = new AbortController()
  const slept = systemClock.sleep(400 * day, stop.signal).then(
    () => 'woke up',
    (reason: unknown) => reason,
  )
  const short = systemClock.sleep(20, new AbortController().signal).then(() => 'still asleep')
  expect(await Promise.race([slept, short])).toBe('still asleep')
  const over = new Error('over')
  stop.abort(over)
  expect(await slept).toBe(over)
})

test('systemClock.sleep rejects at once with the reason of a signal that has aborted', async () => {
  const reason = new Error('before')
  await expect(systemClock.sleep(day, AbortSignal.abort(reason))).rejects.toBe(reason)
})
