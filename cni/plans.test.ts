import { expect, test } from 'vitest'
import { parseBridgeConfig, refuseContradictions } from './bridge-config.ts'
import {
  hostDeviceName,
  planBridge,
  planContainer,
  planGateways,
  planHost,
  planVlans,
  routesOf,
  withGateways,
} from './bridge-plan.ts'
import { parseSubnetFile, planDelegate } from './flannel-plan.ts'
import { planRemoval } from './iptables.ts'
import { addressesToMap, mappingsOf, parseMappings, parsePortmapConfig } from './portmap-config.ts'
import { planNftPortmap } from './portmap-nftables.ts'
import { planPortmap } from './portmap-plan.ts'

const config = { cniVersion: '1.0.0', name: 'cbr0', type: 'flannel' }
const subnetFile =
  'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1472\nFLANNEL_IPMASQ=true\n'

test('planDelegate() makes what upstream makes of a subnet file', () => {
  const delegate = { hairpinMode: true, isDefaultGateway: true }
  expect(planDelegate({ ...config, delegate, ipam: { dataDir: '/x' } }, parseSubnetFile(subnetFile, 'f'))).toEqual({
    cniVersion: '1.0.0',
    name: 'cbr0',
    type: 'bridge',
    mtu: 1472,
    ipMasq: false,
    isGateway: true,
    hairpinMode: true,
    isDefaultGateway: true,
    ipam: {
      type: 'host-local',
      dataDir: '/x',
      ranges: [[{ subnet: '10.244.1.0/24' }]],
      routes: [{ dst: '10.244.0.0/16' }],
    },
  })
})

