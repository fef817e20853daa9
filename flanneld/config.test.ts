import { describe, expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { formatAddress } from '../component-base/ip-address.ts'
import { describeNetwork, parseNetworkConfig, subnetRanges } from './config.ts'
import { flags, variableOf, withEnvironment } from './flags.ts'

function rangesOf(text: string): unknown {
  const ranges = subnetRanges(parseNetworkConfig(text))
  return [ranges.ipv4, ranges.ipv6].flatMap((range) =>
    range === undefined ? [] : [[range.length, formatAddress(range.min), formatAddress(range.max)]],
  )
}

describe('net-conf.json', () => {
  const ranges = [
    ['{"Network":"10.244.0.0/16"}', [[24, '10.244.1.0', '10.244.255.0']]],
    ['{"Network":"10.0.0.0/24"}', [[26, '10.0.0.64', '10.0.0.192']]],
    [
      '{"Network":"10.3.0.0/16","SubnetMin":"10.3.5.0","SubnetMax":"10.3.8.0","SubnetLen":28}',
      [[28, '10.3.5.0', '10.3.8.0']],
    ],
    ['{"network":"10.244.0.0/16","subnetlen":25,"SubnetMin":null}', [[25, '10.244.0.128', '10.244.255.128']]],
    [
      '{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fc00::/48"}',
      [
        [24, '10.244.1.0', '10.244.255.0'],
        [64, 'fc00:0:0:1::', 'fc00:0:0:ffff::'],
      ],
    ],
    [
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:1::/64"}',
      [[66, 'fd00:1:0:0:4000::', 'fd00:1:0:0:c000::']],
    ],
    [
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetLen":60,"IPv6SubnetMin":"fc00:0:0:10::","IPv6SubnetMax":"fc00:0:0:40::"}',
      [[60, 'fc00:0:0:10::', 'fc00:0:0:40::']],
    ],
  ] as const
  for (const [text, want] of ranges) {
    test(`subnetRanges() of ${text}`, () => expect(rangesOf(text)).toEqual(want))
  }

  const backends = [
    ['{}', { type: 'udp', port: 8285 }],
    ['{"Backend":{"Type":"UDP","Port":7890}}', { type: 'udp', port: 7890 }],
    ['{"Backend":{"Type":"host-gw"}}', { type: 'host-gw' }],
    [
      '{"Backend":{"Type":"vxlan"}}',
      { type: 'vxlan', vni: 1, port: 8472, directRouting: false, gbp: false, learning: false, mtu: 0 },
    ],
    [
      '{"Backend":{"Type":"vxlan","VNI":7,"Port":4789,"DirectRouting":true,"GBP":true,"Learning":true,"MTU":1400,"MacPrefix":"0E-2A"}}',
      { type: 'vxlan', vni: 7, port: 4789, directRouting: true, gbp: true, learning: true, mtu: 1400 },
    ],
    ['{"Backend":{"Type":"ipip","DirectRouting":true}}', { type: 'ipip', directRouting: true }],
    [
      '{"Backend":{"Type":"wireguard"}}',
      {
        type: 'wireguard',
        listenPort: 51_820,
        listenPortV6: 51_821,
        mtu: 0,
        psk: '',
        keepaliveSeconds: 0,
        mode: 'separate',
      },
    ],
    [
      '{"Backend":{"Type":"wireguard","ListenPort":1,"ListenPortV6":2,"MTU":1300,"PSK":"x","PersistentKeepaliveInterval":25,"Mode":"auto"}}',
      { type: 'wireguard', listenPort: 1, listenPortV6: 2, mtu: 1300, psk: 'x', keepaliveSeconds: 25, mode: 'auto' },
    ],
    [
      '{"Backend":{"Type":"extension","PreStartupCommand":"a","PostStartupCommand":"b","ShutdownCommand":"c","SubnetAddCommand":"d","SubnetRemoveCommand":"e"}}',
      { type: 'extension', preStartup: 'a', postStartup: 'b', shutdown: 'c', subnetAdd: 'd', subnetRemove: 'e' },
    ],
    ['{"Backend":{"Type":"alloc"}}', { type: 'alloc' }],
  ] as const
  for (const [text, want] of backends) {
    test(`parseNetworkConfig() reads the backend of ${text}`, () => {
      expect(parseNetworkConfig(`{"Network":"10.0.0.0/8",${text.slice(1)}`.replace(',}', '}')).backend).toEqual(want)
    })
  }

  const bad = [
    ['{', 'net-conf.json is not JSON'],
    ['[]', 'json: cannot unmarshal array into Go value of type Config'],
    ['{}', 'please define a correct Network parameter in the flannel config'],
    ['{"Network":"x"}', 'invalid CIDR address: x'],
    ['{"Network":"fc00::/48"}', 'please define a correct Network parameter'],
    [
      '{"Network":"10.0.0.0/16","SubnetLen":"24"}',
      'json: cannot unmarshal string into Go struct field Config.SubnetLen of type uint',
    ],
    [
      '{"Network":"10.0.0.0/16","SubnetLen":-1}',
      'json: cannot unmarshal number -1 into Go struct field Config.SubnetLen of type uint',
    ],
    [
      '{"Network":"10.0.0.0/16","EnableIPv6":"yes"}',
      'json: cannot unmarshal string into Go struct field Config.EnableIPv6 of type bool',
    ],
    ['{"EnableIPv4":false}', 'none defined stack'],
    [
      '{"Network":"10.0.0.0/16","EnableIPv6":true}',
      'please define a correct IPv6Network parameter in the flannel config',
    ],
    ['{"Network":"10.0.0.0/30"}', 'network is too small. Minimum useful network prefix is /28'],
    [
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/125"}',
      'IPv6Network is too small. Minimum useful network prefix is /124',
    ],
    ['{"Network":"10.0.0.0/24","SubnetLen":25}', 'network must be able to accommodate at least four subnets'],
    ['{"Network":"10.0.0.0/16","SubnetLen":31}', 'SubnetLen must be less than /31'],
    [
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetLen":127}',
      'SubnetLen must be less than /127',
    ],
    ['{"Network":"10.0.0.0/16","SubnetMin":"11.0.0.0"}', 'SubnetMin is not in the range of the Network'],
    ['{"Network":"10.0.0.0/16","SubnetMin":"x"}', 'invalid IP address format'],
    ['{"Network":"10.0.0.0/16","SubnetMax":"10.0.1.1"}', 'SubnetMax is not on a SubnetLen boundary: 10.0.1.1'],
    [
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetMin":"fd00::"}',
      'IPv6SubnetMin is not in the range of the IPv6Network',
    ],
    [
      '{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48","IPv6SubnetMax":"fc00::5"}',
      'IPv6SubnetMax is not on a SubnetLen boundary: fc00::5',
    ],
    ['{"Network":"10.0.0.0/16","SubnetMin":"10.0.9.0","SubnetMax":"10.0.1.0"}', 'SubnetMin is behind SubnetMax'],
    ['{"Network":"10.0.0.0/16","Backend":{"Type":"pigeon"}}', 'unknown backend type: pigeon'],
    ['{"Network":"10.0.0.0/16","Backend":{"Type":"ipsec"}}', 'backend type ipsec of upstream'],
    [
      '{"Network":"10.0.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}',
      'VNI 16777216 is not between 0 and 16777215',
    ],
    [
      '{"Network":"10.0.0.0/16","Backend":{"Type":"vxlan","VNI":"x"}}',
      'json: cannot unmarshal string into Go struct field VXLANConfig.vni of type int',
    ],
    ['{"Network":"10.0.0.0/16","Backend":{"Type":"udp","Port":70000}}', 'Port 70000 is not a port'],
    ['{"Network":"10.0.0.0/16","Backend":{"Type":"wireguard","Mode":"x"}}', 'no valid Mode configured'],
  ] as const
  for (const [text, message] of bad) {
    test(`parseNetworkConfig() or subnetRanges() refuses ${text}`, () => expect(() => rangesOf(text)).toThrow(message))
  }

  test('describeNetwork() names both networks', () => {
    const text = '{"Network":"10.244.0.0/16","EnableIPv6":true,"IPv6Network":"fc00::/48","Backend":{"Type":"vxlan"}}'
    expect(describeNetwork(parseNetworkConfig(text))).toEqual({ network: '10.244.0.0/16,fc00::/48', backend: 'vxlan' })
  })
})

describe('flags', () => {
  test('withEnvironment() takes what the command line leaves open', () => {
    const { values, given } = parseFlags(flags, ['--public-ip=1.1.1.1', '--iface=a', '--iface=b'])
    const env = { FLANNELD_PUBLIC_IP: '2.2.2.2', FLANNELD_IP_MASQ: 'true', FLANNELD_ETCD_ENDPOINTS: 'a,b', OTHER: 'x' }
    expect(withEnvironment(values, given, env)).toMatchObject({
      'public-ip': '1.1.1.1',
      'ip-masq': true,
      'etcd-endpoints': ['a', 'b'],
      iface: ['a', 'b'],
    })
  })
  test('withEnvironment() takes an empty variable for none', () => {
    const { values, given } = parseFlags(flags, [])
    expect(withEnvironment(values, given, { FLANNELD_IFACE: '', FLANNELD_HEALTHZ_PORT: '' })).toEqual(values)
  })
  test('withEnvironment() names the variable that is wrong', () => {
    const { values, given } = parseFlags(flags, [])
    expect(() => withEnvironment(values, given, { FLANNELD_HEALTHZ_PORT: 'x' })).toThrow(
      'FLANNELD_HEALTHZ_PORT: invalid argument',
    )
  })
  test('flags has every flag of upstream 0.28, and variableOf() its variable', () => {
    const upstream = [
      ...['etcd-endpoints', 'etcd-prefix', 'etcd-keyfile', 'etcd-certfile', 'etcd-cafile', 'etcd-username'],
      ...['etcd-password', 'iface', 'iface-regex', 'iface-can-reach', 'subnet-file', 'public-ip', 'public-ipv6'],
      ...['subnet-lease-renew-margin', 'ip-masq', 'ip-masq-fully-random-disable', 'kube-subnet-mgr', 'kube-api-url'],
      ...['kube-annotation-prefix', 'kubeconfig-file', 'healthz-ip', 'healthz-port', 'iptables-resync'],
      ...[
        'iptables-forward-rules',
        'ip-blackhole-route',
        'net-config-path',
        'set-node-network-unavailable',
        'vmodule',
        'log_backtrace_at',
      ],
    ]
    expect(upstream.filter((name) => !Object.hasOwn(flags, name))).toEqual([])
    expect(variableOf('iface-can-reach')).toBe('FLANNELD_IFACE_CAN_REACH')
  })
})
