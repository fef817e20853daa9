import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatSubnet, overlaps } from '../../component-base/ip-address.ts'
import { parseNetworkConfig, subnetRanges } from '../config.ts'
import { dualLeaseOf, leaseOf, subnetOf } from '../testing.ts'
import { parsePreviousEnv, renderSubnetEnv } from './env-file.ts'
import { chooseSubnets, fits, parseLease, parseSubnetKey, renderAttributes, subnetKey } from './etcd-records.ts'
import { sortLeases } from './lease.ts'

const ipv4 = subnetOf('10.244.1.0/24')
const ipv6 = subnetOf('fd00:244:0:1::/64')
const plain = subnetRanges(parseNetworkConfig('{"Network":"10.244.0.0/16"}'))
const dual = subnetRanges(
  parseNetworkConfig('{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:244::/48"}'),
)

describe('subnet.env', () => {
  test('renderSubnetEnv() writes the first address of the subnet, which parsePreviousEnv() finds', () => {
    const text = renderSubnetEnv({
      networks: { ipv4: subnetOf('10.244.0.0/16') },
      subnets: { ipv4 },
      mtu: 1472,
      isMasqueraded: true,
    })
    expect(text).toBe(
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n',
    )
    expect(parsePreviousEnv(text)).toEqual({ networks: { ipv4: subnetOf('10.244.0.0/16') }, subnets: { ipv4 } })
  })
  test('renderSubnetEnv() has IPv6 as in upstream’s documentation', () => {
    const networks = { ipv4: subnetOf('10.42.0.0/16'), ipv6: subnetOf('2001:cafe:42::/56') }
    const subnets = { ipv4: subnetOf('10.42.0.0/24'), ipv6: subnetOf('2001:cafe:42::/64') }
    const text = renderSubnetEnv({ networks, subnets, mtu: 1450, isMasqueraded: true })
    expect(text).toBe(`FLANNEL_NETWORK=10.42.0.0/16
FLANNEL_SUBNET=10.42.0.1/24
FLANNEL_IPV6_NETWORK=2001:cafe:42::/56
FLANNEL_IPV6_SUBNET=2001:cafe:42::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`)
    expect(parsePreviousEnv(text)).toEqual({ networks, subnets })
  })
  test('parsePreviousEnv() has nothing in a file that is none', () => {
    expect(parsePreviousEnv('FLANNEL_SUBNET=fd00::1/64\nFLANNEL_IPV6_SUBNET=x\n')).toEqual({
      networks: {},
      subnets: {},
    })
  })
})

describe('keys', () => {
  test('subnetKey() and parseSubnetKey() use upstream’s forms', () => {
    expect(subnetKey({ ipv4 })).toBe('10.244.1.0-24')
    expect(subnetKey({ ipv4, ipv6 })).toBe('10.244.1.0-24&fd00:244:0:1::-64')
    expect(parseSubnetKey('10.244.1.0-24')).toEqual({ ipv4 })
    expect(parseSubnetKey('10.244.1.0-24&fd00:244:0:1::-64')).toEqual({ ipv4, ipv6 })
    expect(parseSubnetKey('10.5.6.0-24&fc00:0:0:5::-64')).toEqual({
      ipv4: subnetOf('10.5.6.0/24'),
      ipv6: subnetOf('fc00:0:0:5::/64'),
    })
  })
  for (const name of [
    '',
    'x',
    '10.244.1.0',
    '10.244.1.0-33',
    '300.1.1.0-24',
    '&fd00::-64',
    '10.244.1.0-24&x-64',
    '10.244.1.0-24&fd00::-200',
  ]) {
    test(`parseSubnetKey() refuses "${name}"`, () => expect(parseSubnetKey(name)).toBeUndefined())
  }
})

