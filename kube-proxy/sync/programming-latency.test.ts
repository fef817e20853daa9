import { expect, test } from 'vitest'
import { ProgrammingLatency } from './programming-latency.ts'

const slice = (time: string | undefined, addressType = 'IPv4') => ({
  addressType,
  metadata: {
    ...(time === undefined ? {} : { annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time } }),
  },
})

test('ProgrammingLatency gives each change once, and none from before the start', () => {
  const latency = new ProgrammingLatency(Date.parse('2026-01-01T00:00:10Z'))
  for (const time of ['2026-01-01T00:00:09Z', '2026-01-01T00:00:11Z', undefined, 'soon']) {
    latency.note(slice(time))
  }
  latency.note(slice('2026-01-01T00:00:12.500Z', 'IPv6'))
  expect(latency.take()).toEqual([
    { family: 'ip', changedMs: Date.parse('2026-01-01T00:00:11Z') },
    { family: 'ip6', changedMs: Date.parse('2026-01-01T00:00:12.500Z') },
  ])
  expect(latency.take()).toEqual([])
})
