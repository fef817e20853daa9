import { expect, test } from 'vitest'
import { withDeadline } from './deadline.ts'

const never = async (signal: AbortSignal): Promise<never> =>
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

test('withDeadline() gives the result of work that is quick enough', async () => {
  expect(await withDeadline(new AbortController().signal, 1_000, async () => 'done')).toBe('done')
})

test('withDeadline() ends work that takes too long', async () => {
  await expect(withDeadline(new AbortController().signal, 1, never)).rejects.toMatchObject({ name: 'TimeoutError' })
})

test('withDeadline() ends with its signal, and gives its reason', async () => {
  const stop = new AbortController()
  const work = withDeadline(stop.signal, 60_000, never)
  stop.abort(new Error('enough'))
  await expect(work).rejects.toThrow('enough')
  await expect(withDeadline(stop.signal, 60_000, never)).rejects.toThrow('enough')
})
