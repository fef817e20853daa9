import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatSubnet } from '../../component-base/ip-address.ts'
import { wantedRoutes } from '../backend/host-gw.ts'
import { dualLeaseOf, subnetOf } from '../testing.ts'
import { parseLink, planAddresses, planUp } from './links.ts'
import { isOnLink, parseRoutes, planRoutes, type Route, renderRouteAction } from './plan.ts'
import { planStaleRoutes } from './stale.ts'

const networks = { ipv4: subnetOf('10.244.0.0/16'), ipv6: subnetOf('fd00:244::/48') }
const owned = { networks, devices: ['eth0'] }
const route = (destination: string, via?: string, device = 'eth0'): Route => ({
  destination: subnetOf(destination),
  ...(via !== undefined && { via }),
  device,
})
const lines = (wanted: readonly Route[], observed: readonly Route[]): readonly string[] =>
  planRoutes(wanted, observed, owned).map(renderRouteAction)

describe('planRoutes()', () => {
  test('adds what is missing and takes away what is stale', () => {
    expect(lines([route('10.244.1.0/24', '192.168.0.1')], [route('10.244.2.0/24', '192.168.0.2')])).toEqual([
      'route replace 10.244.1.0/24 via 192.168.0.1 dev eth0',
      'route delete 10.244.2.0/24 via 192.168.0.2 dev eth0',
    ])
  })
  test('does the same for IPv6', () => {
    const old = [route('fd00:244:0:2::/64', 'fd00::2'), route('fd00:9::/64', 'fd00::9')]
    expect(lines([route('fd00:244:0:1::/64', 'fd00::1')], old)).toEqual([
      'route replace fd00:244:0:1::/64 via fd00::1 dev eth0',
      'route delete fd00:244:0:2::/64 via fd00::2 dev eth0',
    ])
  })
  test('replaces a next hop without a gap', () => {
    expect(lines([route('10.244.1.0/24', '192.168.0.9')], [route('10.244.1.0/24', '192.168.0.1')])).toEqual([
      'route replace 10.244.1.0/24 via 192.168.0.9 dev eth0',
    ])
  })
  test('leaves others’ routes alone', () => {
    const others = [
      route('10.244.1.0/24', undefined, 'cni0'),
      route('0.0.0.0/0', '192.168.0.254'),
      route('10.9.0.0/24', '192.168.0.3'),
      route('10.244.3.0/24', '10.244.3.0', 'flannel.7'),
    ]
    expect(lines([], others)).toEqual([])
  })
  test('has nothing to do after its plan was carried out', () => {
    const some = fc.array(fc.tuple(fc.nat(5), fc.nat(3)), { maxLength: 6 }).map((pairs) => {
      return [...new Map(pairs).entries()].map(([third, hop]) => route(`10.244.${third}.0/24`, `192.168.0.${hop}`))
    })
    fc.assert(
      fc.property(some, some, (wanted, observed) => {
        const kernel = new Map(observed.map((item) => [formatSubnet(item.destination), item]))
        for (const { type, route: item } of planRoutes(wanted, observed, owned)) {
          if (type === 'delete') kernel.delete(formatSubnet(item.destination))
          else kernel.set(formatSubnet(item.destination), item)
        }
        expect(planRoutes(wanted, [...kernel.values()], owned)).toEqual([])
        expect(kernel.size).toBe(wanted.length)
      }),
    )
  })
})

test('parseRoutes() reads what ip prints', () => {
  const answer = [
    { dst: 'default', gateway: '192.168.0.254', dev: 'eth0' },
    { dst: '10.244.1.0/24', gateway: '192.168.0.1', dev: 'eth0' },
    { dst: '10.1.1.1', dev: 'eth1' },
    { dst: 'fd00:244:0:1::/64', gateway: 'fd00::1', dev: 'eth0', metric: 1024, pref: 'medium' },
    { dst: 'fd00::7', dev: 'eth0' },
    { type: 'blackhole', dst: '10.244.9.0/24', dev: 'lo' },
  ]
  expect(parseRoutes(answer)).toEqual([
    route('10.244.1.0/24', '192.168.0.1'),
    route('10.1.1.1/32', undefined, 'eth1'),
    route('fd00:244:0:1::/64', 'fd00::1'),
    route('fd00::7/128'),
  ])
})

