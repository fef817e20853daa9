import { expect, test } from 'vitest'
import type { Node } from '../../api/core/v1.ts'
import { formatSubnet } from '../ipv4.ts'
import { annotationsOf, leaseOf, subnetOf } from './kube.ts'

const prefix = 'flannel.alpha.coreos.com'

function node(podCIDR: string | undefined, annotations: Readonly<Record<string, string>> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations },
    spec: { ...(podCIDR !== undefined && { podCIDR, podCIDRs: [podCIDR] }) },
    status: {},
  } as unknown as Node
}

const published = annotationsOf(prefix, { publicIp: '192.168.0.1', backendType: 'udp' })

test('annotationsOf() writes what upstream writes', () => {
  expect(published).toEqual({
    'flannel.alpha.coreos.com/backend-data': 'null',
    'flannel.alpha.coreos.com/backend-type': 'udp',
    'flannel.alpha.coreos.com/public-ip': '192.168.0.1',
    'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  })
})

test('leaseOf() reads what annotationsOf() wrote', () => {
  const attributes = { publicIp: '192.168.0.1', backendType: 'vxlan', backendData: { VNI: 1, VtepMAC: 'x' } }
  const lease = leaseOf(prefix, node('10.244.1.0/24', annotationsOf(prefix, attributes)))
  expect(lease).toMatchObject(attributes)
  expect(lease === undefined ? '' : formatSubnet(lease.subnet)).toBe('10.244.1.0/24')
})

test('leaseOf() lets an operator overwrite the address', () => {
  const annotations = { ...published, [`${prefix}/public-ip-overwrite`]: '1.2.3.4' }
  expect(leaseOf(prefix, node('10.244.1.0/24', annotations))?.publicIp).toBe('1.2.3.4')
})

const incomplete = [
  { what: 'a node without subnet', item: node(undefined, published) },
  { what: 'a node without flanneld', item: node('10.244.1.0/24') },
  { what: 'an address that is none', item: node('10.244.1.0/24', { ...published, [`${prefix}/public-ip`]: 'x' }) },
]
for (const { what, item } of incomplete) {
  test(`leaseOf() has nothing for ${what}`, () => expect(leaseOf(prefix, item)).toBeUndefined())
}

test('subnetOf() takes the IPv4 subnet of a node with two', () => {
  const dual = node('fd00::/64')
  const both = { ...dual, spec: { ...dual.spec, podCIDRs: ['fd00::/64', '10.244.1.0/24'] } }
  const subnet = subnetOf(both)
  expect(subnet === undefined ? '' : formatSubnet(subnet)).toBe('10.244.1.0/24')
})
