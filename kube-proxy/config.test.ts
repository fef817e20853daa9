import { expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { flags, parseConfig, splitAddress } from './config.ts'

function parse(argv: readonly string[], file?: object) {
  const { values, given } = parseFlags(flags, argv)
  const typed =
    file === undefined
      ? undefined
      : { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', ...file }
  return parseConfig(values, given, typed)
}

test('parseConfig() has the defaults of upstream', () => {
  expect(parse([])).toMatchObject({
    masqueradeMark: '0x4000',
    minSyncPeriodMs: 1_000,
    syncPeriodMs: 30_000,
    localhostNodePorts: true,
    healthzBindAddress: '0.0.0.0:10256',
    metricsBindAddress: '127.0.0.1:10249',
    detectLocal: { type: 'none' },
  })
})

test('parseConfig() reads the file, and lets flags win', () => {
  const file = {
    mode: 'iptables',
    clusterCIDR: '10.1.0.0/16',
    hostnameOverride: 'a',
    iptables: {
      masqueradeBit: 15,
      masqueradeAll: true,
      syncPeriod: '1m0s',
      minSyncPeriod: '0s',
      localhostNodePorts: false,
    },
    nodePortAddresses: ['192.0.2.0/24'],
  }
  expect(parse(['--hostname-override=b', '--cluster-cidr=10.2.0.0/16,fd00::/64'], file)).toMatchObject({
    hostnameOverride: 'b',
    detectLocal: { type: 'source', cidrs: ['10.2.0.0/16', 'fd00::/64'] },
    masqueradeMark: '0x8000',
    masqueradeAll: true,
    syncPeriodMs: 60_000,
    minSyncPeriodMs: 1_000,
    localhostNodePorts: false,
    nodePortAddresses: ['192.0.2.0/24'],
  })
})

test('parseConfig() reads the part of mode ipvs', () => {
  const file = {
    mode: 'ipvs',
    iptables: { syncPeriod: '1m', masqueradeAll: true },
    ipvs: { scheduler: 'wlc', excludeCIDRs: ['192.0.2.0/24'], strictARP: true, udpTimeout: '90s', syncPeriod: '10s' },
  }
  expect(parse(['--ipvs-tcp-timeout=2m', '--iptables-min-sync-period=5s'], file)).toMatchObject({
    ...{ mode: 'ipvs', syncPeriodMs: 10_000, minSyncPeriodMs: 1_000, masqueradeAll: true },
    ipvs: {
      ...{ scheduler: 'wlc', excludeCidrs: ['192.0.2.0/24'], isStrictArp: true },
      timeouts: { tcp: 120, tcpFin: 0, udp: 90 },
    },
  })
})

test('parseConfig() gives mode ipvs the defaults of upstream, and other modes nothing of it', () => {
  expect(parse(['--proxy-mode=ipvs']).ipvs).toEqual({
    ...{ scheduler: 'rr', excludeCidrs: [], isStrictArp: false },
    timeouts: { tcp: 0, tcpFin: 0, udp: 0 },
  })
  expect(parse(['--ipvs-scheduler=wlc', '--ipvs-exclude-cidrs=x'])).not.toHaveProperty('ipvs')
})

test.each([
  [
    'a wrong range',
    ['--proxy-mode=ipvs', '--ipvs-exclude-cidrs=10.0.0.0'],
    {},
    'KubeProxyConfiguration.KubeProxyIPVSConfiguration.ExcludeCidrs[0]: Invalid value: "10.0.0.0": must be a valid CIDR',
  ],
  ['an unknown mode', ['--proxy-mode=x'], {}, 'must be iptables, ipvs, nftables or blank'],
  ['a wrong CIDR', ['--cluster-cidr=10.0.0.0'], {}, 'clusterCIDR: Invalid value: "10.0.0.0"'],
  ['an unknown field', [], { mod: 'iptables' }, 'strict decoding error: unknown field "mod"'],
  ['another kind', [], { kind: 'KubeletConfiguration' }, 'no kind "KubeletConfiguration" is registered'],
  ['a bit that is too high', ['--iptables-masquerade-bit=32'], {}, 'must be within the range [0, 31]'],
  ['a bridge without name', ['--detect-local-mode=BridgeInterface'], {}, 'detectLocal.bridgeInterface: Required value'],
  ['wrong addresses', ['--nodeport-addresses=eth0'], {}, 'nodePortAddresses: Invalid value: "eth0"'],
])('parseConfig() refuses %s', (_rule, argv, file, message) => {
  expect(() => parse(argv, file)).toThrow(message)
})

test.each([
  ['0.0.0.0:10256', { address: '0.0.0.0', port: 10256 }],
  ['[::1]:80', { address: '::1', port: 80 }],
  ['', undefined],
  ['127.0.0.1:0', undefined],
])('splitAddress() of "%s"', (text, expected) => {
  expect(splitAddress(text)).toEqual(expected)
})
