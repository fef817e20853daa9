import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { wantedRoutes } from './backend/host-gw.ts'
import { planVxlan, vtepsOf } from './backend/vxlan-plan.ts'
import { parseNetworkConfig } from './config.ts'
import { flags, withEnvironment } from './flags.ts'
import { chooseInterface, parseDefaultDevice, parseInterfaces } from './interface.ts'
import { formatIpv4, formatSubnet, includes, parseIpv4, parseSubnet, type Subnet } from './ipv4.ts'
import { forwardRules, masqueradeRules, renderChain } from './masquerade/rules.ts'
import { parseRoutes, planRoutes, type Route, renderRouteAction } from './routes/plan.ts'
import { planStaleRoutes } from './routes/stale.ts'
import { parsePreviousSubnet, renderSubnetEnv } from './subnet/env-file.ts'
import { chooseSubnet, fits, parseLease, parseSubnetKey, renderAttributes, subnetKey } from './subnet/etcd-records.ts'
import type { Lease } from './subnet/lease.ts'

const subnet = (text: string): Subnet => {
  const found = parseSubnet(text)
  if (found === undefined) throw new Error(text)
  return found
}
const network = subnet('10.244.0.0/16')

describe('ipv4', () => {
  test('formatIpv4() writes what parseIpv4() read', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(formatIpv4(parseIpv4(text) ?? -1)).toBe(text)
      }),
    )
  })
  for (const text of ['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', '-1.2.3.4']) {
    test(`parseIpv4() refuses "${text}"`, () => expect(parseIpv4(text)).toBeUndefined())
  }
  test('parseSubnet() masks, and allows 0 and 32', () => {
    expect(formatSubnet(subnet('10.244.1.7/24'))).toBe('10.244.1.0/24')
    expect(formatSubnet(subnet('255.255.255.255/0'))).toBe('0.0.0.0/0')
    expect(includes(subnet('0.0.0.0/0'), subnet('1.2.3.4/32'))).toBe(true)
  })
})

describe('net-conf.json', () => {
  test('parseNetworkConfig() fills in upstream’s defaults', () => {
    const config = parseNetworkConfig('{"Network":"10.244.0.0/16"}')
    expect(config).toMatchObject({ subnetLen: 24, backend: { type: 'udp', port: 8285 } })
    expect([config.subnetMin, config.subnetMax].map(formatIpv4)).toEqual(['10.244.1.0', '10.244.255.0'])
  })
  test('parseNetworkConfig() cuts a small network into four at least', () => {
    expect(parseNetworkConfig('{"Network":"10.0.0.0/24"}').subnetLen).toBe(26)
  })
  test('parseNetworkConfig() reads a backend', () => {
    const text = '{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","VNI":7,"Port":4789,"DirectRouting":true}}'
    expect(parseNetworkConfig(text).backend).toMatchObject({ type: 'vxlan', vni: 7, port: 4789, directRouting: true })
  })
  const bad = [
    ['{', 'not JSON'],
    ['{}', 'please define a correct Network parameter'],
    ['{"Network":"10.0.0.0/30"}', 'network is too small'],
    ['{"Network":"10.0.0.0/24","SubnetLen":25}', 'at least four subnets'],
    ['{"Network":"10.0.0.0/16","SubnetLen":31}', 'SubnetLen must be less than /31'],
    ['{"Network":"10.0.0.0/16","SubnetMin":"11.0.0.0"}', 'SubnetMin is not in the range'],
    ['{"Network":"10.0.0.0/16","SubnetMax":"10.0.1.1"}', 'SubnetMax is not on a SubnetLen boundary: 10.0.1.1'],
    ['{"Network":"10.0.0.0/16","SubnetMin":"10.0.9.0","SubnetMax":"10.0.1.0"}', 'SubnetMin is behind SubnetMax'],
    ['{"Network":"10.0.0.0/16","Backend":{"Type":"pigeon"}}', 'unknown backend type: pigeon'],
  ] as const
  for (const [text, message] of bad) {
    test(`parseNetworkConfig() refuses ${text}`, () => expect(() => parseNetworkConfig(text)).toThrow(message))
  }
})

