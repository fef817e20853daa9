import { describe, expect, test } from 'vitest'
import type { Lease } from '../subnet/lease.ts'
import { dualLeaseOf, leaseOf, subnetOf } from '../testing.ts'
import { hardwareAddress, renderLink, vxlanName } from './vxlan-device.ts'
import { parseForwarding, parseNeighbours, planVxlan, type VxlanFacts, vtepsOf } from './vxlan-plan.ts'

const mac2 = '02:00:00:00:00:02'
const lease = (third: number, mac: string, more: object = {}): Lease => ({
  ...leaseOf('vxlan', `10.244.${third}.0/24`, {
    publicIp: `192.168.0.${third}`,
    backendData: { VNI: 1, VtepMAC: mac },
  }),
  ...more,
})
const facts: VxlanFacts = {
  family: 'ipv4',
  device: 'flannel.1',
  external: 'eth0',
  network: subnetOf('10.244.0.0/16'),
  isDirect: (ip) => ip === '192.168.0.3',
}
const empty = { routes: [], neighbours: [], forwarding: [] }

describe('vtepsOf()', () => {
  test('takes hosts of this virtual network with a hardware address', () => {
    const half = (backendData: unknown): Lease =>
      leaseOf('vxlan', '10.244.9.0/24', { publicIp: '192.168.0.9', backendData })
    const others = [
      lease(3, 'x'),
      lease(4, mac2, { backendType: 'udp' }),
      half({ VNI: 2, VtepMAC: mac2 }),
      half(null),
      half({ VNI: 1, VtepMAC: `${mac2} dev eth0` }),
    ]
    expect(vtepsOf([lease(2, mac2.toUpperCase()), ...others], 'ipv4', 1)).toEqual([
      { subnet: subnetOf('10.244.2.0/24'), publicIp: '192.168.0.2', mac: mac2 },
    ])
  })
  test('takes the half of each family', () => {
    const dual = dualLeaseOf(
      'vxlan',
      ['10.244.2.0/24', { publicIp: '192.168.0.2', backendData: { VNI: 1, VtepMAC: mac2 } }],
      ['fd00:244:0:2::/64', { publicIp: 'fd00::2', backendData: { VNI: 1, VtepMAC: '02:00:00:00:00:06' } }],
    )
    expect(vtepsOf([dual, lease(3, mac2)], 'ipv6', 1)).toEqual([
      { subnet: subnetOf('fd00:244:0:2::/64'), publicIp: 'fd00::2', mac: '02:00:00:00:00:06' },
    ])
  })
})

describe('planVxlan()', () => {
  test('sets route, neighbour and forwarding entry', () => {
    expect(planVxlan(vtepsOf([lease(2, mac2)], 'ipv4', 1), empty, facts)).toEqual({
      bridge: [`fdb replace ${mac2} dev flannel.1 dst 192.168.0.2`],
      ip: [
        `neighbour replace 10.244.2.0 lladdr ${mac2} dev flannel.1 nud permanent`,
        'route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      ],
    })
  })
  test('does the same for IPv6', () => {
    const vtep = { subnet: subnetOf('fd00:244:0:2::/64'), publicIp: 'fd00::2', mac: mac2 }
    const facts6 = { ...facts, family: 'ipv6', device: 'flannel-v6.1', network: subnetOf('fd00:244::/48') } as const
    expect(planVxlan([vtep], empty, facts6)).toEqual({
      bridge: [`fdb replace ${mac2} dev flannel-v6.1 dst fd00::2`],
      ip: [
        `neighbour replace fd00:244:0:2:: lladdr ${mac2} dev flannel-v6.1 nud permanent`,
        'route replace fd00:244:0:2::/64 via fd00:244:0:2:: dev flannel-v6.1 onlink',
      ],
    })
  })
  test('routes to a host on our link without a tunnel', () => {
    expect(planVxlan(vtepsOf([lease(3, mac2)], 'ipv4', 1), empty, facts)).toEqual({
      bridge: [],
      ip: ['route replace 10.244.3.0/24 via 192.168.0.3 dev eth0'],
    })
  })
  test('takes away what belongs to no lease, and has nothing to do when all is there', () => {
    const state = {
      routes: [{ destination: subnetOf('10.244.2.0/24'), via: '10.244.2.0', device: 'flannel.1' }],
      neighbours: [{ address: '10.244.2.0', mac: mac2 }],
      forwarding: [{ mac: mac2, host: '192.168.0.2' }],
    }
    expect(planVxlan(vtepsOf([lease(2, mac2)], 'ipv4', 1), state, facts)).toEqual({ bridge: [], ip: [] })
    expect(planVxlan([], state, facts)).toEqual({
      bridge: [`fdb delete ${mac2} dev flannel.1 dst 192.168.0.2`],
      ip: [
        'route delete 10.244.2.0/24 via 10.244.2.0 dev flannel.1',
        `neighbour delete 10.244.2.0 lladdr ${mac2} dev flannel.1`,
      ],
    })
  })
})

test('parseNeighbours() and parseForwarding() read permanent entries, and leave learned ones to the kernel', () => {
  const neighbours = [
    { dst: '10.244.2.0', lladdr: mac2, state: ['PERMANENT'] },
    { dst: '10.244.3.0', lladdr: mac2, state: ['REACHABLE'] },
  ]
  expect(parseNeighbours(neighbours)).toEqual([{ address: '10.244.2.0', mac: mac2 }])
  const entries = [
    { mac: mac2, ifname: 'flannel.1', dst: '192.168.0.2', flags: ['self'], state: 'permanent' },
    { mac: mac2, ifname: 'flannel.1', dst: '192.168.0.3', flags: ['self'], state: '' },
    { mac: '33:33:00:00:00:01', flags: ['self'], state: 'permanent' },
  ]
  expect(parseForwarding(entries)).toEqual([{ mac: mac2, host: '192.168.0.2' }])
})

test('renderLink() says every option to the kernel', () => {
  const vxlan = { type: 'vxlan', vni: 7, port: 4789, directRouting: false, gbp: true, learning: true, mtu: 0 } as const
  const device = {
    family: 'ipv6',
    name: 'flannel-v6.7',
    external: 'eth0',
    local: 'fd00::1',
    mtu: 1430,
    mac: mac2,
    vxlan,
  } as const
  expect(renderLink(device)).toBe(
    `link add name flannel-v6.7 mtu 1430 address ${mac2} type vxlan id 7 dev eth0 local fd00::1 dstport 4789 learning gbp`,
  )
})

test('hardwareAddress() is local, unicast and the same again', () => {
  expect(hardwareAddress('192.168.0.1', 1)).toMatch(/^02(:[0-9a-f]{2}){5}$/)
  expect(hardwareAddress('192.168.0.1', 1)).toBe(hardwareAddress('192.168.0.1', 1))
  expect(hardwareAddress('192.168.0.1', 1)).not.toBe(hardwareAddress('192.168.0.1', 2))
  expect([vxlanName('ipv4', 1), vxlanName('ipv6', 42)]).toEqual(['flannel.1', 'flannel-v6.42'])
})
