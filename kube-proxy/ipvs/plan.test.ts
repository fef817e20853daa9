import { expect, test } from 'vitest'
import type { ModeSettings } from '../mode.ts'
import type { NodeState } from '../plan/node.ts'
import { defaultNode, defaultSettings, nodeIp, planPorts, type ServiceOptions } from '../testing.ts'
import { type IpvsPlan, planIpvs } from './plan.ts'
import { defaultIpvsSettings, type IpvsSettings } from './settings.ts'

type Inputs = {
  readonly node?: Partial<NodeState>
  readonly settings?: Partial<ModeSettings>
  readonly ipvs?: Partial<IpvsSettings>
  readonly hostIps?: readonly string[]
}

function plan(services: readonly ServiceOptions[], { node, settings, ipvs, hostIps }: Inputs = {}): IpvsPlan {
  return planIpvs({
    node: { ...defaultNode, ...node },
    ports: planPorts(services),
    settings: { ...defaultSettings, ...settings },
    ipvs: { ...defaultIpvsSettings, ...ipvs },
    hostIps: hostIps ?? ['127.0.0.1', nodeIp, '10.244.0.1', '::1', 'fe80::1'],
  })
}

/** Real servers of every virtual server. */
function serversOf({ servers }: IpvsPlan): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries([...servers].map(([key, { realServers }]) => [key, [...realServers.keys()]]))
}

/** Entries of every set that has some. */
function entriesOf({ sets }: IpvsPlan): Readonly<Record<string, readonly string[]>> {
  const filled = [...sets.values()].filter(({ entries }) => entries.size > 0)
  return Object.fromEntries(filled.map(({ name, entries }) => [name, [...entries]]))
}

const here = { ip: '10.244.0.5' }
const there = { ip: '10.244.1.6', node: 'node-2' }
const nodePort = { type: 'NodePort' } as const
const loadBalancer = { type: 'LoadBalancer' } as const
const local = { externalTrafficPolicy: 'Local' } as const

type Row = readonly [
  rule: string,
  service: Omit<ServiceOptions, 'name'>,
  servers: Readonly<Record<string, readonly string[]>>,
  entries: Readonly<Record<string, readonly string[]>>,
]

const both = ['10.244.0.5:8080', '10.244.1.6:8080']
const loop = { 'KUBE-LOOP-BACK': ['10.244.0.5,tcp:8080,10.244.0.5'] }
const cluster = { 'KUBE-CLUSTER-IP': ['10.96.0.1,tcp:80'], 'KUBE-IPVS-IPS': ['10.96.0.1'] }

