import { expect, test } from 'vitest'
import { flattenNft, type NftBlocks } from '../../netfilter/nft.ts'
import { NftMemory } from '../../netfilter/nft-diff.ts'
import { renderChange } from '../../netfilter/nft-script.ts'
import type { Packet } from '../../netfilter/trace.ts'
import { type NftTraceOptions, traceNft } from '../../netfilter/trace-nft.ts'
import type { ModeSettings } from '../mode.ts'
import type { NodeState } from '../plan/node.ts'
import { defaultNode, defaultSettings, nodeIp, planPorts, type ServiceOptions } from '../testing.ts'
import { tableOf } from './names.ts'
import { nftOptionsOf } from './options.ts'
import { NftPlanner } from './plan.ts'

type Circumstances = { readonly node?: Partial<NodeState>; readonly settings?: Partial<ModeSettings> }

function blocksFor(services: readonly ServiceOptions[], { node, settings }: Circumstances = {}): NftBlocks {
  const options = nftOptionsOf({ ...defaultNode, ...node }, { ...defaultSettings, ...settings })
  return new NftPlanner().plan(planPorts(services), options)
}

function trace(blocks: NftBlocks, packet: Packet, options: Partial<NftTraceOptions> = {}) {
  const { chains, sets, elements } = flattenNft(blocks)
  const traced = new Map([...sets].map(([name, set]) => [name, { ...set, elements: elements.get(name) ?? new Map() }]))
  const table = { name: 'kube-proxy', family: 'ip' as const, chains, sets: traced }
  return traceNft(packet, { localAddresses: [nodeIp], ...options, tables: [table] })
}

const pod = { protocol: 'tcp', sourceIp: '10.244.0.9', inInterface: 'cni0' } as const
const outside = { protocol: 'tcp', sourceIp: '203.0.113.7', inInterface: 'eth0' } as const
const fromNode = { protocol: 'tcp', sourceIp: nodeIp } as const
const clusterIp = { destinationIp: '10.96.0.1', destinationPort: 80 }
const nodePort = { destinationIp: nodeIp, destinationPort: 30080 }
const loadBalancer = { destinationIp: '198.51.100.1', destinationPort: 80 }
const [here, there] = [{ ip: '10.244.0.5' }, { ip: '10.244.1.6', node: 'node-2' }]
const local = { type: 'NodePort', externalTrafficPolicy: 'Local' } as const

type Row = readonly [
  rule: string,
  service: Omit<ServiceOptions, 'name'>,
  packet: Packet,
  /** `ip`, `ip masqueraded`, or the verdict. */
  expected: string,
  circumstances?: Circumstances,
]

const rows: readonly Row[] = [
  ['sends pods to an endpoint with their own address', { endpoints: [here] }, { ...pod, ...clusterIp }, '10.244.0.5'],
  ['masquerades the node', { endpoints: [there] }, { ...fromNode, ...clusterIp }, '10.244.1.6 masqueraded'],
  ['masquerades the outside', { endpoints: [here] }, { ...outside, ...clusterIp }, '10.244.0.5 masqueraded'],
  [
    'masquerades a pod that reaches itself',
    { endpoints: [here] },
    { ...pod, sourceIp: here.ip, ...clusterIp },
    '10.244.0.5 masqueraded',
  ],
  [
    'masquerades everything when told to',
    { endpoints: [here] },
    { ...pod, ...clusterIp },
    '10.244.0.5 masqueraded',
    { settings: { masqueradeAll: true } },
  ],
  [
    'masquerades bridged pods when the kernel does not show their replies',
    { endpoints: [here] },
    { ...pod, ...clusterIp },
    '10.244.0.5 masqueraded',
    { settings: { seesBridged: false } },
  ],
  [
    'tells pods by the bridge they come from',
    { endpoints: [there] },
    { ...outside, inInterface: 'cni0', ...clusterIp },
    '10.244.1.6',
    { node: { podTraffic: { type: 'interface', name: 'cni0' } } },
  ],
  [
    'tells pods by the beginning of their interface',
    { endpoints: [there] },
    { ...pod, inInterface: 'eth0', ...clusterIp },
    '10.244.1.6 masqueraded',
    { node: { podTraffic: { type: 'interfacePrefix', prefix: 'veth' } } },
  ],
  ['rejects a cluster IP without endpoints', {}, { ...pod, ...clusterIp }, 'REJECT'],
  [
    'rejects ports that the Service has not',
    { endpoints: [here] },
    { ...pod, ...clusterIp, destinationPort: 81 },
    'REJECT',
  ],
  ['drops addresses that no Service has', {}, { ...pod, ...clusterIp, destinationIp: '10.96.9.9' }, 'DROP'],
  [
    'accepts node ports and masquerades',
    { nodePort: 30080, endpoints: [there] },
    { ...outside, ...nodePort },
    '10.244.1.6 masqueraded',
  ],
  [
    'accepts node ports on chosen addresses only',
    { nodePort: 30080, spec: { type: 'NodePort' }, endpoints: [there] },
    { ...outside, ...nodePort },
    nodeIp,
    { node: { nodePortAddresses: ['172.16.0.99'] } },
  ],
  [
    'serves no node port on localhost',
    { nodePort: 30080, spec: { type: 'NodePort' }, endpoints: [there] },
    { protocol: 'tcp', sourceIp: '127.0.0.1', destinationIp: '127.0.0.1', destinationPort: 30080 },
    '127.0.0.1',
  ],
  [
    'keeps the client address with external policy Local',
    { nodePort: 30080, spec: local, endpoints: [here, there] },
    { ...outside, ...nodePort },
    '10.244.0.5',
  ],
  [
    'drops external traffic with policy Local without an endpoint here',
    { nodePort: 30080, spec: local, endpoints: [there] },
    { ...outside, ...nodePort },
    'DROP',
  ],
  [
    'lets pods use all endpoints of a Local node port',
    { nodePort: 30080, spec: local, endpoints: [there] },
    { ...pod, ...nodePort },
    '10.244.1.6',
  ],
  [
    'drops sources that no range allows',
    {
      loadBalancerIps: ['198.51.100.1'],
      spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.18.0.0/15'] },
      endpoints: [there],
    },
    { ...outside, ...loadBalancer },
    'DROP',
  ],
  [
    'lets the node send from the address of the load balancer when the node is allowed',
    {
      loadBalancerIps: ['198.51.100.1'],
      spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['172.16.0.0/16'] },
      endpoints: [there],
    },
    { ...outside, sourceIp: '198.51.100.1', ...loadBalancer },
    '10.244.1.6 masqueraded',
  ],
  [
    'serves an external IP that is the cluster IP as the cluster IP',
    { spec: { type: 'ClusterIP', externalIPs: ['10.96.0.1'] }, endpoints: [there] },
    { ...pod, ...clusterIp },
    '10.244.1.6',
  ],
]

