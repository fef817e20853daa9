import { expect, test } from 'vitest'
import { type BackoffEntry, backoffEndMs, formatGoSeconds, nextBackoff } from './backoff.ts'

test('nextBackoff() doubles from 10 s to 300 s', () => {
  const delays: number[] = []
  let entry: BackoffEntry | undefined
  for (let nowMs = 0; delays.length < 7; nowMs += entry?.delayMs ?? 0) {
    entry = nextBackoff(entry, nowMs, nowMs)
    delays.push(entry.delayMs)
  }
  expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
})

test('nextBackoff() starts again after a quiet time of twice the longest delay', () => {
  const entry = { delayMs: 300_000, updatedAtMs: 0 }
  expect(nextBackoff(entry, 600_000, 600_000).delayMs).toBe(300_000)
  expect(nextBackoff(entry, 600_001, 600_001).delayMs).toBe(10_000)
})

test('backoffEndMs() counts from the event; the first failure waits for nothing', () => {
  expect(backoffEndMs(undefined, 5_000, 5_000)).toBeUndefined()
  expect(backoffEndMs({ delayMs: 10_000, updatedAtMs: 0 }, 5_000, 14_999)).toBe(15_000)
  expect(backoffEndMs({ delayMs: 10_000, updatedAtMs: 0 }, 5_000, 15_000)).toBeUndefined()
})

const durations = [
  [10_000, '10s'],
  [80_000, '1m20s'],
  [300_000, '5m0s'],
  [3_600_000, '1h0m0s'],
] as const
for (const [ms, want] of durations) {
  test(`formatGoSeconds() prints ${want}`, () => {
    expect(formatGoSeconds(ms)).toBe(want)
  })
}