describe('flags', () => {
  test('withEnvironment() takes what the command line leaves open', () => {
    const { values, given } = parseFlags(flags, ['--public-ip=1.1.1.1'])
    const env = { FLANNELD_PUBLIC_IP: '2.2.2.2', FLANNELD_IP_MASQ: 'true', FLANNELD_ETCD_ENDPOINTS: 'a,b', OTHER: 'x' }
    expect(withEnvironment(values, given, env)).toMatchObject({
      'public-ip': '1.1.1.1',
      'ip-masq': true,
      'etcd-endpoints': ['a', 'b'],
    })
  })
  test('withEnvironment() names the variable that is wrong', () => {
    const { values, given } = parseFlags(flags, [])
    expect(() => withEnvironment(values, given, { FLANNELD_HEALTHZ_PORT: 'x' })).toThrow(
      'FLANNELD_HEALTHZ_PORT: invalid argument',
    )
  })
})

describe('routes', () => {
  const owned = { network, device: 'eth0' }
  const route = (destination: string, via?: string, device = 'eth0'): Route => ({
    destination: subnet(destination),
    ...(via !== undefined && { via }),
    device,
  })
  const lines = (wanted: readonly Route[], observed: readonly Route[]): readonly string[] =>
    planRoutes(wanted, observed, owned).map(renderRouteAction)

  test('planRoutes() adds what is missing and takes away what is stale', () => {
    expect(lines([route('10.244.1.0/24', '192.168.0.1')], [route('10.244.2.0/24', '192.168.0.2')])).toEqual([
      'route replace 10.244.1.0/24 via 192.168.0.1 dev eth0',
      'route delete 10.244.2.0/24 via 192.168.0.2 dev eth0',
    ])
  })
  test('planRoutes() replaces a next hop without a gap', () => {
    expect(lines([route('10.244.1.0/24', '192.168.0.9')], [route('10.244.1.0/24', '192.168.0.1')])).toEqual([
      'route replace 10.244.1.0/24 via 192.168.0.9 dev eth0',
    ])
  })
  test('planRoutes() leaves others’ routes alone', () => {
    const others = [
      route('10.244.1.0/24', undefined, 'cni0'),
      route('0.0.0.0/0', '192.168.0.254'),
      route('10.9.0.0/24', '192.168.0.3'),
    ]
    expect(lines([], others)).toEqual([])
  })
  test('planRoutes() has nothing to do after its plan was carried out', () => {
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
  test('parseRoutes() reads what ip prints', () => {
    const answer = [
      { dst: 'default', gateway: '192.168.0.254', dev: 'eth0' },
      { dst: '10.244.1.0/24', gateway: '192.168.0.1', dev: 'eth0' },
      { dst: '10.1.1.1', dev: 'eth1' },
      { type: 'blackhole', dst: '10.244.9.0/24', dev: 'lo' },
    ]
    expect(parseRoutes(answer)).toEqual([
      route('10.244.1.0/24', '192.168.0.1'),
      route('10.1.1.1/32', undefined, 'eth1'),
    ])
  })
  test('wantedRoutes() takes hosts of this backend', () => {
    const lease = { subnet: subnet('10.244.1.0/24'), publicIp: '192.168.0.1', backendType: 'host-gw' }
    expect(wantedRoutes([lease, { ...lease, backendType: 'udp' }], 'eth0')).toEqual([
      route('10.244.1.0/24', '192.168.0.1'),
    ])
  })
})

describe('routes of an earlier backend', () => {
  const route = (destination: string, device: string, via?: string): Route => ({
    destination: subnet(destination),
    device,
    ...(via !== undefined && { via }),
  })
  const observed = [
    route('10.244.0.0/16', 'flannel0'),
    route('10.244.2.0/24', 'flannel.1', '10.244.2.0'),
    route('10.244.3.0/24', 'eth0', '192.168.0.3'),
    route('10.244.1.0/24', 'cni0'),
    route('192.168.0.0/24', 'eth0'),
    route('10.9.0.0/16', 'eth0', '192.168.0.9'),
  ]
  const table = [
    { keep: ['flannel0'], want: ['10.244.2.0/24', '10.244.3.0/24'] },
    { keep: ['flannel.1'], want: ['10.244.0.0/16', '10.244.3.0/24'] },
    { keep: ['eth0'], want: ['10.244.0.0/16', '10.244.2.0/24'] },
  ]
  for (const { keep, want } of table) {
    test(`planStaleRoutes() keeps those of ${keep.join()} and others’`, () => {
      const actions = planStaleRoutes(observed, { network, external: 'eth0', keep })
      expect(actions.map((action) => `${action.type} ${formatSubnet(action.route.destination)}`)).toEqual(
        want.map((text) => `delete ${text}`),
      )
    })
  }
})

describe('vxlan', () => {
  const lease = (third: number, mac: string, more: object = {}): Lease => ({
    subnet: subnet(`10.244.${third}.0/24`),
    publicIp: `192.168.0.${third}`,
    backendType: 'vxlan',
    backendData: { VNI: 1, VtepMAC: mac },
    ...more,
  })
  const mac2 = '02:00:00:00:00:02'
  const facts = { device: 'flannel.1', external: 'eth0', network, isDirect: (ip: string) => ip === '192.168.0.3' }
  const empty = { routes: [], neighbours: [], forwarding: [] }

  test('vtepsOf() takes hosts of this virtual network with a hardware address', () => {
    const others = [
      lease(3, 'x'),
      lease(4, mac2, { backendType: 'udp' }),
      lease(5, mac2, { backendData: { VNI: 2, VtepMAC: mac2 } }),
      lease(6, mac2, { backendData: null }),
    ]
    expect(vtepsOf([lease(2, mac2.toUpperCase()), ...others], 1)).toEqual([
      { subnet: subnet('10.244.2.0/24'), publicIp: '192.168.0.2', mac: mac2 },
    ])
  })
  test('planVxlan() sets route, neighbour and forwarding entry', () => {
    expect(planVxlan(vtepsOf([lease(2, mac2)], 1), empty, facts)).toEqual({
      bridge: [`fdb replace ${mac2} dev flannel.1 dst 192.168.0.2`],
      ip: [
        `neighbour replace 10.244.2.0 lladdr ${mac2} dev flannel.1 nud permanent`,
        'route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink',
      ],
    })
  })
  test('planVxlan() routes to a host on our link without a tunnel', () => {
    expect(planVxlan(vtepsOf([lease(3, mac2)], 1), empty, facts)).toEqual({
      bridge: [],
      ip: ['route replace 10.244.3.0/24 via 192.168.0.3 dev eth0'],
    })
  })
  test('planVxlan() takes away what belongs to no lease, and has nothing to do when all is there', () => {
    const state = {
      routes: [{ destination: subnet('10.244.2.0/24'), via: '10.244.2.0', device: 'flannel.1' }],
      neighbours: [{ address: '10.244.2.0', mac: mac2 }],
      forwarding: [{ mac: mac2, host: '192.168.0.2' }],
    }
    expect(planVxlan(vtepsOf([lease(2, mac2)], 1), state, facts)).toEqual({ bridge: [], ip: [] })
    expect(planVxlan([], state, facts)).toEqual({
      bridge: [`fdb delete ${mac2} dev flannel.1 dst 192.168.0.2`],
      ip: [
        'route delete 10.244.2.0/24 via 10.244.2.0 dev flannel.1',
        `neighbour delete 10.244.2.0 lladdr ${mac2} dev flannel.1`,
      ],
    })
  })
})

describe('rules', () => {
  test('masqueradeRules() never touch pod to pod, and hide the rest', () => {
    expect(renderChain(masqueradeRules(network, subnet('10.244.1.0/24')), false)).toBe(`*nat
:FLANNEL-POSTRTG - [0:0]
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
COMMIT
`)
  })
  test('renderChain() adds no second jump', () => {
    expect(renderChain(forwardRules(network), true)).not.toContain('-A FORWARD')
    expect(renderChain(forwardRules(network), false)).toContain('-A FORWARD')
  })
})

describe('interface', () => {
  const interfaces = parseInterfaces([
    { ifname: 'lo', mtu: 65_536, addr_info: [{ local: '127.0.0.1' }] },
    { ifname: 'eth0', mtu: 1500, addr_info: [{ local: '192.168.0.1' }, { local: '192.168.9.1' }] },
    { ifname: 'down0', mtu: 1500, addr_info: [] },
  ])
  const choose = (names: readonly string[], patterns: readonly string[] = []): string => {
    const { name, address } = chooseInterface(interfaces, 'eth0', { names, patterns })
    return `${name} ${address}`
  }
  test('chooseInterface() takes the default route’s device when nothing is asked for', () =>
    expect(choose([])).toBe('eth0 192.168.0.1'))
  test('chooseInterface() takes a name or an address', () => {
    expect(choose(['absent', 'lo'])).toBe('lo 127.0.0.1')
    expect(choose(['192.168.9.1'])).toBe('eth0 192.168.9.1')
    expect(choose([], ['^192\\.168\\.9'])).toBe('eth0 192.168.9.1')
  })
  test('chooseInterface() fails when nothing fits', () => {
    expect(() => choose(['absent'])).toThrow('failed to find interface to use')
    expect(() => chooseInterface(interfaces, undefined, { names: [], patterns: [] })).toThrow(
      'unable to find default route',
    )
  })
  test('parseDefaultDevice() reads what ip prints', () => {
    expect(parseDefaultDevice([{ dst: 'default', dev: 'eth0' }])).toBe('eth0')
    expect(parseDefaultDevice([])).toBeUndefined()
  })
})

describe('leases', () => {
  const config = parseNetworkConfig('{"Network":"10.244.0.0/16"}')
  test('renderSubnetEnv() writes the first address of the subnet, which parsePreviousSubnet() finds', () => {
    const text = renderSubnetEnv({ network, subnet: subnet('10.244.1.0/24'), mtu: 1472, isMasqueraded: true })
    expect(text).toBe(
      'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n',
    )
    expect(parsePreviousSubnet(text)).toBe('10.244.1.1/24')
  })
  test('subnetKey() and parseSubnetKey() use upstream’s form', () => {
    expect(subnetKey(subnet('10.244.1.0/24'))).toBe('10.244.1.0-24')
    expect(parseSubnetKey('10.244.1.0-24')).toEqual(subnet('10.244.1.0/24'))
    expect(parseSubnetKey('10.244.1.0-24&fd00::-64')).toEqual(subnet('10.244.1.0/24'))
    expect(parseSubnetKey('x')).toBeUndefined()
  })
  test('parseLease() reads what an upstream host writes', () => {
    const value =
      '{"PublicIP":"10.168.0.3","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"aa:bb:cc:dd:ee:ff"}}'
    expect(parseLease('10.244.1.0-24', value)).toMatchObject({
      publicIp: '10.168.0.3',
      backendType: 'vxlan',
      backendData: { VNI: 1 },
    })
    expect(parseLease('10.244.1.0-24', '{"PublicIP":"10.168.0.3"}')).toMatchObject({ backendType: '' })
    expect(parseLease('10.244.1.0-24', 'x')).toBeUndefined()
  })
  test('renderAttributes() leaves out what a backend does not have', () => {
    expect(renderAttributes({ publicIp: '1.2.3.4', backendType: 'udp' })).toBe(
      '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"udp"}',
    )
  })
  test('chooseSubnet() never takes one that overlaps a lease', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(255), { maxLength: 255 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (thirds, draw) => {
          const taken = thirds.map((third) => subnet(`10.244.${third}.0/24`))
          const chosen = chooseSubnet(config, taken, () => draw)
          if (chosen === undefined) throw new Error('none is free')
          expect(taken.map(formatSubnet)).not.toContain(formatSubnet(chosen))
          expect(fits(config, chosen)).toBe(true)
        },
      ),
    )
  })
  test('chooseSubnet() has nothing when one lease covers all', () => {
    expect(chooseSubnet(config, [subnet('10.244.0.0/15')], () => 0)).toBeUndefined()
  })
})
