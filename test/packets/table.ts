/**
 * What becomes of packets: Services of every sort, and from where, to where ⇒ delivered to whom with which source address, refused or
 * dropped. Data only; whoever has a cluster of the same layout (network namespaces, a virtual machine, the packet tracer) can be held
 * against it. Every row holds for both address families unless it says otherwise.
 */
import type { PacketService } from './cluster.ts'
import { type IpFamily, makeLayout } from './layout.ts'

export type ModeName = 'iptables' | 'ipvs' | 'nftables'
export type Target =
  | { readonly type: 'clusterIP' | 'externalIP' | 'loadBalancer'; readonly service: string; readonly port?: number }
  | { readonly type: 'nodePort'; readonly service: string; readonly on: string | 'localhost' }
  | { readonly type: 'machine'; readonly name: string }
export type Expected =
  | {
      readonly verdict: 'delivered'
      /** To one of these. */
      readonly to: readonly string[]
      /** The machine whose address the receiver sees: the sender, or the node that has masqueraded. */
      readonly source: string
    }
  | { readonly verdict: 'refused' }
  | { readonly verdict: 'dropped' }
export type Row = {
  readonly rule: string
  readonly from: string
  readonly to: Target
  /** TCP when not given. */
  readonly protocol?: 'UDP' | 'SCTP'
  readonly families?: readonly IpFamily[]
  /** Asked several times: all answers from the `same`, or one at least from `each`. */
  readonly repeat?: { readonly times: number; readonly answers: 'same' | 'each' }
  readonly expected: Expected
  /** Where upstream's mode does otherwise. */
  readonly differs?: Readonly<Partial<Record<ModeName, { readonly expected: Expected; readonly because: string }>>>
}

export const layout = makeLayout({ 'node-1': ['a1', 'b1'], 'node-2': ['a2', 'b2'] })

const local = { externalTrafficPolicy: 'Local' } as const
export const services: readonly PacketService[] = [
  { name: 'other-node', endpoints: ['a2'] },
  { name: 'same-node', endpoints: ['b1'] },
  { name: 'itself', endpoints: ['a1'] },
  { name: 'several', endpoints: ['a1', 'a2', 'b2'] },
  { name: 'sticky', endpoints: ['b1', 'a2', 'b2'], spec: { sessionAffinity: 'ClientIP' }, hasNodePort: true },
  {
    name: 'empty',
    endpoints: [],
    hasNodePort: true,
    hasExternalIp: true,
    hasLoadBalancer: true,
  },
  { name: 'unready', endpoints: [['a2', 'notReady']] },
  { name: 'ending', endpoints: [['a2', 'terminating']] },
  { name: 'ending-and-ready', endpoints: [['a2', 'terminating'], 'b2'] },
  { name: 'host', endpoints: ['node-2'] },
  { name: 'node-port', endpoints: ['a2'], hasNodePort: true },
  { name: 'node-port-local', endpoints: ['a2'], hasNodePort: true, spec: local },
  { name: 'empty-local', endpoints: [], hasNodePort: true, spec: local },
  { name: 'external', endpoints: ['a2'], hasExternalIp: true },
  { name: 'balanced', endpoints: ['a2'], hasLoadBalancer: true },
  { name: 'balanced-local', endpoints: ['a2'], hasLoadBalancer: true, hasNodePort: true, spec: local },
  { name: 'restricted', endpoints: ['a2'], hasLoadBalancer: true, hasNodePort: true, allowedSources: ['client'] },
  {
    name: 'restricted-with-node',
    endpoints: ['a2'],
    hasLoadBalancer: true,
    allowedSources: ['client', 'node-1', 'node-2'],
  },
  { name: 'internal-local', endpoints: ['a1'], spec: { internalTrafficPolicy: 'Local' } },
  { name: 'udp', protocol: 'UDP', endpoints: ['a2'], hasNodePort: true },
  { name: 'udp-empty', protocol: 'UDP', endpoints: [] },
  { name: 'sctp', protocol: 'SCTP', endpoints: ['a2'], hasNodePort: true },
  {
    name: 'restricted-to-all',
    endpoints: ['a2'],
    hasLoadBalancer: true,
    spec: { loadBalancerSourceRanges: ['198.18.0.0/15', '0.0.0.0/0', '::/0'] },
  },
  { name: 'sctp-same-node', protocol: 'SCTP', endpoints: ['b1'] },
  { name: 'sctp-itself', protocol: 'SCTP', endpoints: ['a1'] },
  { name: 'sctp-several', protocol: 'SCTP', endpoints: ['a1', 'a2', 'b2'] },
  {
    ...{ name: 'sctp-sticky', protocol: 'SCTP', endpoints: ['b1', 'a2', 'b2'] },
    ...{ spec: { sessionAffinity: 'ClientIP' }, hasNodePort: true },
  },
  {
    ...{ name: 'sctp-empty', protocol: 'SCTP', endpoints: [] },
    ...{ hasNodePort: true, hasExternalIp: true, hasLoadBalancer: true },
  },
  { name: 'sctp-outside', protocol: 'SCTP', endpoints: ['a2'], hasExternalIp: true, hasLoadBalancer: true },
  { name: 'sctp-local', protocol: 'SCTP', endpoints: ['a2'], hasNodePort: true, spec: local },
  { name: 'sctp-empty-local', protocol: 'SCTP', endpoints: [], hasNodePort: true, spec: local },
  {
    ...{ name: 'sctp-restricted', protocol: 'SCTP', endpoints: ['a2'] },
    ...{ hasLoadBalancer: true, allowedSources: ['client'] },
  },
  { name: 'sctp-host', protocol: 'SCTP', endpoints: ['node-2'] },
  {
    ...{ name: 'every-protocol', endpoints: ['b1'], hasNodePort: true, hasExternalIp: true },
    besides: [
      { protocol: 'UDP', endpoints: ['a2'] },
      { protocol: 'SCTP', endpoints: ['b2'] },
    ],
  },
]

