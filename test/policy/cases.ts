/**
 * The policies of the matrix, generated: kinds of targets, peers, ports, combinations and conflicts, as Kubernetes' own
 * policy tests (test/e2e/network/netpol) and public generators (cyclonus) have them. The same cases every time.
 */
import type { Peer, Policy, Port, Selector } from './oracle.ts'

export type Case = {
  readonly name: string
  readonly policies: readonly Policy[]
  /** Ports are what matters: a few pods are enough. */
  readonly isAboutPorts?: true
}

type Way = 'ingress' | 'egress'
const ways: readonly Way[] = ['ingress', 'egress']
type Rule = { readonly peers?: readonly Peer[]; readonly ports?: readonly Port[] }

const pod = (letter: string): Selector => ({ matchLabels: { pod: letter } })
const ns = (letter: string): Selector => ({ matchLabels: { ns: letter } })
const expression = (key: string, operator: string, ...values: readonly string[]): Selector => ({
  matchExpressions: [{ key, operator, ...(values.length === 0 ? {} : { values }) }],
})

/** A policy of pod a in namespace x, unless said otherwise. */
function policy(
  name: string,
  rules: Partial<Record<Way, readonly Rule[]>>,
  { namespace = 'x', target = pod('a') }: { readonly namespace?: string; readonly target?: Selector } = {},
): Policy {
  const { ingress, egress } = rules
  return {
    namespace,
    name,
    spec: {
      podSelector: target,
      policyTypes: [...(ingress === undefined ? [] : ['Ingress']), ...(egress === undefined ? [] : ['Egress'])],
      ...(ingress === undefined
        ? {}
        : { ingress: ingress.map(({ peers, ports }) => ({ ...(peers && { from: peers }), ...(ports && { ports }) })) }),
      ...(egress === undefined
        ? {}
        : { egress: egress.map(({ peers, ports }) => ({ ...(peers && { to: peers }), ...(ports && { ports }) })) }),
    },
  }
}

/** One policy in each direction. */
function both(name: string, rules: readonly Rule[], options?: Parameters<typeof policy>[2]): readonly Case[] {
  return ways.map((way) => ({ name: `${way}: ${name}`, policies: [policy('one', { [way]: rules }, options)] }))
}

const targets: Readonly<Record<string, Parameters<typeof policy>[2]>> = {
  'all pods of x': { target: {} },
  'all pods of y': { namespace: 'y', target: {} },
  'pod b of z': { namespace: 'z', target: pod('b') },
  'pods in (a, b)': { target: expression('pod', 'In', 'a', 'b') },
  'pods not in (a)': { target: expression('pod', 'NotIn', 'a') },
  'pods with a label': { target: expression('pod', 'Exists') },
  'pods without a label': { target: expression('other', 'DoesNotExist') },
  'pods without the label pod': { target: expression('pod', 'DoesNotExist') },
  'labels and expressions': { target: { ...pod('a'), ...expression('pod', 'NotIn', 'b', 'c') } },
  'a label that no pod has': { target: { matchLabels: { pod: 'd' } } },
  'a namespace without pods': { namespace: 'w', target: {} },
}

