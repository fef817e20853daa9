import { expect, test } from 'vitest'
import { pod } from '../../test/fixtures/kubelet-pod.ts'
import { podHostName, sandboxHostName } from '../pod/hostname.ts'
import { hostNetworkHostsFile, podHostsFile } from './hosts-file.ts'
import { parseResolvConf, podResolvConf } from './resolv-conf.ts'

const host = parseResolvConf('# comment\nnameserver 1.1.1.1\nsearch corp.example. example\noptions timeout:2\n')
const settings = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host, nodeIps: ['192.0.2.1'] }
const cluster = {
  servers: ['10.96.0.10'],
  searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example', 'example'],
  options: ['ndots:5'],
}
const onNode = { servers: ['1.1.1.1'], searches: ['corp.example', 'example'], options: ['timeout:2'] }

const policies = [
  { name: 'ClusterFirst asks the cluster', spec: { dnsPolicy: 'ClusterFirst' }, want: cluster },
  { name: 'ClusterFirst on the node network asks the node', spec: { hostNetwork: true }, want: onNode },
  {
    name: 'ClusterFirstWithHostNet asks the cluster all the same',
    spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
    want: cluster,
  },
  { name: 'Default asks the node', spec: { dnsPolicy: 'Default' }, want: onNode },
  {
    name: 'None takes what dnsConfig says',
    spec: {
      dnsPolicy: 'None',
      dnsConfig: {
        nameservers: ['9.9.9.9'],
        searches: ['x'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    },
    want: { servers: ['9.9.9.9'], searches: ['x'], options: ['ndots:2', 'edns0'] },
  },
  {
    name: 'dnsConfig adds and overrides',
    spec: { dnsConfig: { searches: ['x', 'example'], options: [{ name: 'ndots', value: '2' }] } },
    want: { ...cluster, searches: [...cluster.searches, 'x'], options: ['ndots:2'] },
  },
]
for (const { name, spec, want } of policies) {
  test(`podResolvConf(): ${name}`, () => {
    expect(podResolvConf(pod(spec), settings)).toEqual({ resolvConf: want, warnings: [] })
  })
}

test('parseResolvConf() drops "." from the search path, and lets the last value of an option count', () => {
  expect(parseResolvConf('search a. .\n  # search b\noptions ndots:1 edns0\noptions ndots:3\nnameserver\n')).toEqual({
    servers: [],
    searches: ['a'],
    options: ['ndots:3', 'edns0'],
  })
})

test('podResolvConf() without a cluster DNS falls back to the node, and says so', () => {
  const without = podResolvConf(pod({ dnsPolicy: 'ClusterFirst' }), { ...settings, clusterDns: [] })
  expect(without.resolvConf).toEqual(onNode)
  expect(without.warnings).toEqual([
    {
      reason: 'MissingClusterDNS',
      message:
        'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.',
    },
  ])
})

test('podResolvConf() without a file of the node names the node itself', () => {
  const { resolvConf } = podResolvConf(pod({ dnsPolicy: 'Default' }), {
    ...settings,
    host: undefined,
    nodeIps: ['fd00::1'],
  })
  expect(resolvConf).toEqual({ servers: ['::1'], searches: ['.'], options: [] })
})

const long = (letter: string, length: number): string => letter.repeat(length)
const limits = [
  {
    what: 'a fourth name server',
    dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3'] },
    message:
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2',
  },
  {
    what: 'more than 32 domains',
    dnsConfig: { searches: Array.from({ length: 30 }, (_, i) => `d${i}`) },
    message: `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${[...cluster.searches, ...Array.from({ length: 27 }, (_, i) => `d${i}`)].join(' ')}`,
  },
  {
    what: 'a domain that no resolver takes',
    dnsConfig: { searches: [long('a', 254), 'b'] },
    message: `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${[...cluster.searches, 'b'].join(' ')}`,
  },
  {
    what: 'a line of more than 2048 letters, from its end',
    dnsConfig: { searches: [...Array.from({ length: 8 }, (_, i) => `${i}${long('a', 249)}`), 'b'] },
    message: `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${[...cluster.searches, ...Array.from({ length: 7 }, (_, i) => `${i}${long('a', 249)}`)].join(' ')}`,
  },
]
for (const { what, dnsConfig, message } of limits) {
  test(`podResolvConf() cuts ${what}, and says so`, () => {
    expect(podResolvConf(pod({ dnsConfig }), settings).warnings).toEqual([{ reason: 'DNSConfigForming', message }])
  })
}

test('podHostsFile() lists the pod and its aliases', () => {
  const file = podHostsFile({
    hostName: 'web',
    domain: 'sub.default.svc.cluster.local',
    podIps: ['10.0.0.9'],
    aliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
  })
  expect(file).toBe(
    [
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
      '10.0.0.9\tweb.sub.default.svc.cluster.local\tweb',
      '',
      '# Entries added by HostAliases.',
      '1.2.3.4\ta\tb',
      '',
    ].join('\n'),
  )
})

test('hostNetworkHostsFile() keeps the file of the node', () => {
  expect(hostNetworkHostsFile('127.0.0.1 localhost\n', [])).toBe(
    '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n',
  )
})

const names = [
  { name: 'the name of the pod', spec: {}, hostName: 'web', domain: '' },
  { name: 'spec.hostname', spec: { hostname: 'db' }, hostName: 'db', domain: '' },
  { name: 'a subdomain', spec: { subdomain: 's' }, hostName: 'web', domain: 's.default.svc.cluster.local' },
]
for (const { name, spec, hostName, domain } of names) {
  test(`podHostName() follows ${name}`, () => {
    expect(podHostName(pod(spec), 'cluster.local')).toEqual({ hostName, domain })
  })
}

test('podHostName() cuts a long name to one label', () => {
  const { hostName } = podHostName(pod({}, { name: `${'a'.repeat(62)}-b` }), 'cluster.local')
  expect(hostName).toBe('a'.repeat(62))
})

test('sandboxHostName() is the whole name with setHostnameAsFQDN', () => {
  const spec = { subdomain: 's', setHostnameAsFQDN: true }
  expect(sandboxHostName(pod(spec), 'cluster.local')).toBe('web.s.default.svc.cluster.local')
})