test('wantedRoutes() has a route per family for hosts of this backend', () => {
  const lease = dualLeaseOf(
    'host-gw',
    ['10.244.1.0/24', { publicIp: '192.168.0.1' }],
    ['fd00:244:0:1::/64', { publicIp: 'fd00::1' }],
  )
  expect(wantedRoutes([lease, { ...lease, backendType: 'udp' }], 'eth0')).toEqual([
    route('10.244.1.0/24', '192.168.0.1'),
    route('fd00:244:0:1::/64', 'fd00::1'),
  ])
})

test('isOnLink() asks the longest prefix', () => {
  const routes = [
    route('192.168.0.0/24'),
    route('192.168.0.128/25', '192.168.0.1'),
    route('10.9.0.0/16', undefined, 'eth1'),
    route('fd00::/64'),
  ]
  const seen = ['192.168.0.9', '192.168.0.200', '10.9.0.1', '8.8.8.8', 'fd00::5'].map((ip) =>
    isOnLink(routes, 'eth0', ip),
  )
  expect(seen).toEqual([true, false, false, false, true])
})

describe('planStaleRoutes()', () => {
  const observed = [
    route('10.244.0.0/16', undefined, 'flannel0'),
    route('10.244.2.0/24', '10.244.2.0', 'flannel.1'),
    route('10.244.3.0/24', '192.168.0.3'),
    route('10.244.4.0/24', '192.168.0.4', 'flannel.ipip'),
    route('10.244.0.0/16', undefined, 'flannel-wg'),
    route('fd00:244:0:2::/64', 'fd00:244:0:2::', 'flannel-v6.1'),
    route('10.245.0.0/16', undefined, 'flannel0'),
    route('10.244.1.0/24', undefined, 'cni0'),
    route('192.168.0.0/24'),
    route('10.9.0.0/16', '192.168.0.9'),
  ]
  const table = [
    { keep: ['flannel0'], want: ['flannel.1', 'eth0', 'flannel.ipip', 'flannel-wg', 'flannel-v6.1'] },
    { keep: ['flannel.1', 'flannel-v6.1'], want: ['flannel0', 'eth0', 'flannel.ipip', 'flannel-wg'] },
    { keep: ['eth0'], want: ['flannel0', 'flannel.1', 'flannel.ipip', 'flannel-wg', 'flannel-v6.1'] },
    { keep: ['flannel.ipip', 'eth0'], want: ['flannel0', 'flannel.1', 'flannel-wg', 'flannel-v6.1'] },
  ]
  for (const { keep, want } of table) {
    test(`keeps those of ${keep.join()}, of other networks and of others`, () => {
      const actions = planStaleRoutes(observed, { networks, external: 'eth0', keep })
      expect(actions.map((action) => `${action.type} ${action.route.device}`)).toEqual(
        want.map((text) => `delete ${text}`),
      )
    })
  }
})

describe('links', () => {
  const link = (...addresses: readonly (readonly [string, number, string])[]): ReturnType<typeof parseLink> =>
    parseLink([
      {
        ifname: 'flannel.1',
        mtu: 1450,
        flags: ['UP'],
        address: '02:00:00:00:00:01',
        addr_info: addresses.map(([local, prefixlen, scope]) => ({ local, prefixlen, scope })),
      },
    ])
  const ipv4 = subnetOf('10.244.1.0/24')
  const ipv6 = subnetOf('fd00:244:0:1::/64')
  test('planAddresses() and planUp() say nothing when all is as it should be', () => {
    const good = link(['10.244.1.0', 32, 'global'], ['fd00:244:0:1::', 128, 'global'], ['fe80::1', 64, 'link'])
    expect([planAddresses('flannel.1', ipv4, good), planAddresses('flannel.1', ipv6, good)]).toEqual([[], []])
    expect(planUp('flannel.1', good, 1450)).toEqual([])
    expect(planUp('flannel.1', good, 1400)).toEqual(['link set dev flannel.1 mtu 1400 up'])
    expect(planUp('flannel.1', undefined, 1450)).toEqual(['link set dev flannel.1 mtu 1450 up'])
  })
  test('planAddresses() leaves one address of a family, and the kernel its link-local ones', () => {
    const old = link(['10.244.9.0', 32, 'global'], ['fd00:244:0:9::', 128, 'global'], ['fe80::1', 64, 'link'])
    expect(planAddresses('flannel.1', ipv4, old)).toEqual([
      'address delete 10.244.9.0/32 dev flannel.1',
      'address add 10.244.1.0/32 dev flannel.1',
    ])
    expect(planAddresses('flannel-v6.1', ipv6, undefined)).toEqual([
      'address add fd00:244:0:1::/128 dev flannel-v6.1 nodad',
    ])
  })
})