const peers: Readonly<Record<string, readonly Peer[]>> = {
  none: [],
  'all pods of the namespace': [{ podSelector: {} }],
  'all pods of y': [{ podSelector: {}, namespaceSelector: ns('y') }],
  'all pods everywhere': [{ podSelector: {}, namespaceSelector: {} }],
  'pod c': [{ podSelector: pod('c') }],
  'pod c of y': [{ podSelector: pod('c'), namespaceSelector: ns('y') }],
  'pods c everywhere': [{ podSelector: pod('c'), namespaceSelector: {} }],
  'namespace y': [{ namespaceSelector: ns('y') }],
  'all namespaces': [{ namespaceSelector: {} }],
  'namespaces in (y, z)': [{ namespaceSelector: expression('ns', 'In', 'y', 'z') }],
  'namespaces not in (x)': [{ namespaceSelector: expression('ns', 'NotIn', 'x') }],
  'namespaces with the label': [{ namespaceSelector: expression('ns', 'Exists') }],
  'namespaces without the label': [{ namespaceSelector: expression('ns', 'DoesNotExist') }],
  'a namespace by its own name': [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'z' } } }],
  'pods in (b, c) of namespaces not in (y)': [
    { podSelector: expression('pod', 'In', 'b', 'c'), namespaceSelector: expression('ns', 'NotIn', 'y') },
  ],
  'pods not in (a)': [{ podSelector: expression('pod', 'NotIn', 'a') }],
  'pod b or namespace z': [{ podSelector: pod('b') }, { namespaceSelector: ns('z') }],
  'pod b of y or pod c of z': [
    { podSelector: pod('b'), namespaceSelector: ns('y') },
    { podSelector: pod('c'), namespaceSelector: ns('z') },
  ],
  'nobody by pods': [{ podSelector: { matchLabels: { never: 'x' } } }],
  'nobody by namespaces': [{ namespaceSelector: { matchLabels: { never: 'x' } } }],
  'all addresses': [{ ipBlock: { cidr: '0.0.0.0/0' } }],
  'all addresses of both families': [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }],
  'two addresses that nobody has': [{ ipBlock: { cidr: '0.0.0.0/31' } }],
  'a range of pods': [{ ipBlock: { cidr: '10.244.1.0/24' } }],
  'a range with an exception': [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.4/30'] } }],
  'a range with several exceptions': [
    { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.6/32', '10.244.2.0/29', '10.244.2.8/31'] } },
  ],
  'an exception that another range brings back': [
    { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } },
    { ipBlock: { cidr: '10.244.1.6/31' } },
  ],
  'a range cut at an address within': [{ ipBlock: { cidr: '10.244.1.7/24' } }],
  'one address': [{ ipBlock: { cidr: '10.244.2.5/32' } }],
  'everything but the pods': [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.244.0.0/16'] } }],
  'a range of IPv6': [{ ipBlock: { cidr: 'fd00:10:244::/56', except: ['fd00:10:244:1::4/126'] } }],
  'a range or pods': [{ ipBlock: { cidr: '10.244.2.0/29' } }, { podSelector: pod('b') }],
}

const numbers = [undefined, 81, 'serve-81'] as const
const protocols = [undefined, 'TCP', 'UDP', 'SCTP'] as const

/** Protocol and port, each also left out; names belong to their protocol, so one is wrong with each. */
const singlePorts: readonly Port[] = protocols.flatMap((protocol) =>
  numbers.map((number): Port => {
    const port = number === 'serve-81' ? `serve-81-${(protocol ?? 'TCP').toLowerCase()}` : number
    return { ...(protocol === undefined ? {} : { protocol }), ...(port === undefined ? {} : { port }) }
  }),
)

function textOf({ protocol = '', port = 'any', endPort }: Port): string {
  return `${protocol || 'default'}/${port}${endPort === undefined ? '' : `-${endPort}`}`
}

function portCases(): readonly Case[] {
  const pairs = singlePorts.flatMap((first, index) =>
    singlePorts.slice(index + 1).map((second): readonly Port[] => [first, second]),
  )
  const others: readonly (readonly Port[])[] = [
    [],
    [{ protocol: 'UDP', port: 'serve-81-tcp' }],
    [{ port: 'no-such-port' }],
    [{ port: 80, endPort: 81 }],
    [{ port: 81, endPort: 65_535 }],
    [{ port: 82, endPort: 82 }],
    [{ protocol: 'UDP', port: 1, endPort: 80 }],
    [{ protocol: 'SCTP', port: 80, endPort: 82 }],
    [
      { port: 70, endPort: 80 },
      { port: 81, endPort: 90 },
      { protocol: 'UDP', port: 82 },
    ],
    // More than one multiport match can hold.
    Array.from({ length: 20 }, (_, index): Port => ({ port: 43 + 2 * index })),
    Array.from({ length: 9 }, (_, index): Port => ({ port: 2 + 10 * index, endPort: 3 + 10 * index })),
  ]
  const lists = [...others, ...singlePorts.map((port) => [port]), ...pairs]
  return lists
    .flatMap((ports) => both(`ports ${ports.map(textOf).join(', ') || 'none'}`, [{ ports }]))
    .map((each) => ({ ...each, isAboutPorts: true }))
}

function peerCases(): readonly Case[] {
  return Object.entries(peers).flatMap(([name, list]) => [
    ...both(`peers ${name}`, [{ peers: list }]),
    ...both(`peers ${name}, by number and by name`, [
      { peers: list, ports: [{ port: 80 }, { protocol: 'UDP', port: 'serve-81-udp' }, { port: 'serve-81-tcp' }] },
    ]),
  ])
}

function targetCases(): readonly Case[] {
  return Object.entries(targets).flatMap(([name, target]) => [
    ...both(`${name}, nothing allowed`, [], target),
    ...both(`${name}, all allowed`, [{}], target),
    ...both(`${name}, namespace y allowed`, [{ peers: [{ namespaceSelector: ns('y') }] }], target),
    {
      name: `${name}, both directions`,
      policies: [
        policy('one', { ingress: [{ peers: [{ podSelector: {} }] }], egress: [{ ports: [{ port: 80 }] }] }, target),
      ],
    },
  ])
}

/** Fields left out, as they come from clients of the API without its defaults. */
function defaultCases(): readonly Case[] {
  const bare = (name: string, spec: Policy['spec']): Case => ({
    name,
    policies: [{ namespace: 'x', name: 'one', spec }],
  })
  const peer: readonly Peer[] = [{ podSelector: pod('b') }]
  return [
    bare('no field at all', {}),
    bare('ingress without types', { ingress: [{ from: peer }] }),
    bare('egress without types isolates both ways', { egress: [{ to: peer }] }),
    bare('an empty list of egress without types', { egress: [] }),
    bare('types Egress with rules for ingress', { policyTypes: ['Egress'], ingress: [{ from: peer }] }),
    bare('types Ingress with rules for egress', { policyTypes: ['Ingress'], egress: [{ to: peer }] }),
    bare('both types without rules', { policyTypes: ['Ingress', 'Egress'] }),
    bare('an empty rule', { ingress: [{}] }),
    bare('empty lists in a rule', { ingress: [{ from: [], ports: [] }] }),
  ]
}

const allowAll: readonly Rule[] = [{}]
const allowPods: readonly Rule[] = [{ peers: [{ namespaceSelector: {} }] }]
const allowIps: readonly Rule[] = [{ peers: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }]
const denyIps: readonly Rule[] = [{ peers: [{ ipBlock: { cidr: '0.0.0.0/31' } }] }]
const denyPods: readonly Rule[] = [{ peers: [{ namespaceSelector: { matchLabels: { 'will-never-happen': 'x' } } }] }]

/** Policies that say different things of the same traffic: what one allows is allowed. */
function conflictCases(): readonly Case[] {
  const source = { namespace: 'x', target: pod('b') }
  const destination = { namespace: 'y', target: pod('c') }
  const pairs: Readonly<Record<string, readonly [readonly Rule[], readonly Rule[]]>> = {
    'nothing and everything': [[], allowAll],
    'nothing and all pods': [[], allowPods],
    'nothing and all addresses': [[], allowIps],
    'no address and all pods': [denyIps, allowPods],
    'no pod and all addresses': [denyPods, allowIps],
    'no pod and no address': [denyPods, denyIps],
    'a range and a smaller one left out': [
      [{ peers: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] } }] }],
      [{ peers: [{ ipBlock: { cidr: '10.244.2.6/32' } }] }],
    ],
    'one port and another port': [[{ ports: [{ port: 80 }] }], [{ ports: [{ port: 81 }] }]],
    'one peer and another port': [[{ peers: [{ podSelector: pod('c') }] }], [{ ports: [{ port: 81 }] }]],
    'one protocol and another': [[{ ports: [{ protocol: 'UDP' }] }], [{ ports: [{ protocol: 'SCTP', port: 80 }] }]],
  }
  const crossed = (name: string, egress: readonly Rule[], ingress: readonly Rule[]): Case => ({
    name,
    policies: [policy('out', { egress }, source), policy('in', { ingress }, destination)],
  })
  return [
    crossed('all ingress allowed, no egress', [], allowAll),
    crossed('all egress allowed, no ingress', allowAll, []),
    crossed(
      'egress to y, ingress from x',
      [{ peers: [{ namespaceSelector: ns('y') }] }],
      [{ peers: [{ namespaceSelector: ns('x') }] }],
    ),
    crossed(
      'egress to z, ingress from x',
      [{ peers: [{ namespaceSelector: ns('z') }] }],
      [{ peers: [{ namespaceSelector: ns('x') }] }],
    ),
    crossed('egress by one port, ingress by another', [{ ports: [{ port: 80 }] }], [{ ports: [{ port: 81 }] }]),
    ...Object.entries(pairs).flatMap(([name, [first, second]]) =>
      ways.map((way) => ({
        name: `${way}: ${name}`,
        policies: [policy('one', { [way]: first }, source), policy('two', { [way]: second }, source)],
      })),
    ),
  ]
}

