import { expect, test } from 'vitest'
import { linkSignals } from './linked-signal.ts'

test('linkSignals() aborts with the reason of the first source', () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const { signal } = linkSignals([a.signal, b.signal])
  b.abort('because')
  a.abort('too late')
  expect(signal.reason).toBe('because')
})

test('linkSignals() is aborted at once by an aborted source', () => {
  expect(linkSignals([AbortSignal.abort('before')]).signal.reason).toBe('before')
})

test('linkSignals() forgets its sources after unlink', () => {
  const source = new AbortController()
  const { signal, unlink } = linkSignals([source.signal], 5)
  unlink()
  source.abort()
  expect(signal.aborted).toBe(false)
})

test('linkSignals() aborts after its time', async () => {
  const { signal } = linkSignals([], 5)
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
})