const rows: readonly Row[] = [
  [
    'gives a cluster IP a server with all endpoints',
    { endpoints: [here, there] },
    { 'tcp 10.96.0.1:80': both },
    { ...loop, ...cluster },
  ],
  ['keeps a server without endpoints, which refuses', {}, { 'tcp 10.96.0.1:80': [] }, cluster],
  [
    'keeps internal policy Local on this node',
    { endpoints: [here, there], spec: { internalTrafficPolicy: 'Local' } },
    { 'tcp 10.96.0.1:80': ['10.244.0.5:8080'] },
    { ...loop, ...cluster },
  ],
  [
    'gives internal policy Local nothing without an endpoint here',
    { endpoints: [there], spec: { internalTrafficPolicy: 'Local' } },
    { 'tcp 10.96.0.1:80': [] },
    cluster,
  ],
  [
    'serves a node port on every address of the node but loopback',
    { endpoints: [there], nodePort: 30_080, spec: nodePort },
    {
      'tcp 10.96.0.1:80': ['10.244.1.6:8080'],
      'tcp 10.244.0.1:30080': ['10.244.1.6:8080'],
      'tcp 172.16.0.11:30080': ['10.244.1.6:8080'],
    },
    { ...cluster, 'KUBE-NODE-PORT-TCP': ['30080'] },
  ],
  [
    'serves a local node port from endpoints here',
    { endpoints: [here, there], nodePort: 30_080, spec: { ...nodePort, ...local } },
    {
      'tcp 10.96.0.1:80': both,
      'tcp 10.244.0.1:30080': ['10.244.0.5:8080'],
      'tcp 172.16.0.11:30080': ['10.244.0.5:8080'],
    },
    { ...loop, ...cluster, 'KUBE-NODE-PORT-TCP': ['30080'], 'KUBE-NODE-PORT-LOCAL-TCP': ['30080'] },
  ],
  [
    'serves a local node port from elsewhere when there is no endpoint here, unmasqueraded',
    { endpoints: [there], nodePort: 30_080, spec: { ...nodePort, ...local } },
    {
      'tcp 10.96.0.1:80': ['10.244.1.6:8080'],
      'tcp 10.244.0.1:30080': ['10.244.1.6:8080'],
      'tcp 172.16.0.11:30080': ['10.244.1.6:8080'],
    },
    { ...cluster, 'KUBE-NODE-PORT-TCP': ['30080'], 'KUBE-NODE-PORT-LOCAL-TCP': ['30080'] },
  ],
  [
    'names addresses with SCTP node ports',
    { protocol: 'SCTP', endpoints: [there], nodePort: 30_080, spec: nodePort },
    {
      'sctp 10.96.0.1:80': ['10.244.1.6:8080'],
      'sctp 10.244.0.1:30080': ['10.244.1.6:8080'],
      'sctp 172.16.0.11:30080': ['10.244.1.6:8080'],
    },
    {
      'KUBE-CLUSTER-IP': ['10.96.0.1,sctp:80'],
      'KUBE-IPVS-IPS': ['10.96.0.1'],
      'KUBE-NODE-PORT-SCTP-HASH': ['10.244.0.1,sctp:30080', '172.16.0.11,sctp:30080'],
    },
  ],
  [
    'binds external IPs, but not those that the node has',
    { endpoints: [there], spec: { externalIPs: ['192.0.2.5', nodeIp] } },
    {
      'tcp 10.96.0.1:80': ['10.244.1.6:8080'],
      'tcp 192.0.2.5:80': ['10.244.1.6:8080'],
      'tcp 172.16.0.11:80': ['10.244.1.6:8080'],
    },
    {
      'KUBE-CLUSTER-IP': ['10.96.0.1,tcp:80'],
      'KUBE-EXTERNAL-IP': ['192.0.2.5,tcp:80', '172.16.0.11,tcp:80'],
      'KUBE-IPVS-IPS': ['10.96.0.1', '192.0.2.5'],
    },
  ],
  [
    'tells local external IPs apart',
    { endpoints: [there], spec: { ...local, externalIPs: ['192.0.2.5'] } },
    { 'tcp 10.96.0.1:80': ['10.244.1.6:8080'], 'tcp 192.0.2.5:80': ['10.244.1.6:8080'] },
    {
      'KUBE-CLUSTER-IP': ['10.96.0.1,tcp:80'],
      'KUBE-EXTERNAL-IP-LOCAL': ['192.0.2.5,tcp:80'],
      'KUBE-IPVS-IPS': ['10.96.0.1', '192.0.2.5'],
    },
  ],
  [
    'guards a load balancer with source ranges',
    {
      endpoints: [there],
      loadBalancerIps: ['198.51.100.1'],
      spec: { ...loadBalancer, ...local, loadBalancerSourceRanges: ['203.0.113.0/24', '172.16.0.11/32'] },
    },
    { 'tcp 10.96.0.1:80': ['10.244.1.6:8080'], 'tcp 198.51.100.1:80': ['10.244.1.6:8080'] },
    {
      'KUBE-CLUSTER-IP': ['10.96.0.1,tcp:80'],
      'KUBE-LOAD-BALANCER': ['198.51.100.1,tcp:80'],
      'KUBE-LOAD-BALANCER-LOCAL': ['198.51.100.1,tcp:80'],
      'KUBE-LOAD-BALANCER-FW': ['198.51.100.1,tcp:80'],
      // What the kernel prints for a single address has no prefix length.
      'KUBE-LOAD-BALANCER-SOURCE-CIDR': ['198.51.100.1,tcp:80,203.0.113.0/24', '198.51.100.1,tcp:80,172.16.0.11'],
      'KUBE-LOAD-BALANCER-SOURCE-IP': ['198.51.100.1,tcp:80,198.51.100.1'],
      'KUBE-IPVS-IPS': ['10.96.0.1', '198.51.100.1'],
    },
  ],
  [
    'lets load balancers ask for health',
    { loadBalancerIps: ['198.51.100.1'], spec: { ...loadBalancer, ...local, healthCheckNodePort: 31_000 } },
    { 'tcp 10.96.0.1:80': [], 'tcp 198.51.100.1:80': [] },
    {
      'KUBE-CLUSTER-IP': ['10.96.0.1,tcp:80'],
      'KUBE-LOAD-BALANCER': ['198.51.100.1,tcp:80'],
      'KUBE-LOAD-BALANCER-LOCAL': ['198.51.100.1,tcp:80'],
      'KUBE-HEALTH-CHECK-NODE-PORT': ['31000'],
      'KUBE-IPVS-IPS': ['10.96.0.1', '198.51.100.1'],
    },
  ],
]

for (const [rule, service, servers, entries] of rows) {
  test(`planIpvs() ${rule}`, () => {
    const planned = plan([{ name: 'web', ...service }])
    expect(serversOf(planned)).toEqual(servers)
    const sorted = Object.fromEntries(Object.entries(entriesOf(planned)).map(([name, each]) => [name, each.toSorted()]))
    expect(sorted).toEqual(Object.fromEntries(Object.entries(entries).map(([name, each]) => [name, each.toSorted()])))
    expect([...planned.addresses]).toEqual(entries['KUBE-IPVS-IPS'])
  })
}