for (const [rule, service, packet, expected, circumstances] of rows) {
  test(`NftPlanner.plan() ${rule}`, () => {
    const spec =
      service.nodePort === undefined || service.spec !== undefined ? {} : { spec: { type: 'NodePort' as const } }
    const { verdict, destinationIp, isMasqueraded } = trace(
      blocksFor([{ name: 'web', ...service, ...spec }], circumstances),
      packet,
    )
    expect(verdict === 'ACCEPT' ? `${destinationIp}${isMasqueraded ? ' masqueraded' : ''}` : verdict).toBe(expected)
  })
}

test('NftPlanner.plan() gives every endpoint its share', () => {
  const endpoints = ['10.244.0.1', '10.244.0.2', '10.244.0.3'].map((ip) => ({ ip }))
  const blocks = blocksFor([{ name: 'web', endpoints }])
  const seen = [0, 1, 2].map((drawn) => trace(blocks, { ...pod, ...clusterIp }, { random: () => drawn }).destinationIp)
  expect(seen).toEqual(['10.244.0.1', '10.244.0.2', '10.244.0.3'])
})

test('NftPlanner.plan() sends a client with affinity to the same endpoint again', () => {
  const endpoints = ['10.244.0.1', '10.244.0.2'].map((ip) => ({ ip }))
  const blocks = blocksFor([{ name: 'web', spec: { sessionAffinity: 'ClientIP' }, endpoints }])
  const learned = new Map<string, Set<string>>()
  const ask = (sourceIp: string, drawn: number) =>
    trace(blocks, { ...pod, ...clusterIp, sourceIp }, { learned, random: () => drawn }).destinationIp
  expect([ask('10.244.0.9', 1), ask('10.244.0.9', 0), ask('10.244.0.77', 0)]).toEqual([
    '10.244.0.2',
    '10.244.0.2',
    '10.244.0.1',
  ])
})

test('NftPlanner.plan() leaves an address that two Services claim to the first by name', () => {
  const claim = (name: string, at: string, ip: string): ServiceOptions => ({
    name,
    spec: { clusterIP: at, clusterIPs: [at], externalIPs: ['198.51.100.1'] },
    endpoints: [{ ip }],
  })
  const [first, second] = [claim('a', '10.96.0.2', '10.244.0.1'), claim('b', '10.96.0.3', '10.244.0.2')]
  const packet = { ...outside, ...loadBalancer }
  expect(trace(blocksFor([second, first]), packet).destinationIp).toBe('10.244.0.1')
  expect(trace(blocksFor([second]), packet).destinationIp).toBe('10.244.0.2')
})

test('an endpoint that goes changes nothing but elements', async () => {
  const services = (...endpoints: readonly { readonly ip: string }[]) => [
    { name: 'web', endpoints },
    { name: 'other', spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] }, endpoints: [here] },
    { name: 'two', spec: { clusterIP: '10.96.0.3', clusterIPs: ['10.96.0.3'] }, endpoints: [here, there] },
  ]
  const memory = new NftMemory()
  memory.diff(blocksFor(services(here, there))).commit()
  const { change } = memory.diff(blocksFor(services(here)))
  expect(renderChange(tableOf('ip'), change)).toBe(
    [
      'delete element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 }',
      'delete element ip kube-proxy service-endpoint-1 { 10.96.0.1 . tcp . 80 }',
      'add element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 comment "default/web:http" : goto endpoints-1 }',
      '',
    ].join('\n'),
  )
})

test('the script of a node with Services of several kinds', async () => {
  const blocks = blocksFor([
    {
      name: 'lb',
      nodePort: 30080,
      spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['203.0.113.0/24'] },
      loadBalancerIps: ['198.51.100.1'],
      endpoints: [here, there],
    },
    {
      name: 'sticky',
      spec: { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'], sessionAffinity: 'ClientIP' },
      endpoints: [here, there],
    },
    { name: 'empty', spec: { clusterIP: '10.96.0.3', clusterIPs: ['10.96.0.3'] } },
  ])
  await expect(renderChange(tableOf('ip'), new NftMemory().diff(blocks).change)).toMatchFileSnapshot(
    'testdata/several.nft',
  )
})
