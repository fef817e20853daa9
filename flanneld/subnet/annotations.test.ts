import { describe, expect, test } from 'vitest'
import type { Node } from '../../api/core/v1.ts'
import { dualLeaseOf, leaseOf as makeLease, subnetOf } from '../testing.ts'
import { annotationNames, annotationsOf, leaseOf, podSubnets } from './annotations.ts'

const prefix = 'flannel.alpha.coreos.com'
const names = annotationNames(prefix)
const both = ['ipv4', 'ipv6'] as const

function node(podCIDRs: readonly string[], annotations: Readonly<Record<string, string>> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { ...(podCIDRs.length > 0 && { podCIDR: podCIDRs[0], podCIDRs }) },
    status: {},
  } as unknown as Node
}

describe('annotationNames()', () => {
  const table = [
    ['flannel.alpha.coreos.com', 'flannel.alpha.coreos.com/backend-data'],
    ['net.example.com/', 'net.example.com/backend-data'],
    ['net.example.com/a', 'net.example.com/a-backend-data'],
    ['net.example.com/a-', 'net.example.com/a-backend-data'],
  ] as const
  for (const [given, want] of table) {
    test(`takes ${given}`, () => expect(annotationNames(given).ipv4.data).toBe(want))
  }
  const bad = [
    ['a.b/c/d', 'prefix can contain at most single slash'],
    ['nodomain/x', 'prefix must be in a format: fqdn/[0-9a-z-_]*'],
    ['A.B/', 'prefix must be in a format'],
  ] as const
  for (const [given, message] of bad) {
    test(`refuses ${given}`, () => expect(() => annotationNames(given)).toThrow(message))
  }
})

describe('annotationsOf()', () => {
  const vxlan = { VNI: 1, VtepMAC: '02:00:00:00:00:01' }
  const reach = { publicIp: '192.168.0.1' }
  const reach6 = { publicIp: 'fd01::1' }
  const table = [
    [
      'udp',
      makeLease('', '10.244.1.0/24', reach),
      { 'backend-data': 'null', 'backend-type': '', 'public-ip': '192.168.0.1' },
    ],
    [
      'alloc',
      makeLease('', '10.244.1.0/24', reach),
      { 'backend-data': 'null', 'backend-type': '', 'public-ip': '192.168.0.1' },
    ],
    [
      'vxlan of both families',
      dualLeaseOf(
        'vxlan',
        ['10.244.1.0/24', { ...reach, backendData: vxlan }],
        ['fd00::/64', { ...reach6, backendData: vxlan }],
      ),
      {
        'backend-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}',
        'backend-v6-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}',
        'backend-type': 'vxlan',
        'public-ip': '192.168.0.1',
        'public-ipv6': 'fd01::1',
      },
    ],
    [
      'vxlan of IPv6 alone',
      { backendType: 'vxlan', ipv6: { subnet: subnetOf('fd00::/64'), ...reach6, backendData: vxlan } },
      {
        'backend-v6-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}',
        'backend-type': 'vxlan',
        'public-ipv6': 'fd01::1',
      },
    ],
    [
      'host-gw of both families',
      dualLeaseOf('host-gw', ['10.244.1.0/24', reach], ['fd00::/64', reach6]),
      {
        'backend-data': 'null',
        'backend-v6-data': 'null',
        'backend-type': 'host-gw',
        'public-ip': '192.168.0.1',
        'public-ipv6': 'fd01::1',
      },
    ],
    [
      'wireguard',
      makeLease('wireguard', '10.244.1.0/24', { ...reach, backendData: { PublicKey: 'k', Port: 51_820 } }),
      { 'backend-data': '{"PublicKey":"k","Port":51820}', 'backend-type': 'wireguard', 'public-ip': '192.168.0.1' },
    ],
    [
      'extension',
      makeLease('extension', '10.244.1.0/24', { ...reach, backendData: 'aa:bb' }),
      { 'backend-data': '"aa:bb"', 'backend-type': 'extension', 'public-ip': '192.168.0.1' },
    ],
  ] as const
  for (const [what, lease, want] of table) {
    test(`writes what upstream writes for ${what}, and leaseOf() reads it`, () => {
      const annotations = annotationsOf(names, lease, {})
      const expected = Object.fromEntries(Object.entries(want).map(([name, value]) => [`${prefix}/${name}`, value]))
      expect(annotations).toEqual({ ...expected, [`${prefix}/kube-subnet-manager`]: 'true' })
      const subnets = both.flatMap((family) => ('ipv4' in lease || family === 'ipv6' ? [family] : []))
      const cidrs = subnets.flatMap((family) =>
        family === 'ipv4' ? ['10.244.1.0/24'] : 'ipv6' in lease ? ['fd00::/64'] : [],
      )
      const read = leaseOf(names, both, node(cidrs, annotations))
      expect(read === undefined ? undefined : annotationsOf(names, read, {})).toEqual(annotations)
    })
  }
  test('lets an operator overwrite the addresses', () => {
    const lease = dualLeaseOf('host-gw', ['10.244.1.0/24', reach], ['fd00::/64', reach6])
    const present = { [`${prefix}/public-ip-overwrite`]: '1.2.3.4', [`${prefix}/public-ipv6-overwrite`]: '2001:db8::1' }
    expect(annotationsOf(names, lease, present)).toMatchObject({
      [`${prefix}/public-ip`]: '1.2.3.4',
      [`${prefix}/public-ipv6`]: '2001:db8::1',
    })
  })
})

describe('leaseOf()', () => {
  const published = annotationsOf(names, makeLease('udp', '10.244.1.0/24', { publicIp: '192.168.0.1' }), {})
  const incomplete = [
    ['a node without subnet', node([], published)],
    ['a node without flanneld', node(['10.244.1.0/24'])],
    ['an address that is none', node(['10.244.1.0/24'], { ...published, [`${prefix}/public-ip`]: '1.1.1.1 dev x' })],
    ['the address of nobody', node(['10.244.1.0/24'], { ...published, [`${prefix}/public-ip`]: '0.0.0.0' })],
  ] as const
  for (const [what, item] of incomplete) {
    test(`has nothing for ${what}`, () => expect(leaseOf(names, both, item)).toBeUndefined())
  }
  test('takes backend data that is no JSON for none', () => {
    const item = node(['10.244.1.0/24'], { ...published, [`${prefix}/backend-data`]: '{' })
    expect(leaseOf(names, both, item)?.ipv4?.backendData).toBeNull()
  })
})

test('podSubnets() finds the subnet of each family', () => {
  expect(podSubnets(node(['fd00::/64', '10.244.1.0/24']))).toEqual({
    ipv4: subnetOf('10.244.1.0/24'),
    ipv6: subnetOf('fd00::/64'),
  })
  const old = node([])
  expect(podSubnets({ ...old, spec: { podCIDR: '10.244.1.0/24' } })).toEqual({ ipv4: subnetOf('10.244.1.0/24') })
  expect(podSubnets(old)).toEqual({})
})
