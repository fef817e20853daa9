import { expect, test } from 'vitest'
import { aborted, forEachLimited, runAll, type Task } from './run.ts'

const untilStopped: Task = async (signal) => {
  await aborted(signal)
  throw signal.reason
}

test('runAll() stops the rest when one task fails, waits for them, and rejects with the failure', async () => {
  let stopped = false
  const other: Task = async (signal) => {
    await aborted(signal)
    await Promise.resolve()
    stopped = true
  }
  const failing: Task = async () => await Promise.reject(new Error('broken'))
  await expect(runAll(new AbortController().signal, { other, failing })).rejects.toMatchObject({
    message: 'failing failed',
    cause: { message: 'broken' },
  })
  expect(stopped).toBe(true)
})

test('runAll() resolves on a clean stop', async () => {
  const stop = new AbortController()
  const running = runAll(stop.signal, { a: untilStopped, b: untilStopped })
  stop.abort(new Error('enough'))
  await running
})

test('runAll() takes a task that returns too early for a failure', async () => {
  await expect(runAll(new AbortController().signal, { early: async () => {} })).rejects.toMatchObject({
    cause: { message: 'early returned before it was asked to stop' },
  })
})

test('forEachLimited() has never more than its limit under way, and does everything', async () => {
  let under = 0
  let most = 0
  const done: number[] = []
  await forEachLimited([1, 2, 3, 4, 5], 2, async (item) => {
    under += 1
    most = Math.max(most, under)
    await Promise.resolve()
    under -= 1
    done.push(item)
  })
  expect(most).toBe(2)
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5])
})

test('forEachLimited() goes on after a failure and rejects with the first', async () => {
  const done: number[] = []
  const work = forEachLimited([1, 2, 3], 1, async (item) => {
    if (item === 1) throw new Error('first')
    done.push(item)
  })
  await expect(work).rejects.toThrow('first')
  expect(done).toEqual([2, 3])
})
