import { expect, test } from 'vitest'
import type { Packet } from '../../netfilter/trace.ts'
import type { RenderOptions } from '../iptables/options.ts'
import { makeSnapshot, nodeIp, planFor, type ServiceOptions, trace } from '../testing.ts'
import { Planner } from './planner.ts'

const pod = { sourceIp: '10.244.0.9', inInterface: 'cni0' }
const outside = { sourceIp: '203.0.113.7', inInterface: 'eth0' }
const node = { sourceIp: nodeIp }
const localhost = { sourceIp: '127.0.0.1' }
const here = { ip: '10.244.0.5' }
const there = { ip: '10.244.1.6', node: 'node-2' }

type Row = readonly [
  rule: string,
  service: Omit<ServiceOptions, 'name'>,
  packet: Partial<Packet> & Pick<Packet, 'sourceIp'>,
  /** `ip`, `ip masqueraded`, or the verdict. */
  expected: string,
  options?: Partial<RenderOptions> | undefined,
]

const clusterIp = { destinationIp: '10.96.0.1', destinationPort: 80 }
const nodePort = { destinationIp: nodeIp, destinationPort: 30080 }
const viaNodePort = { nodePort: 30080, spec: { type: 'NodePort' as const } }
const viaLocalNodePort = {
  nodePort: 30080,
  spec: { type: 'NodePort' as const, externalTrafficPolicy: 'Local' as const },
}
const loadBalancer = { destinationIp: '198.51.100.1', destinationPort: 80 }
const viaLoadBalancer = { loadBalancerIps: ['198.51.100.1'] }

