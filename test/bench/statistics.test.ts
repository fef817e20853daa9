import { expect, test } from 'vitest'
import { formatNumber, loadFigures, median, percentile } from './statistics.ts'

test('percentile() of nothing is not a number', () => {
  expect(percentile([], 0.5)).toBeNaN()
})

test('median() is the middle, or between both middles', () => {
  expect([median([3, 1, 10]), median([4, 1, 10, 2])]).toEqual([3, 3])
  expect(median([])).toBeNaN()
})

test('loadFigures() counts per second and sorts numbers, not texts', () => {
  const latencies = Array.from({ length: 100 }, (_, at) => 100 - at)
  expect(loadFigures(latencies, 2)).toEqual({ perSecond: 50, p50Ms: 51, p99Ms: 100 })
})

for (const [value, text] of [
  [1234567.8, '1,234,568'],
  [0.123, '0.12'],
  [42.25, '42.3'],
  [999, '999'],
] as const) {
  test(`formatNumber() writes ${value} as ${text}`, () => {
    expect(formatNumber(value)).toBe(text)
  })
}
