import { expect, test } from 'vitest'
import { parsePing, parseStreams } from './traffic.ts'

test('parseStreams() reads what arrived, and the CPU of both ends', () => {
  const end = {
    sum_received: { bytes: 2e9, seconds: 2, bits_per_second: 8e9 },
    cpu_utilization_percent: { host_total: 30, remote_total: 20 },
  }
  expect(parseStreams(JSON.stringify({ end }))).toEqual({ bytes: 2e9, seconds: 2, cpuSeconds: 1 })
})

test('parseStreams() passes on why iperf3 failed', () => {
  expect(() => parseStreams('{"end":{},"error":"unable to connect"}')).toThrow('iperf3: unable to connect')
})

test('parsePing() gives round trips in microseconds, and how many were lost', () => {
  const text = 'seq=0 ttl=62 time=0.100 ms\nseq=1 ttl=62 time=0.300 ms\nseq=2 ttl=62 time=0.200 ms\n'
  expect(parsePing(text, 4)).toEqual({ p50Us: 200, p99Us: 300, lost: 1 })
})