test('planDelegate() adds the IPv6 subnet as a second range', () => {
  const file = `${subnetFile}FLANNEL_IPV6_NETWORK=fd00::/48\nFLANNEL_IPV6_SUBNET=fd00:0:0:1::1/64\n`
  const { ipam } = planDelegate(config, parseSubnetFile(file, 'f')) as { ipam?: { ranges: unknown } }
  expect(ipam?.ranges).toEqual([[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd00:0:0:1::/64' }]])
})

test('planDelegate() refuses what flannel sets itself', () => {
  for (const field of ['name', 'ipam']) {
    const bad = { ...config, delegate: { [field]: {} } }
    expect(() => planDelegate(bad, parseSubnetFile(subnetFile, 'f'))).toThrow(
      `'delegate' dictionary must not have '${field}' field, it'll be set by flannel`,
    )
  }
})

test.each([
  [
    'FLANNEL_MTU=1\n',
    'f is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_IPMASQ',
  ],
  [subnetFile.replace('1472', 'x'), 'strconv.ParseUint: parsing "x": invalid syntax'],
  [subnetFile.replace('10.244.1.1/24', 'x'), 'invalid CIDR address: x'],
])('parseSubnetFile() of %j says why not', (text, reason) => {
  expect(() => parseSubnetFile(text, 'f')).toThrow(
    `failed to load flannel 'subnet.env' file: ${reason}. Check the flannel pod log for this node.`,
  )
})

const attachment = {
  config,
  containerId: 'c1',
  ifname: 'eth0',
  netns: '/run/netns/x',
  ips: [{ address: '10.244.1.2/24', gateway: '10.244.1.1' }],
  routes: [{ dst: '10.244.0.0/16' }],
}
const bridge = parseBridgeConfig({ ...config, isDefaultGateway: true, hairpinMode: true, mtu: 1472 }, {})
const host = hostDeviceName('c1', 'eth0')

test('planBridge() gives the bridge an address of its own, so that no port lends it one', () => {
  expect(planBridge(bridge, attachment.ips)).toEqual([
    'link add name cni0 mtu 1472 address 0a:58:0a:f4:01:01 type bridge',
  ])
})

test('planHost() connects the container', () => {
  const mac = / address (02:\S+) type veth/.exec(planHost(bridge, attachment).join('\n'))?.[1]
  expect(planHost(bridge, attachment)).toEqual([
    'link set dev cni0 up',
    `link add name ${host} mtu 1472 address ${mac} type veth peer name eth0 mtu 1472 address 0a:58:0a:f4:01:02 netns /run/netns/x`,
    `link set dev ${host} alias "cbr0 c1"`,
    `link set dev ${host} master cni0 up`,
    `link set dev ${host} type bridge_slave hairpin on`,
  ])
})

test('planContainer() sets the address before the routes', () => {
  expect(planContainer(bridge, attachment)).toEqual([
    'address add 10.244.1.2/24 brd + dev eth0',
    'link set dev eth0 up',
    'route add 10.244.0.0/16 via 10.244.1.1 dev eth0',
  ])
})

test('planContainer() says all that a route may say, and skips the search for duplicates unless it is wanted', () => {
  const ips = [{ address: 'fd00::2/64', gateway: 'fd00::1' }]
  const routes = [{ dst: '::/0', priority: 7, table: 100, scope: 0 }]
  const six = { ...attachment, ips, routes }
  expect(planContainer(bridge, six)).toEqual([
    'address add fd00::2/64 nodad dev eth0',
    'link set dev eth0 up',
    'route add ::/0 via fd00::1 dev eth0 metric 7 table 100 scope 0',
  ])
  expect(planContainer({ ...bridge, enabledad: true }, six)[0]).toBe('address add fd00::2/64 dev eth0')
})

test('withGateways() takes the first address of the subnet where the bridge is a gateway', () => {
  const ips = [{ address: '10.9.0.7/24' }]
  expect(withGateways(bridge, ips)).toEqual([{ address: '10.9.0.7/24', gateway: '10.9.0.1', interface: 2 }])
  expect(withGateways({ ...bridge, isGateway: false }, ips)).toEqual([{ address: '10.9.0.7/24', interface: 2 }])
})

const gateway4 = { address: '10.244.1.2/24', gateway: '10.244.1.1' }
const gateway6 = { address: 'fd00:1::2/64', gateway: 'fd00:1::1' }
test.each([
  [
    'adds what is missing',
    [],
    false,
    ['address replace 10.244.1.1/24 brd + dev cni0', 'address replace fd00:1::1/64 nodad dev cni0'],
  ],
  ['adds nothing twice', ['10.244.1.1/24', 'fd00:1::1/64'], false, []],
  [
    'leaves IPv6 subnets beside its own',
    ['10.244.1.1/24', 'fd00:2::1/64'],
    false,
    ['address replace fd00:1::1/64 nodad dev cni0'],
  ],
  [
    'replaces what is in the way when it may',
    ['10.9.0.1/24', 'fd00:1::1/64'],
    true,
    ['address delete 10.9.0.1/24 dev cni0', 'address replace 10.244.1.1/24 brd + dev cni0'],
  ],
])('planGateways() %s', (_, present, forceAddress, want) => {
  expect(planGateways({ forceAddress }, 'cni0', present, [gateway4, gateway6])).toEqual(want)
})

test('planGateways() refuses a second address of IPv4, and one of IPv6 that overlaps', () => {
  const plan = (present: string) => () => planGateways({ forceAddress: false }, 'cni0', [present], [gateway4, gateway6])
  expect(plan('10.9.0.1/24')).toThrow(
    'failed to set bridge addr: "cni0" already has an IP address different from 10.244.1.1/24',
  )
  expect(plan('fd00:1::9/48')).toThrow('different from fd00:1::1/64')
})

test.each([
  ['none', 0, [], false, []],
  ['one', 100, [], false, ['vlan del vid 1 dev v master', 'vlan add vid 100 dev v pvid untagged master']],
  ['one beside the default', 100, [], true, ['vlan add vid 100 dev v pvid untagged master']],
  [
    'a trunk',
    0,
    [5],
    false,
    ['vlan del vid 1 dev v master', 'vlan add vid 5 dev v master', 'vlan add vid 1 dev v pvid untagged master'],
  ],
])('planVlans() of %s', (_, vlan, vlans, preserveDefaultVlan, want) => {
  expect(planVlans({ vlan, vlans, preserveDefaultVlan }, 'v', [1])).toEqual(want)
})

test('routesOf() does not add a default route that is there', () => {
  const routes = [{ dst: '0.0.0.0/0', gw: '10.244.1.9' }]
  expect(routesOf(bridge, attachment.ips, routes)).toEqual(routes)
  expect(routesOf(bridge, attachment.ips, [])).toEqual([{ dst: '0.0.0.0/0', gw: '10.244.1.1' }])
})

test.each([
  [{ hairpinMode: true, promiscMode: true }, 'cannot set hairpin mode and promiscuous mode at the same time'],
  [
    { disableContainerInterface: true, ipam: { type: 'x' } },
    'cannot use IPAM when DisableContainerInterface flag is set',
  ],
  [{ ipMasq: true, ipMasqBackend: 'x' }, 'unknown ipmasq backend "x"'],
  [{ runtimeConfig: { mac: 'xyz' } }, 'address xyz: invalid MAC address'],
])('refuseContradictions() refuses %j', (fields, message) => {
  expect(() => refuseContradictions(parseBridgeConfig({ ...config, ...fields }, {}))).toThrow(message)
})

test.each([
  [{ vlan: 5000 }, 'invalid VLAN ID 5000 (must be between 0 and 4094)'],
  [{ vlanTrunk: [{ minID: 9, maxID: 1 }] }, 'minID is greater than maxID in trunk parameter'],
  [{ vlanTrunk: [{ maxID: 1 }] }, 'minID and maxID should be configured simultaneously, minID is missing'],
  [{ isGateway: 'yes' }, 'json: cannot unmarshal string into Go struct field NetConf.isGateway of type bool'],
])('parseBridgeConfig() refuses %j', (fields, message) => {
  expect(() => parseBridgeConfig({ ...config, ...fields }, {})).toThrow(message)
})

test('parseBridgeConfig() puts the ids of a trunk in order', () => {
  const vlanTrunk = [{ id: 200 }, { minID: 100, maxID: 102 }, { id: 101 }]
  expect(parseBridgeConfig({ ...config, vlanTrunk }, {}).vlans).toEqual([100, 101, 102, 200])
})

const mapping = { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIp: '' }
const input = {
  family: 'ip',
  chain: 'CNI-DN-x',
  comment: 'dnat name: "cbr0" id: "c1"',
  address: '10.244.1.2/24',
  mappings: [mapping],
  snat: true,
  masqAll: false,
  markBit: 13,
  externalSetMarkChain: undefined,
  conditions: [],
} as const

test('planPortmap() makes the shared chains once', () => {
  const first = planPortmap(input, [])
  expect(first).toContain(':CNI-HOSTPORT-DNAT - [0:0]')
  const listing = first.map((line) => line.replace(/^:(\S+) .*/, '-N $1').replace('-I POSTROUTING 1', '-A POSTROUTING'))
  expect(
    planPortmap(input, listing).filter((line) => /^(:CNI-HOSTPORT|-[AI] (PREROUTING|OUTPUT|POSTROUTING))/.test(line)),
  ).toEqual([])
})

test('planPortmap() masquerades only for the container’s subnet and for localhost', () => {
  expect(planPortmap(input, []).filter((line) => line.startsWith('-A CNI-DN-x'))).toEqual([
    '-A CNI-DN-x -s 10.244.1.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK',
    '-A CNI-DN-x -s 127.0.0.1 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK',
    '-A CNI-DN-x -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.1.2:80',
  ])
})

test('planPortmap() splits ports that one rule cannot hold', () => {
  const mappings = Array.from({ length: 16 }, (_, i) => ({ ...mapping, hostPort: 9000 + i }))
  expect(planPortmap({ ...input, mappings }, []).filter((line) => line.includes('--dports'))).toHaveLength(2)
})

test('planRemoval() takes away exactly what planPortmap() added for a container', () => {
  const listing = planPortmap(input, []).map((line) => line.replace(/^:(\S+) .*/, '-N $1'))
  expect(planRemoval(listing, ['CNI-DN-x'])).toEqual([
    '-D CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"cbr0\\" id: \\"c1\\"" -m multiport --dports 8080 -j CNI-DN-x',
    '-F CNI-DN-x',
    '-X CNI-DN-x',
  ])
  expect(planRemoval(listing, ['CNI-DN-y'])).toEqual([])
})

test('mappingsOf() leaves a mapping of the other family out', () => {
  const six = { ...mapping, hostIp: 'fd00::1' }
  expect(mappingsOf('ip', [mapping, six])).toEqual([mapping])
  expect(mappingsOf('ip6', [mapping, six])).toEqual([mapping, six])
})

test('parseMappings() reads names as containerd writes them', () => {
  const portMappings = [{ HostPort: 8080, ContainerPort: 80, Protocol: 'tcp', HostIP: '' }]
  expect(parseMappings({ ...config, runtimeConfig: { portMappings } })).toEqual([mapping])
})

test('parseMappings() refuses ports that are none', () => {
  const portMappings = [{ hostPort: 0, containerPort: 80, protocol: 'tcp' }]
  expect(() => parseMappings({ ...config, runtimeConfig: { portMappings } })).toThrow('Invalid host port number: 0')
})

test.each([
  [{ markMasqBit: 32 }, 'MasqMarkBit must be between 0 and 31'],
  [{ markMasqBit: 5, externalSetMarkChain: 'X' }, 'Cannot specify externalSetMarkChain and markMasqBit'],
  [{ backend: 'x' }, 'unrecognized backend "x"'],
  [
    { backend: 'nftables', externalSetMarkChain: 'X', conditionsV4: ['-s', '1.2.3.4'] },
    'nftables backend was requested but configuration contains iptables-specific options [externalSetMarkChain conditionsV4]',
  ],
  [
    { conditionsV6: ['ip6 saddr fd00::1'] },
    'iptables backend was requested but configuration contains nftables-specific',
  ],
])('parsePortmapConfig() refuses %j', (fields, message) => {
  expect(() => parsePortmapConfig({ ...config, ...fields })).toThrow(message)
})

test('addressesToMap() takes the first address of each family that is the device’s own', () => {
  const interfaces = [{ name: 'cni0' }, { name: 'eth0', sandbox: '/x' }]
  const ips = [
    { address: '10.0.0.1/24', interface: 0 },
    { address: '10.0.0.2/24', interface: 1 },
    { address: 'fd00::2/64', interface: 1 },
    { address: '10.0.0.3/24', interface: 1 },
  ]
  const { ip, ip6 } = addressesToMap({ ifname: 'eth0' }, { interfaces, ips, routes: [], dns: {} })
  expect([ip?.address, ip6?.address]).toEqual(['10.0.0.2/24', 'fd00::2/64'])
})

test('planPortmap() masquerades from everywhere, marks by a chain of others, and asks further conditions when told', () => {
  const more = { ...input, masqAll: true, externalSetMarkChain: 'KUBE-MARK-MASQ', conditions: ['-d', '192.0.2.9'] }
  const lines = planPortmap(more, [])
  expect(lines).toContain('-A CNI-DN-x -s 0.0.0.0/0 -p tcp -m tcp --dport 8080 -j KUBE-MARK-MASQ')
  expect(lines.find((line) => line.includes('multiport'))).toContain('--dports 8080 -d 192.0.2.9 -j CNI-DN-x')
  expect(lines.join()).not.toContain('CNI-HOSTPORT-SETMARK')
})

test('planNftPortmap() gives IPv6 targets their brackets and every rule the container’s id', () => {
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: 'fd00::9' }]
  const script = planNftPortmap(
    'ip6',
    parsePortmapConfig({ ...config, runtimeConfig: { portMappings } }),
    'fd00::2',
    'c1',
  )
  expect(script).toContain(
    'add rule ip6 cni_hostport hostports ip6 daddr fd00::9 tcp dport 8080 dnat to [fd00::2]:80 comment "c1"',
  )
  expect(script).toContain(
    'add rule ip6 cni_hostport masquerading ip6 saddr fd00::2 ip6 daddr fd00::2 masquerade comment "c1"',
  )
})