const rows: readonly Row[] = [
  ['sends pods to an endpoint with their own address', { endpoints: [here] }, { ...pod, ...clusterIp }, '10.244.0.5'],
  [
    'masquerades traffic of the node to a cluster IP',
    { endpoints: [there] },
    { ...node, ...clusterIp },
    '10.244.1.6 masqueraded',
  ],
  [
    'masquerades traffic from outside to a cluster IP',
    { endpoints: [here] },
    { ...outside, ...clusterIp },
    '10.244.0.5 masqueraded',
  ],
  [
    'masquerades a pod that reaches itself',
    { endpoints: [here] },
    { sourceIp: here.ip, inInterface: 'cni0', ...clusterIp },
    '10.244.0.5 masqueraded',
  ],
  [
    'masquerades everything when told to',
    { endpoints: [here] },
    { ...pod, ...clusterIp },
    '10.244.0.5 masqueraded',
    { masqueradeAll: true },
  ],
  [
    'masquerades bridged pods when iptables does not see their replies',
    { endpoints: [here] },
    { ...pod, ...clusterIp },
    '10.244.0.5 masqueraded',
    { bridgedSources: '10.244.0.0/24' },
  ],
  ['rejects a cluster IP without endpoints', {}, { ...pod, ...clusterIp }, 'REJECT'],
  [
    'leaves other ports of a cluster IP alone',
    { endpoints: [here] },
    { ...pod, ...clusterIp, destinationPort: 81 },
    '10.96.0.1',
  ],
  [
    'skips endpoints that are not ready',
    { endpoints: [{ ...here, ready: false }] },
    { ...pod, ...clusterIp },
    'REJECT',
  ],
  [
    'uses terminating endpoints that still serve when none is ready',
    { endpoints: [{ ...here, ready: false, serving: true, terminating: true }] },
    { ...pod, ...clusterIp },
    '10.244.0.5',
  ],
  [
    'keeps to ready endpoints while there are any',
    { endpoints: [{ ...here, ready: false, serving: true, terminating: true }, there] },
    { ...pod, ...clusterIp },
    '10.244.1.6',
  ],
  [
    'accepts node ports and masquerades',
    { ...viaNodePort, endpoints: [there] },
    { ...outside, ...nodePort },
    '10.244.1.6 masqueraded',
  ],
  [
    'accepts node ports on localhost',
    { ...viaNodePort, endpoints: [there] },
    { ...localhost, destinationIp: '127.0.0.1', destinationPort: 30080 },
    '10.244.1.6 masqueraded',
  ],
  [
    'refuses node ports on localhost when told to',
    { ...viaNodePort, endpoints: [there] },
    { ...localhost, destinationIp: '127.0.0.1', destinationPort: 30080 },
    '127.0.0.1',
    { hasLocalhostNodePorts: false },
  ],
  [
    'accepts node ports on chosen addresses only',
    { ...viaNodePort, endpoints: [there] },
    { ...outside, ...nodePort },
    nodeIp,
    { nodePortAddresses: ['172.16.0.99'] },
  ],
  ['rejects a node port without endpoints', viaNodePort, { ...outside, ...nodePort }, 'REJECT'],
  [
    'keeps the client address with external policy Local',
    { ...viaLocalNodePort, endpoints: [here, there] },
    { ...outside, ...nodePort },
    '10.244.0.5',
  ],
  [
    'drops external traffic with policy Local without a local endpoint',
    { ...viaLocalNodePort, endpoints: [there] },
    { ...outside, ...nodePort },
    'DROP',
  ],
  [
    'lets the node use all endpoints of a Local node port',
    { ...viaLocalNodePort, endpoints: [there] },
    { ...node, ...nodePort },
    '10.244.1.6 masqueraded',
  ],
  [
    'lets pods use all endpoints of a Local node port',
    { ...viaLocalNodePort, endpoints: [there] },
    { ...pod, ...nodePort },
    '10.244.1.6',
  ],
  [
    'serves external IPs',
    { spec: { externalIPs: ['192.0.2.5'] }, endpoints: [there] },
    { ...outside, destinationIp: '192.0.2.5', destinationPort: 80 },
    '10.244.1.6 masqueraded',
  ],
  [
    'rejects external IPs without endpoints',
    { spec: { externalIPs: ['192.0.2.5'] } },
    { ...outside, destinationIp: '192.0.2.5', destinationPort: 80 },
    'REJECT',
  ],
  [
    'serves addresses of load balancers',
    { ...viaLoadBalancer, spec: { type: 'LoadBalancer' }, endpoints: [there] },
    { ...outside, ...loadBalancer },
    '10.244.1.6 masqueraded',
  ],
  [
    'lets listed sources through to a load balancer',
    {
      ...viaLoadBalancer,
      spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] },
      endpoints: [there],
    },
    { ...outside, ...loadBalancer },
    '10.244.1.6 masqueraded',
  ],
  [
    'drops sources that are not listed',
    {
      ...viaLoadBalancer,
      spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.18.0.0/15'] },
      endpoints: [there],
    },
    { ...outside, ...loadBalancer },
    'DROP',
  ],
  [
    'keeps internal policy Local on this node',
    { spec: { internalTrafficPolicy: 'Local' }, endpoints: [here, there] },
    { ...pod, ...clusterIp },
    '10.244.0.5',
  ],
  [
    'drops internal policy Local without a local endpoint',
    { spec: { internalTrafficPolicy: 'Local' }, endpoints: [there] },
    { ...pod, ...clusterIp },
    'DROP',
  ],
  [
    'prefers endpoints that are hinted for this zone',
    {
      endpoints: [
        { ...here, zones: ['zone-b'] },
        { ...there, zones: ['zone-a'] },
      ],
    },
    { ...pod, ...clusterIp },
    '10.244.1.6',
  ],
  [
    'ignores hints when one endpoint has none',
    { endpoints: [here, { ...there, zones: ['zone-a'] }] },
    { ...pod, ...clusterIp },
    '10.244.0.5',
  ],
  [
    'prefers endpoints that are hinted for this node',
    {
      endpoints: [
        { ...here, nodes: ['node-2'] },
        { ...there, nodes: ['node-1'] },
      ],
    },
    { ...pod, ...clusterIp },
    '10.244.1.6',
  ],
  ['serves UDP', { protocol: 'UDP', endpoints: [here] }, { ...pod, ...clusterIp, protocol: 'udp' }, '10.244.0.5'],
  ['serves SCTP', { protocol: 'SCTP', endpoints: [here] }, { ...pod, ...clusterIp, protocol: 'sctp' }, '10.244.0.5'],
  [
    'does not serve TCP for a UDP Service',
    { protocol: 'UDP', endpoints: [here] },
    { ...pod, ...clusterIp },
    '10.96.0.1',
  ],
  [
    'ignores headless Services',
    { spec: { clusterIP: 'None', clusterIPs: ['None'] }, endpoints: [here] },
    { ...pod, ...clusterIp },
    '10.96.0.1',
  ],
]

