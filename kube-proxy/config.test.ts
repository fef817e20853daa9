import { expect, test } from 'vitest'
import { parseFlags } from '../component-base/flags.ts'
import { flags, parseConfig, splitAddress } from './config.ts'
import { ConfigError } from './config-error.ts'

function parse(argv: readonly string[], file?: object) {
  const { values, given } = parseFlags(flags, argv)
  const typed =
    file === undefined
      ? undefined
      : { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', ...file }
  return parseConfig(values, given, typed === undefined ? undefined : { value: typed })
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

test('parseConfig() reads the file; then flags do not count, but for the host name', () => {
  const file = {
    mode: 'iptables',
    clusterCIDR: '10.1.0.0/16,fd00::/64',
    hostnameOverride: 'a',
    healthzBindAddress: '172.16.0.1',
    iptables: {
      masqueradeBit: 15,
      masqueradeAll: true,
      syncPeriod: '1m0s',
      minSyncPeriod: '0s',
      localhostNodePorts: false,
    },
    nodePortAddresses: ['192.0.2.0/24'],
    unheardOf: 1,
  }
  expect(parse(['--hostname-override=b', '--cluster-cidr=10.2.0.0/16', '--masquerade-all=false'], file)).toMatchObject({
    hostnameOverride: 'b',
    detectLocal: { type: 'source', cidrs: ['10.1.0.0/16', 'fd00::/64'] },
    masqueradeMark: '0x8000',
    masqueradeAll: true,
    syncPeriodMs: 60_000,
    minSyncPeriodMs: 1_000,
    localhostNodePorts: false,
    nodePortAddresses: ['192.0.2.0/24'],
    healthzBindAddress: '172.16.0.1:10256',
    unknownFields: ['unheardOf'],
  })
})

test('parseConfig() gives mode nftables its own part, primary node ports and none on localhost', () => {
  const file = { mode: 'nftables', iptables: { masqueradeBit: 3 }, nftables: { masqueradeBit: 5, syncPeriod: '7s' } }
  expect(parse([], file)).toMatchObject({
    ...{ mode: 'nftables', masqueradeMark: '0x20', syncPeriodMs: 7_000 },
    ...{ nodePortAddresses: ['primary'], localhostNodePorts: false },
  })
  expect(parse(['--proxy-mode=nftables', '--iptables-masquerade-bit=3'])).toMatchObject({ masqueradeMark: '0x4000' })
})

test('parseConfig() takes the family of the bind address for its servers', () => {
  expect(parse([], { bindAddress: 'fd00::1' })).toMatchObject({
    ...{ bindAddress: 'fd00::1', healthzBindAddress: '[::]:10256', metricsBindAddress: '[::1]:10249' },
  })
  expect(parse([])).toMatchObject({ bindAddress: undefined })
})

test('parseConfig() reads the part of mode ipvs', () => {
  const file = {
    mode: 'ipvs',
    iptables: { syncPeriod: '1m', masqueradeAll: true },
    ipvs: { scheduler: 'wlc', excludeCIDRs: ['192.0.2.0/24'], strictARP: true, udpTimeout: '90s', syncPeriod: '10s' },
  }
  expect(parse([], file)).toMatchObject({
    ...{ mode: 'ipvs', syncPeriodMs: 10_000, minSyncPeriodMs: 1_000, masqueradeAll: true },
    ipvs: {
      ...{ scheduler: 'wlc', excludeCidrs: ['192.0.2.0/24'], isStrictArp: true },
      timeouts: { tcp: 0, tcpFin: 0, udp: 90 },
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

const mode = 'must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])'
const cidrPair = 'must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]'
const conntrack = 'KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration'

/** What upstream 1.36 says to each; without the path's first part. */
test.each<readonly [file: object, message: string]>([
  [{ mode: 'x' }, `Mode.ProxyMode: Invalid value: "x": ${mode}`],
  [
    { iptables: { masqueradeBit: -1 } },
    'KubeProxyIPTablesConfiguration.MasqueradeBit: Invalid value: -1: must be within the range [0, 31]',
  ],
  [
    { mode: 'nftables', nftables: { masqueradeBit: 40 } },
    'KubeProxyNFTablesConfiguration.MasqueradeBit: Invalid value: 40: must be within the range [0, 31]',
  ],
  [{ iptables: { minSyncPeriod: '-1s' } }, 'MinSyncPeriod: Invalid value: "-1s": must be greater than or equal to 0'],
  [
    { iptables: { minSyncPeriod: '60s', syncPeriod: '30s' } },
    'SyncPeriod: Invalid value: "1m0s": must be greater than or equal to KubeProxyConfiguration.MinSyncPeriod',
  ],
  [{ configSyncPeriod: '-1s' }, 'ConfigSyncPeriod: Invalid value: "-1s": must be greater than 0'],
  [{ bindAddress: 'foo' }, 'BindAddress: Invalid value: "foo": not a valid textual representation of an IP address'],
  [{ healthzBindAddress: 'foo' }, 'HealthzBindAddress: Invalid value: "foo": must be IP:port'],
  [{ healthzBindAddress: '1.2.3.4:99999' }, 'HealthzBindAddress: Invalid value: "99999": must be a valid port'],
  [{ healthzBindAddress: 'foo:10256' }, 'HealthzBindAddress: Invalid value: "foo": must be a valid IP'],
  [{ metricsBindAddress: '127.0.0.1:abc' }, 'MetricsBindAddress: Invalid value: "abc": must be a valid port'],
  [
    { nodePortAddresses: ['10.0.0.0/8', 'primary'] },
    `NodePortAddresses[1]: Invalid value: "primary": can't use both 'primary' and CIDRs`,
  ],
  [
    { detectLocalMode: 'Foo' },
    'DetectLocalMode: Unsupported value: "Foo": supported values: "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix", ""',
  ],
  [
    { clusterCIDR: '10.0.0.0' },
    'DetectLocalConfiguration.ClusterCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)',
  ],
  [
    { clusterCIDR: '10.0.0.0/8,10.1.0.0/16' },
    `DetectLocalConfiguration.ClusterCIDRs: Invalid value: ["10.0.0.0/8","10.1.0.0/16"]: ${cidrPair}`,
  ],
  [
    { detectLocalMode: 'BridgeInterface' },
    'DetectLocalConfiguration.InterfaceName: Invalid value: "": must not be empty',
  ],
  [
    { detectLocalMode: 'InterfaceNamePrefix' },
    'DetectLocalConfiguration.InterfacePrefix: Invalid value: "": must not be empty',
  ],
  [{ conntrack: { maxPerCore: -1 } }, `${conntrack}.MaxPerCore: Invalid value: -1: must be greater than or equal to 0`],
  [
    { conntrack: { udpStreamTimeout: '-4s' } },
    `${conntrack}.UDPStreamTimeout: Invalid value: "-4s": must be greater than or equal to 0`,
  ],
  [
    { oomScoreAdj: 2_000 },
    'KubeProxyLinuxConfiguration.OOMScoreAdj: Invalid value: 2000: must be within the range [-1000, 1000]',
  ],
  [
    { clientConnection: { burst: -1 } },
    'ClientConnection.Burst: Invalid value: -1: must be greater than or equal to 0',
  ],
])('parseConfig() refuses %j as upstream does', (file, message) => {
  expect(() => parse([], file)).toThrow(new ConfigError(`failed validate: KubeProxyConfiguration.${message}`))
})

test.each<readonly [rule: string, argv: readonly string[], file: object | undefined, message: string]>([
  [
    'everything at once',
    [],
    { mode: 'x', bindAddress: 'foo', nodePortAddresses: ['eth0'] },
    `failed validate: [KubeProxyConfiguration.Mode.ProxyMode: Invalid value: "x": ${mode}, KubeProxyConfiguration.BindAddress: Invalid value: "foo": not a valid textual representation of an IP address, KubeProxyConfiguration.NodePortAddresses[0]: Invalid value: "eth0": must be a valid CIDR]`,
  ],
  [
    'a period of nothing',
    ['--iptables-sync-period=0s'],
    undefined,
    'failed validate: [KubeProxyConfiguration.SyncPeriod: Invalid value: "0s": must be greater than 0, KubeProxyConfiguration.SyncPeriod: Invalid value: "1s": must be greater than or equal to KubeProxyConfiguration.MinSyncPeriod]',
  ],
  [
    'a wrong part of mode ipvs',
    [],
    { mode: 'ipvs', ipvs: { excludeCIDRs: ['a'], tcpTimeout: '-1s' } },
    'failed validate: [KubeProxyConfiguration.KubeProxyIPVSConfiguration.TCPTimeout: Invalid value: "-1s": must be greater than or equal to 0, KubeProxyConfiguration.KubeProxyIPVSConfiguration.ExcludeCidrs[0]: Invalid value: "a": must be a valid CIDR]',
  ],
  [
    'a host name of blanks',
    ['--hostname-override= '],
    undefined,
    'failed complete: empty hostname-override is invalid',
  ],
  [
    'another kind',
    [],
    { kind: 'Foo' },
    'failed complete: failed to decode: no kind "Foo" is registered for version "kubeproxy.config.k8s.io/v1alpha1"',
  ],
  [
    'a number for an object',
    [],
    { iptables: 5 },
    'failed complete: failed to decode: json: cannot unmarshal number into Go struct field KubeProxyConfiguration.iptables of type v1alpha1.KubeProxyIPTablesConfiguration',
  ],
  [
    'a text for a number',
    [],
    { iptables: { masqueradeBit: 'a' } },
    'failed complete: failed to decode: json: cannot unmarshal string into Go struct field KubeProxyIPTablesConfiguration.iptables.masqueradeBit of type int32',
  ],
  [
    'a number for the mode',
    [],
    { mode: 5 },
    'failed complete: failed to decode: json: cannot unmarshal number into Go struct field KubeProxyConfiguration.mode of type v1alpha1.ProxyMode',
  ],
  [
    'a text for a list',
    [],
    { nodePortAddresses: 'abc' },
    'failed complete: failed to decode: json: cannot unmarshal string into Go struct field KubeProxyConfiguration.nodePortAddresses of type []string',
  ],
  [
    'a wrong duration',
    [],
    { iptables: { syncPeriod: 'abc' } },
    'failed complete: failed to decode: time: invalid duration "abc"',
  ],
])('parseConfig() refuses %s', (_rule, argv, file, message) => {
  expect(() => parse(argv, file)).toThrow(new ConfigError(message))
})

test.each([
  ['0.0.0.0:10256', { address: '0.0.0.0', port: 10256 }],
  ['[::1]:80', { address: '::1', port: 80 }],
  ['', undefined],
  ['127.0.0.1:0', undefined],
])('splitAddress() of "%s"', (text, expected) => {
  expect(splitAddress(text)).toEqual(expected)
})
