import { expect, test } from 'vitest'
import { Registry } from './metrics.ts'
import { bucketTallies, countTallies, registerGauge } from './tallies.ts'

test('countTallies() shows each label set with its count', async () => {
  const registry = new Registry()
  const tallies = countTallies(registry, { name: 'seen_total', help: 'Seen.', labelNames: ['what'] })
  for (const what of ['a', 'b', 'a']) tallies.of(what, () => ({ what })).add()
  tallies.of('b', () => ({ what: 'never asked' })).add(2)
  expect(await registry.metrics()).toBe(
    '# HELP seen_total Seen.\n# TYPE seen_total counter\nseen_total{what="a"} 2\nseen_total{what="b"} 3\n',
  )
})

test('bucketTallies() shows buckets that add up, and nothing before the first value', async () => {
  const registry = new Registry()
  const tallies = bucketTallies(registry, { name: 'took_seconds', help: 'Took.', labelNames: ['what'] }, [0.1, 1])
  const took = tallies.of('a', () => ({ what: 'a' }))
  expect(await registry.metrics()).not.toContain('took_seconds_count')
  for (const value of [0.1, 0.5, 5]) took.observe(value)
  expect((await registry.metrics()).trim().split('\n').slice(2)).toEqual([
    'took_seconds_bucket{what="a",le="0.1"} 1',
    'took_seconds_bucket{what="a",le="1"} 2',
    'took_seconds_bucket{what="a",le="+Inf"} 3',
    'took_seconds_sum{what="a"} 5.6',
    'took_seconds_count{what="a"} 3',
  ])
})

test('registerGauge() asks for its values each time', async () => {
  const registry = new Registry()
  let value = 1
  registerGauge(registry, { name: 'now', help: 'Now.', labelNames: [] }, () => [{ labels: {}, value: value++ }])
  expect(await registry.metrics()).toContain('now 1')
  expect(await registry.metrics()).toContain('now 2')
})
