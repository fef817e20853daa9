import { expect, test } from 'vitest'
import { parseDnsperf, parseLatencies } from './dns.ts'

test('parseDnsperf() reads the summary', () => {
  const text = '  Queries sent:         100\n  Queries lost:         1 (1.25%)\n  Queries per second:   35001.5\n'
  expect(parseDnsperf(text)).toEqual({ perSecond: 35_001.5, lostPercent: 1.25 })
})

test('parseLatencies() sorts what each query took', () => {
  const text = [
    '> NOERROR a.b. A 0.000300',
    '> NXDOMAIN c.d. A 0.000100',
    '> NOERROR a.b. A 0.000200',
    'Statistics:',
  ].join('\n')
  expect(parseLatencies(text)).toEqual({ p50Us: 200, p99Us: 300 })
})
