import { expect, test } from 'vitest'
import { addressIn } from './cluster-objects.ts'
import { parseSyncs } from './proxy.ts'

test('addressIn() counts over the borders of bytes', () => {
  expect([addressIn(10, 96, 0), addressIn(10, 96, 254), addressIn(10, 100, 99_999)]).toEqual([
    '10.96.0.1',
    '10.96.0.255',
    '10.101.134.160',
  ])
})

test('parseSyncs() adds up both families', () => {
  const name = 'kubeproxy_sync_proxy_rules_duration_seconds'
  const text = [
    `# TYPE ${name} histogram`,
    `${name}_bucket{ip_family="IPv4",le="0.1"} 9`,
    `${name}_sum{ip_family="IPv4"} 0.25`,
    `${name}_count{ip_family="IPv4"} 2`,
    `${name}_sum{ip_family="IPv6"} 5e-2`,
    `${name}_count{ip_family="IPv6"} 1`,
  ].join('\n')
  expect(parseSyncs(text)).toEqual({ count: 3, ms: 300 })
})
