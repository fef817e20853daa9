import { describe, expect, it } from 'vitest'
import type { Service } from '../../api/core/v1.ts'
import type { IPAddress } from '../../api/networking/v1.ts'
import { ipAddressDraft, planIpAddresses } from './ip-address-allocator.ts'

const service = (name: string, ...clusterIPs: string[]) =>
  ({ metadata: { name, namespace: 'ns' }, spec: { clusterIPs } }) as unknown as Service
const address = (
  ip: string,
  name: string,
  labels: object = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
  creationTimestamp = '2026-01-01T00:00:00Z',
) =>
  ({
    metadata: { name: ip, labels, creationTimestamp },
    spec: { parentRef: { resource: 'services', namespace: 'ns', name } },
  }) as unknown as IPAddress

describe('planIpAddresses()', () => {
  it.each<[string, readonly Service[], readonly IPAddress[], readonly string[], readonly string[]]>([
    ['has nothing to do when all is right', [service('a', '10.0.0.1')], [address('10.0.0.1', 'a')], [], []],
    [
      'makes what is missing, but nothing for headless Services',
      [service('a', '10.0.0.1'), service('h', 'None')],
      [],
      ['10.0.0.1'],
      [],
    ],
    ['removes what no Service has', [], [address('10.0.0.1', 'a')], [], ['10.0.0.1']],
    [
      'replaces what points at another Service',
      [service('b', '10.0.0.1')],
      [address('10.0.0.1', 'a')],
      ['10.0.0.1'],
      ['10.0.0.1'],
    ],
    [
      'leaves alone what was claimed just now for a Service to come',
      [],
      [address('10.0.0.1', 'a', undefined, '2026-01-01T00:59:30Z')],
      [],
      [],
    ],
    ['leaves alone what others manage', [], [address('10.0.0.1', 'a', {})], [], []],
  ])('%s', (_, services, addresses, create, remove) => {
    const plan = planIpAddresses(services, addresses, Date.parse('2026-01-01T01:00:00Z'))
    expect(plan.create.map((one) => one.address)).toEqual(create)
    expect(plan.remove).toEqual(remove)
  })
})

describe('ipAddressDraft()', () => {
  it('points at the Service', () => {
    expect(ipAddressDraft({ address: '10.0.0.1', namespace: 'ns', service: 'a' })).toMatchObject({
      metadata: { name: '10.0.0.1', labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4' } },
      spec: { parentRef: { resource: 'services', namespace: 'ns', name: 'a' } },
    })
  })
})