const everyRow = [false, true].flatMap((isLarge) => rows.map((row) => [isLarge, ...row] as const))
for (const [isLarge, rule, service, packet, expected, more] of everyRow) {
  test(`Planner.plan() ${rule}${isLarge ? ', in a large cluster too' : ''}`, () => {
    const options = { ...more, isLarge }
    const plan = planFor([{ name: 'web', ...service }], options)
    const whole: Packet = { protocol: 'tcp', destinationIp: '', destinationPort: 0, ...packet }
    const { verdict, destinationIp, isMasqueraded } = trace(plan, whole, {}, options)
    expect(verdict === 'ACCEPT' ? `${destinationIp}${isMasqueraded ? ' masqueraded' : ''}` : verdict).toBe(expected)
  })
}

test.each([false, true])('Planner.plan() gives every endpoint its share (large cluster: %s)', (isLarge) => {
  const endpoints = ['10.244.0.1', '10.244.0.2', '10.244.0.3'].map((ip) => ({ ip }))
  const plan = planFor([{ name: 'web', endpoints }], { isLarge })
  const packet: Packet = { protocol: 'tcp', ...pod, ...clusterIp }
  // The statistic match asks for a number at each rule: high ones pass the packet on to the next.
  const seen = [[0.2], [0.9, 0.2], [0.9, 0.9]].map((numbers) => {
    const left = [...numbers]
    return trace(plan, packet, { random: () => left.shift() ?? 0 }).destinationIp
  })
  expect(seen).toEqual(['10.244.0.1', '10.244.0.2', '10.244.0.3'])
})

test('Planner.plan() sends a client with affinity to the same endpoint again', () => {
  const endpoints = ['10.244.0.1', '10.244.0.2'].map((ip) => ({ ip }))
  const plan = planFor([{ name: 'web', spec: { sessionAffinity: 'ClientIP' }, endpoints }])
  const recent = new Map<string, Set<string>>()
  const packet: Packet = { protocol: 'tcp', ...pod, ...clusterIp }
  const first = trace(plan, packet, { recent, random: () => 0.9 }).destinationIp
  const again = trace(plan, packet, { recent, random: () => 0.1 }).destinationIp
  const other = trace(plan, { ...packet, sourceIp: '10.244.0.77' }, { recent, random: () => 0.1 }).destinationIp
  expect([first, again, other]).toEqual(['10.244.0.2', '10.244.0.2', '10.244.0.1'])
})

test('Planner.plan() keeps the port of a Service that did not change', () => {
  const planner = new Planner()
  const snapshot = makeSnapshot([
    { name: 'a', endpoints: [here] },
    { name: 'b', endpoints: [there] },
  ])
  const before = planner.plan(snapshot)
  const after = planner.plan({
    ...snapshot,
    slicesOf: (service) => (service.metadata.name === 'b' ? [] : snapshot.slicesOf(service)),
  })
  expect(after[0]).toBe(before[0])
  expect(after[1]).not.toBe(before[1])
})