describe('values', () => {
  const upstream = [
    [
      '10.5.52.0-24',
      '{"PublicIP":"192.168.64.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}',
    ],
    ['10.5.1.0-24', '{"PublicIP":"192.168.64.4","PublicIPv6":null,"BackendType":"host-gw"}'],
    ['10.5.2.0-24', '{"PublicIP":"192.168.64.5","PublicIPv6":null}'],
    ['10.5.3.0-24', '{"PublicIP":"192.168.64.6","PublicIPv6":null,"BackendType":"ipip"}'],
    ['10.5.4.0-24', '{"PublicIP":"192.168.64.7","PublicIPv6":null}'],
    ['10.5.5.0-24', '{"PublicIP":"192.168.64.8","PublicIPv6":null,"BackendType":"extension","BackendData":"aa:bb:cc"}'],
    [
      '10.5.6.0-24&fc00:0:0:5::-64',
      '{"PublicIP":"192.168.64.9","PublicIPv6":"fd01::9","BackendType":"wireguard","BackendData":{"PublicKey":"k","Port":51820},"BackendV6Data":{"PublicKey":"k","Port":51821}}',
    ],
    [
      '10.5.7.0-24&fc00:0:0:6::-64',
      '{"PublicIP":"192.168.64.10","PublicIPv6":"fd01::a","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"},"BackendV6Data":{"VNI":1,"VtepMAC":"02:00:00:00:00:02"}}',
    ],
    ['10.5.8.0-24&fc00:0:0:7::-64', '{"PublicIP":"192.168.64.11","PublicIPv6":"fd01::b","BackendType":"host-gw"}'],
  ] as const
  for (const [name, value] of upstream) {
    test(`parseLease() understands upstream’s ${value}, and renderAttributes() writes the same`, () => {
      const lease = parseLease(name, value)
      if (lease === undefined) throw new Error('not understood')
      expect(renderAttributes(lease)).toBe(value)
      const subnets = { ...(lease.ipv4 && { ipv4: lease.ipv4.subnet }), ...(lease.ipv6 && { ipv6: lease.ipv6.subnet }) }
      expect(subnetKey(subnets)).toBe(name)
    })
  }
  for (const value of ['x', '1', 'null', '{}', '{"PublicIP":"1.2.3.4; reboot"}', '{"PublicIP":"fd00::1"}']) {
    test(`parseLease() refuses ${value}`, () => expect(parseLease('10.244.1.0-24', value)).toBeUndefined())
  }
  test('sortLeases() is the same for every order, and one lease wins where two are of one subnet', () => {
    const a = leaseOf('udp', '10.244.1.0/24', { publicIp: '1.1.1.1' })
    const b = dualLeaseOf('udp', ['10.244.2.0/24', { publicIp: '2.2.2.2' }], ['fd00::/64', { publicIp: 'fd01::2' }])
    expect(sortLeases([b, a])).toEqual(sortLeases([a, b]))
    expect(sortLeases([a, { ...a, backendType: 'vxlan' }])).toEqual([a])
  })
})

describe('chooseSubnets()', () => {
  test('never takes one that overlaps a lease', () => {
    const thirds = fc.array(fc.nat(255), { maxLength: 255 })
    const draw = fc.double({ min: 0, max: 0.999, noNaN: true })
    fc.assert(
      fc.property(thirds, draw, fc.boolean(), (taken, random, isDual) => {
        const leases = taken.map((third) => ({
          ipv4: subnetOf(third % 7 === 0 ? `10.244.${third}.128/25` : `10.244.${third}.0/24`),
          ipv6: subnetOf(`fd00:244:0:${third.toString(16)}::/64`),
        }))
        const chosen = chooseSubnets(isDual ? dual : plain, leases, () => random)
        if (chosen === undefined) throw new Error('none is free')
        expect(fits(isDual ? dual : plain, chosen)).toBe(true)
        for (const family of ['ipv4', 'ipv6'] as const) {
          const own = chosen[family]
          if (own !== undefined) expect(leases.some((lease) => overlaps(lease[family], own))).toBe(false)
        }
      }),
    )
  })
  test('draws with equal chances among the first hundred', () => {
    const at = (random: number): string => {
      const chosen = chooseSubnets(plain, [], () => random)?.ipv4
      return chosen === undefined ? '' : formatSubnet(chosen)
    }
    expect([at(0), at(0.999)]).toEqual(['10.244.1.0/24', '10.244.100.0/24'])
  })
  test('has nothing when one lease covers all, in either family', () => {
    expect(chooseSubnets(plain, [{ ipv4: subnetOf('10.244.0.0/15') }], () => 0)).toBeUndefined()
    expect(chooseSubnets(dual, [{ ipv6: subnetOf('fd00:244::/48') }], () => 0)).toBeUndefined()
  })
})

describe('fits()', () => {
  const table = [
    [plain, { ipv4 }, true],
    [plain, { ipv4: subnetOf('10.244.0.0/24') }, false],
    [plain, { ipv4: subnetOf('10.244.1.0/25') }, false],
    [plain, { ipv4: subnetOf('10.245.1.0/24') }, false],
    [plain, { ipv4, ipv6 }, false],
    [plain, {}, false],
    [dual, { ipv4, ipv6 }, true],
    [dual, { ipv4 }, false],
    [dual, { ipv4, ipv6: subnetOf('fd00:999:0:1::/64') }, false],
  ] as const
  for (const [ranges, subnets, want] of table) {
    const name = Object.values(subnets).map(formatSubnet).join(' and ')
    test(`is ${want} for ${name} where ${Object.keys(ranges).join(' and ')} is leased`, () => {
      expect(fits(ranges, subnets)).toBe(want)
    })
  }
})