/** Several rules and policies, for several groups of pods. */
function stackedCases(): readonly Case[] {
  const everywhere = ['x', 'y', 'z']
  const denyAll = everywhere.map((namespace) =>
    policy('default-deny', { ingress: [], egress: [] }, { namespace, target: {} }),
  )
  return [
    { name: 'default deny everywhere', policies: denyAll },
    {
      name: 'default deny everywhere, a way from x/a to y/b',
      policies: [
        ...denyAll,
        policy('out', {
          egress: [{ peers: [{ podSelector: pod('b'), namespaceSelector: ns('y') }], ports: [{ port: 80 }] }],
        }),
        policy('in', { ingress: [{ peers: [{ namespaceSelector: ns('x') }] }] }, { namespace: 'y', target: pod('b') }),
      ],
    },
    {
      name: 'two rules are alternatives',
      policies: [
        policy('one', {
          ingress: [
            { peers: [{ podSelector: pod('b') }], ports: [{ port: 80 }] },
            { peers: [{ namespaceSelector: ns('y') }], ports: [{ port: 81 }] },
          ],
        }),
      ],
    },
    {
      name: 'overlapping targets',
      policies: [
        policy('ports', { ingress: [{ ports: [{ port: 80 }] }] }, { target: expression('pod', 'In', 'a', 'b') }),
        policy(
          'peers',
          { ingress: [{ peers: [{ namespaceSelector: ns('z') }] }] },
          { target: expression('pod', 'In', 'b', 'c') },
        ),
      ],
    },
    {
      name: 'the same policy in three namespaces',
      policies: everywhere.map((namespace) =>
        policy('same', { ingress: [{ peers: [{ podSelector: {} }] }] }, { namespace, target: {} }),
      ),
    },
    {
      name: 'each pod has a policy of its own',
      policies: everywhere.flatMap((namespace, index) =>
        ['a', 'b', 'c'].map((letter, at) =>
          policy(
            letter,
            {
              ingress: [{ peers: [{ podSelector: pod('abc'.charAt((at + 1) % 3)), namespaceSelector: {} }] }],
              egress: [{ peers: [{ namespaceSelector: ns('xyz'.charAt((index + at) % 3)) }] }],
            },
            { namespace, target: pod(letter) },
          ),
        ),
      ),
    },
    {
      name: 'UDP only, as for DNS, beside a default deny',
      policies: [
        ...denyAll,
        ...everywhere.map((namespace) =>
          policy('dns', { egress: [{ ports: [{ protocol: 'UDP', port: 80 }] }] }, { namespace, target: {} }),
        ),
        policy('in', { ingress: allowAll }, { namespace: 'z', target: {} }),
      ],
    },
    {
      name: 'ingress and egress of one pod by different policies',
      policies: [
        policy('in', { ingress: [{ peers: [{ podSelector: pod('b') }] }] }),
        policy('out', { egress: [{ peers: [{ podSelector: pod('c') }] }] }),
      ],
    },
  ]
}

/** All cases. */
export const cases: readonly Case[] = [
  { name: 'no policy', policies: [] },
  ...targetCases(),
  ...peerCases(),
  ...portCases(),
  ...defaultCases(),
  ...conflictCases(),
  ...stackedCases(),
]