test.each([
  [{ spec: { sessionAffinity: 'ClientIP' as const } }, {}, { scheduler: 'rr', persistentSeconds: 10_800 }],
  [{}, { scheduler: 'mh' }, { scheduler: 'mh', schedulerFlags: 'mh-port', persistentSeconds: 0 }],
  [{}, { scheduler: 'wlc' }, { scheduler: 'wlc', schedulerFlags: '' }],
])('planIpvs() schedules %j under %j', (service, ipvs, expected) => {
  expect([...plan([{ name: 'web', ...service }], { ipvs }).servers.values()]).toMatchObject([expected])
})

test('planIpvs() serves node ports on chosen addresses only', () => {
  const planned = plan([{ name: 'web', nodePort: 30_080, spec: nodePort }], {
    node: { nodePortAddresses: [nodeIp, '127.0.0.1'] },
  })
  expect(Object.keys(serversOf(planned))).toEqual(['tcp 10.96.0.1:80', 'tcp 172.16.0.11:30080'])
})

test('planIpvs() has names of its own for IPv6, cut at what the kernel takes', () => {
  const { sets } = plan([], { node: { family: 'ip6' } })
  expect([...sets.keys()]).toContain('KUBE-6-CLUSTER-IP')
  expect([...sets.keys()]).toContain('KUBE-6-LOAD-BALANCER-SOURCE-CID')
  expect([...sets.keys()].every((name) => name.length <= 31)).toBe(true)
  expect(new Set([...sets.values()].map(({ family }) => family))).toEqual(new Set(['ip6']))
})

test('planIpvs() keeps a node that is not listed away from a load balancer', () => {
  const service = {
    name: 'web',
    loadBalancerIps: ['198.51.100.1'],
    spec: { ...loadBalancer, loadBalancerSourceRanges: ['203.0.113.0/24'] },
  }
  expect(plan([service]).rules.filter?.get('KUBE-IPVS-OUT-FILTER')).toEqual([
    '-s 198.51.100.1 -m ipvs --vaddr 198.51.100.1 --vproto tcp --vport 80 -j DROP',
  ])
})

const everything: readonly ServiceOptions[] = (['TCP', 'UDP', 'SCTP'] as const).map((protocol, index) => ({
  name: protocol.toLowerCase(),
  protocol,
  endpoints: [here],
  nodePort: 30_000 + index,
  loadBalancerIps: ['198.51.100.1'],
  spec: {
    ...{ type: 'LoadBalancer', clusterIP: `10.96.0.${index}`, clusterIPs: [`10.96.0.${index}`] },
    ...{ externalIPs: ['192.0.2.5'], loadBalancerSourceRanges: ['172.16.0.0/16'] },
    ...(index === 0 ? local : {}),
  },
}))

test('planIpvs() writes the rules of upstream', async () => {
  const { nat, filter } = plan(everything).rules
  const text = [nat, filter].flatMap((chains) =>
    [...(chains ?? [])].flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
  )
  await expect(`${text.join('\n')}\n`).toMatchFileSnapshot('testdata/everything.rules')
})

test.each<[what: string, inputs: Inputs, rule: string]>([
  ['others than pods', {}, '! -s 10.244.0.0/16 COMMENT -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ'],
  [
    'all when told to',
    { settings: { masqueradeAll: true } },
    'COMMENT -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ',
  ],
  [
    'the node itself when nobody knows the pods',
    { node: { podTraffic: undefined } },
    'COMMENT -m set --match-set KUBE-CLUSTER-IP src,dst -j KUBE-MARK-MASQ',
  ],
  [
    "this node's pods when iptables does not see their replies",
    { settings: { seesBridged: false } },
    '-s 10.244.0.0/24 COMMENT -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ',
  ],
])('planIpvs() masquerades %s', (_, inputs, rule) => {
  const rules = plan([{ name: 'web' }], inputs).rules.nat?.get('KUBE-SERVICES') ?? []
  expect(rules.map((each) => each.replace(/-m comment --comment "[^"]*"/, 'COMMENT'))).toContain(rule)
})

test('planIpvs() gives an address that two Services claim to the first', () => {
  const claim = (name: string, ip: string): ServiceOptions => ({
    name,
    endpoints: [{ ip }],
    spec: { clusterIP: `10.96.0.${ip.length}`, clusterIPs: [`10.96.0.${ip.length}`], externalIPs: ['192.0.2.5'] },
  })
  const planned = plan([claim('b', '10.244.0.50'), claim('a', '10.244.0.5')])
  expect(serversOf(planned)['tcp 192.0.2.5:80']).toEqual(['10.244.0.5:8080'])
})