const clusterIp = (service: string, port?: number): Target => ({
  type: 'clusterIP',
  service,
  ...(port === undefined ? {} : { port }),
})
const externalIp = (service: string): Target => ({ type: 'externalIP', service })
const loadBalancer = (service: string): Target => ({ type: 'loadBalancer', service })
const nodePort = (service: string, on: string): Target => ({ type: 'nodePort', service, on })
const machine = (name: string): Target => ({ type: 'machine', name })
const delivered = (to: string | readonly string[], source: string): Expected => ({
  verdict: 'delivered',
  to: typeof to === 'string' ? [to] : to,
  source,
})
const refused: Expected = { verdict: 'refused' }
const dropped: Expected = { verdict: 'dropped' }

export const rows: readonly Row[] = [
  // Without Services.
  { rule: 'a pod reaches itself', from: 'a1', to: machine('a1'), expected: delivered('a1', 'a1') },
  { rule: 'a pod reaches a pod of its node', from: 'a1', to: machine('b1'), expected: delivered('b1', 'a1') },
  { rule: 'a pod reaches a pod of another node', from: 'a1', to: machine('a2'), expected: delivered('a2', 'a1') },
  { rule: 'a node reaches its pod', from: 'node-1', to: machine('a1'), expected: delivered('a1', 'node-1') },
  { rule: 'a node reaches a pod elsewhere', from: 'node-1', to: machine('a2'), expected: delivered('a2', 'node-1') },
  { rule: 'a pod reaches its node', from: 'a1', to: machine('node-1'), expected: delivered('node-1', 'a1') },

  // Cluster IPs.
  {
    rule: 'a pod keeps its address on the way to an endpoint of another node',
    from: 'a1',
    to: clusterIp('other-node'),
    expected: delivered('a2', 'a1'),
  },
  {
    rule: 'a pod keeps its address on the way to an endpoint of its node',
    from: 'a1',
    to: clusterIp('same-node'),
    expected: delivered('b1', 'a1'),
  },
  {
    rule: 'a pod that reaches itself by a Service sees its node',
    from: 'a1',
    to: clusterIp('itself'),
    expected: delivered('a1', 'node-1'),
  },
  {
    rule: 'a node reaches an endpoint of its own pods',
    from: 'node-1',
    to: clusterIp('same-node'),
    expected: delivered('b1', 'node-1'),
  },
  {
    rule: 'a node reaches an endpoint elsewhere',
    from: 'node-1',
    to: clusterIp('other-node'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'the outside is masqueraded by the node that it came to',
    from: 'client',
    to: clusterIp('other-node'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'the outside is masqueraded by the node of the endpoint too',
    from: 'client-2',
    to: clusterIp('other-node'),
    expected: delivered('a2', 'node-2'),
  },
  {
    rule: 'every endpoint gets its share',
    from: 'b1',
    to: clusterIp('several'),
    repeat: { times: 40, answers: 'each' },
    expected: delivered(['a1', 'a2', 'b2'], 'b1'),
  },
  {
    rule: 'session affinity keeps a pod at one endpoint',
    from: 'a1',
    to: clusterIp('sticky'),
    repeat: { times: 12, answers: 'same' },
    expected: delivered(['b1', 'a2', 'b2'], 'a1'),
  },
  {
    rule: 'session affinity keeps a client of a node port at one endpoint',
    from: 'client',
    to: nodePort('sticky', 'node-1'),
    repeat: { times: 12, answers: 'same' },
    expected: delivered(['b1', 'a2', 'b2'], 'node-1'),
  },
  { rule: 'a Service without endpoints refuses pods', from: 'a1', to: clusterIp('empty'), expected: refused },
  { rule: 'a Service without endpoints refuses nodes', from: 'node-1', to: clusterIp('empty'), expected: refused },
  {
    rule: 'a Service without endpoints refuses the outside',
    from: 'client',
    to: clusterIp('empty'),
    expected: refused,
  },
  { rule: 'an endpoint that is not ready gets nothing', from: 'a1', to: clusterIp('unready'), expected: refused },
  {
    rule: 'an endpoint that is ending serves while there is no other',
    from: 'a1',
    to: clusterIp('ending'),
    expected: delivered('a2', 'a1'),
  },
  {
    rule: 'an endpoint that is ending gets nothing while another is ready',
    from: 'a1',
    to: clusterIp('ending-and-ready'),
    repeat: { times: 12, answers: 'same' },
    expected: delivered('b2', 'a1'),
  },
  {
    rule: 'a pod reaches an endpoint on the host network',
    from: 'a1',
    to: clusterIp('host'),
    expected: delivered('node-2', 'a1'),
  },
  {
    rule: 'a port that the Service has not leads nowhere',
    from: 'a1',
    to: clusterIp('other-node', 81),
    expected: refused,
    differs: {
      iptables: { expected: dropped, because: 'no rule matches, the packet leaves by the default route' },
    },
  },

  // Node ports.
  {
    rule: 'a node port leads to an endpoint elsewhere, masqueraded',
    from: 'client',
    to: nodePort('node-port', 'node-1'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a node port leads to an endpoint of the node, masqueraded',
    from: 'client',
    to: nodePort('node-port', 'node-2'),
    expected: delivered('a2', 'node-2'),
  },
  {
    rule: 'a pod reaches a node port of its node',
    from: 'a1',
    to: nodePort('node-port', 'node-1'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a node reaches its own node port',
    from: 'node-1',
    to: nodePort('node-port', 'node-1'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a node reaches a node port of another node',
    from: 'node-1',
    to: nodePort('node-port', 'node-2'),
    expected: delivered('a2', 'node-2'),
  },
  {
    rule: 'a node reaches its node port on localhost',
    from: 'node-1',
    to: nodePort('node-port', 'localhost'),
    families: ['IPv4'],
    expected: delivered('a2', 'node-1'),
    differs: {
      ipvs: { expected: refused, because: 'loopback addresses get no virtual servers' },
      nftables: { expected: refused, because: 'node ports on localhost are a feature of mode iptables' },
    },
  },
  {
    rule: 'a node port without endpoints refuses',
    from: 'client',
    to: nodePort('empty', 'node-1'),
    expected: refused,
  },
  {
    rule: 'external policy Local keeps the address of the client',
    from: 'client',
    to: nodePort('node-port-local', 'node-2'),
    expected: delivered('a2', 'client'),
  },
  {
    rule: 'external policy Local drops where no endpoint is',
    from: 'client',
    to: nodePort('node-port-local', 'node-1'),
    expected: dropped,
  },
  {
    rule: 'external policy Local lets pods use all endpoints, with their address',
    from: 'a1',
    to: nodePort('node-port-local', 'node-1'),
    expected: delivered('a2', 'a1'),
  },
  {
    rule: 'external policy Local lets the node use all endpoints',
    from: 'node-1',
    to: nodePort('node-port-local', 'node-1'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'external policy Local without any endpoint refuses',
    from: 'client',
    to: nodePort('empty-local', 'node-1'),
    expected: refused,
  },

  // External IPs and load balancers.
  {
    rule: 'an external IP leads to an endpoint, masqueraded',
    from: 'client',
    to: externalIp('external'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a pod reaches an external IP, masqueraded',
    from: 'a1',
    to: externalIp('external'),
    expected: delivered('a2', 'node-1'),
  },
  { rule: 'an external IP without endpoints refuses', from: 'client', to: externalIp('empty'), expected: refused },
  {
    rule: 'a load balancer leads to an endpoint, masqueraded',
    from: 'client',
    to: loadBalancer('balanced'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a pod reaches a load balancer, masqueraded',
    from: 'a1',
    to: loadBalancer('balanced'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a node reaches a load balancer',
    from: 'node-1',
    to: loadBalancer('balanced'),
    expected: delivered('a2', 'node-1'),
  },
  { rule: 'a load balancer without endpoints refuses', from: 'client', to: loadBalancer('empty'), expected: refused },
  {
    rule: 'a local load balancer keeps the address of the client',
    from: 'client-2',
    to: loadBalancer('balanced-local'),
    expected: delivered('a2', 'client-2'),
  },
  {
    rule: 'a local load balancer drops where no endpoint is',
    from: 'client',
    to: loadBalancer('balanced-local'),
    expected: dropped,
  },
  {
    rule: 'a local load balancer lets pods use all endpoints, with their address',
    from: 'a1',
    to: loadBalancer('balanced-local'),
    expected: delivered('a2', 'a1'),
  },
  {
    rule: 'source ranges let listed clients through',
    from: 'client',
    to: loadBalancer('restricted'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'source ranges drop other clients',
    from: 'client-2',
    to: loadBalancer('restricted'),
    expected: dropped,
  },
  {
    rule: 'source ranges drop pods that are not listed',
    from: 'a1',
    to: loadBalancer('restricted'),
    expected: dropped,
  },
  {
    rule: 'source ranges drop nodes that are not listed',
    from: 'node-1',
    to: loadBalancer('restricted'),
    expected: dropped,
  },
  {
    rule: 'source ranges let a listed node through',
    from: 'node-1',
    to: loadBalancer('restricted-with-node'),
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'a source range of all addresses lets everybody through',
    from: 'client-2',
    to: loadBalancer('restricted-to-all'),
    expected: delivered('a2', 'node-2'),
  },
  {
    rule: 'source ranges do not concern the cluster IP',
    from: 'a1',
    to: clusterIp('restricted'),
    expected: delivered('a2', 'a1'),
  },
  {
    rule: 'source ranges do not concern the node port',
    from: 'client-2',
    to: nodePort('restricted', 'node-1'),
    expected: delivered('a2', 'node-1'),
  },

  // Internal policy.
  {
    rule: 'internal policy Local stays on the node',
    from: 'b1',
    to: clusterIp('internal-local'),
    expected: delivered('a1', 'b1'),
  },
  {
    rule: 'internal policy Local drops where no endpoint is',
    from: 'b2',
    to: clusterIp('internal-local'),
    expected: dropped,
    differs: { ipvs: { expected: refused, because: 'a virtual server without real servers refuses' } },
  },

  // Other protocols.
  {
    rule: 'UDP reaches an endpoint',
    from: 'a1',
    to: clusterIp('udp'),
    protocol: 'UDP',
    expected: delivered('a2', 'a1'),
  },
  {
    rule: 'UDP from the outside is masqueraded',
    from: 'client',
    to: nodePort('udp', 'node-1'),
    protocol: 'UDP',
    expected: delivered('a2', 'node-1'),
  },
  {
    rule: 'UDP without endpoints is refused',
    from: 'a1',
    to: clusterIp('udp-empty'),
    protocol: 'UDP',
    expected: refused,
  },
  // SCTP: NAT knows its ports and tags, and the rules are the same.
  ...(
    [
      ['a pod reaches a pod elsewhere', 'a1', machine('a2'), delivered('a2', 'a1')],
      ['a node reaches its pod', 'node-1', machine('a1'), delivered('a1', 'node-1')],
      ['an endpoint elsewhere', 'a1', clusterIp('sctp'), delivered('a2', 'a1')],
      ['an endpoint of the node', 'a1', clusterIp('sctp-same-node'), delivered('b1', 'a1')],
      ['a pod that reaches itself', 'a1', clusterIp('sctp-itself'), delivered('a1', 'node-1')],
      ['a node reaches an endpoint', 'node-1', clusterIp('sctp'), delivered('a2', 'node-1')],
      ['an endpoint on the host network', 'a1', clusterIp('sctp-host'), delivered('node-2', 'a1')],
      ['the outside is masqueraded', 'client', clusterIp('sctp'), delivered('a2', 'node-1')],
      ['a node port leads elsewhere', 'client', nodePort('sctp', 'node-1'), delivered('a2', 'node-1')],
      ['a node port of the endpoint’s node', 'client', nodePort('sctp', 'node-2'), delivered('a2', 'node-2')],
      ['a pod reaches a node port', 'a1', nodePort('sctp', 'node-1'), delivered('a2', 'node-1')],
      ['a node reaches its node port', 'node-1', nodePort('sctp', 'node-1'), delivered('a2', 'node-1')],
      ['an external IP', 'client', externalIp('sctp-outside'), delivered('a2', 'node-1')],
      ['a pod reaches an external IP', 'a1', externalIp('sctp-outside'), delivered('a2', 'node-1')],
      ['a load balancer', 'client', loadBalancer('sctp-outside'), delivered('a2', 'node-1')],
      [
        'policy Local keeps the client’s address',
        'client',
        nodePort('sctp-local', 'node-2'),
        delivered('a2', 'client'),
      ],
      ['policy Local drops where no endpoint is', 'client', nodePort('sctp-local', 'node-1'), dropped],
      ['policy Local without any endpoint refuses', 'client', nodePort('sctp-empty-local', 'node-1'), refused],
      ['source ranges let clients through', 'client', loadBalancer('sctp-restricted'), delivered('a2', 'node-1')],
      ['source ranges drop other clients', 'client-2', loadBalancer('sctp-restricted'), dropped],
      ['no endpoint refuses pods', 'a1', clusterIp('sctp-empty'), refused],
      ['no endpoint refuses nodes', 'node-1', clusterIp('sctp-empty'), refused],
      ['no endpoint refuses the outside', 'client', clusterIp('sctp-empty'), refused],
      ['no endpoint refuses at the node port', 'client', nodePort('sctp-empty', 'node-1'), refused],
      ['no endpoint refuses at the external IP', 'client', externalIp('sctp-empty'), refused],
      ['no endpoint refuses at the load balancer', 'client', loadBalancer('sctp-empty'), refused],
    ] as const
  ).map(([rule, from, to, expected]): Row => ({ rule: `SCTP: ${rule}`, from, to, protocol: 'SCTP', expected })),
  {
    rule: 'SCTP: every endpoint gets its share',
    from: 'b1',
    to: clusterIp('sctp-several'),
    protocol: 'SCTP',
    repeat: { times: 40, answers: 'each' },
    expected: delivered(['a1', 'a2', 'b2'], 'b1'),
  },
  {
    rule: 'SCTP: session affinity keeps a pod at one endpoint',
    from: 'a1',
    to: clusterIp('sctp-sticky'),
    protocol: 'SCTP',
    repeat: { times: 12, answers: 'same' },
    expected: delivered(['b1', 'a2', 'b2'], 'a1'),
  },
  {
    rule: 'SCTP: session affinity keeps a client of a node port at one endpoint',
    from: 'client',
    to: nodePort('sctp-sticky', 'node-1'),
    protocol: 'SCTP',
    repeat: { times: 12, answers: 'same' },
    expected: delivered(['b1', 'a2', 'b2'], 'node-1'),
  },

  // The same port for several protocols of one Service.
  ...([undefined, 'UDP', 'SCTP'] as const).flatMap((protocol, index): readonly Row[] => {
    const name = protocol ?? 'TCP'
    const endpoint = ['b1', 'a2', 'b2'][index] ?? ''
    const shared = protocol === undefined ? {} : { protocol }
    return [
      {
        rule: `a port of three protocols leads ${name} to its own endpoint`,
        ...{ from: 'a1', to: clusterIp('every-protocol'), ...shared, expected: delivered(endpoint, 'a1') },
      },
      {
        rule: `a node port of three protocols leads ${name} to its own endpoint`,
        ...{ from: 'client', to: nodePort('every-protocol', 'node-1'), ...shared },
        expected: delivered(endpoint, 'node-1'),
      },
      {
        rule: `an external IP of three protocols leads ${name} to its own endpoint`,
        ...{ from: 'client', to: externalIp('every-protocol'), ...shared, expected: delivered(endpoint, 'node-1') },
      },
    ]
  }),
]
