import { expect, test } from 'vitest'
import { type ClusterOptions, makeCluster, type PodOptions } from '../testing.ts'
import { decide, feasibleNodesWanted } from './decide.ts'

type Row = readonly [rule: string, cluster: ClusterOptions, pod: PodOptions, expected: string]

const zones = (zone: string) => ({ 'topology.kubernetes.io/zone': zone })
const web = { app: 'web' }
const required = 'requiredDuringSchedulingIgnoredDuringExecution'
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
const byHost = { labelSelector: { matchLabels: web }, topologyKey: 'kubernetes.io/hostname' }
const spread = (whenUnsatisfiable: string, topologyKey = 'kubernetes.io/hostname') => ({
  spec: {
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey, whenUnsatisfiable, labelSelector: { matchLabels: web } }],
  },
})

const rows: readonly Row[] = [
  ['takes the only node', { nodes: [{ name: 'a' }] }, { name: 'p' }, 'a'],
  [
    'counts each reason over the nodes',
    {
      nodes: [
        { name: 'a', cpu: '1' },
        { name: 'b', unschedulable: true },
        { name: 'c', cpu: '1', memory: '1Mi' },
      ],
    },
    { name: 'p', cpu: '2', memory: '1Gi' },
    '0/3 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable, 2 Insufficient cpu.',
  ],
  [
    'turns pods away from untolerated taints',
    { nodes: [{ name: 'a', taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] }] },
    { name: 'p' },
    '0/1 nodes are available: 1 node(s) had untolerated taint(s).',
  ],
  [
    'lets tolerations through',
    { nodes: [{ name: 'a', taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] }] },
    { name: 'p', spec: { tolerations: [{ key: 'k', operator: 'Exists' }] } },
    'a',
  ],
  [
    'prefers nodes without PreferNoSchedule taints',
    { nodes: [{ name: 'a', taints: [{ key: 'k', effect: 'PreferNoSchedule' }] }, { name: 'b' }] },
    { name: 'p' },
    'b',
  ],
  [
    'tolerates cordoning with the matching toleration',
    { nodes: [{ name: 'a', unschedulable: true }] },
    {
      name: 'p',
      spec: { tolerations: [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }] },
    },
    'a',
  ],
  [
    'honours nodeSelector',
    { nodes: [{ name: 'a' }, { name: 'b', labels: { disk: 'ssd' } }] },
    { name: 'p', spec: { nodeSelector: { disk: 'ssd' } } },
    'b',
  ],
  [
    'says that no node has the labels',
    { nodes: [{ name: 'a' }] },
    { name: 'p', spec: { nodeSelector: { disk: 'ssd' } } },
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  ],
  [
    'places DaemonSet pods by matchFields',
    { nodes: [{ name: 'a' }, { name: 'b' }] },
    {
      name: 'p',
      spec: {
        affinity: {
          nodeAffinity: {
            [required]: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
            },
          },
        },
      },
    },
    'b',
  ],
  [
    'names the plugin that ruled out nodes it did not look at',
    { nodes: [{ name: 'a' }, { name: 'b', cpu: '1' }] },
    {
      name: 'p',
      cpu: '2',
      spec: {
        affinity: {
          nodeAffinity: {
            [required]: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] }],
            },
          },
        },
      },
    },
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity].",
  ],
  [
    'weighs preferred node affinity',
    { nodes: [{ name: 'a' }, { name: 'b', labels: { disk: 'ssd' } }, { name: 'c' }] },
    {
      name: 'p',
      spec: {
        affinity: {
          nodeAffinity: {
            [preferred]: [{ weight: 1, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } }],
          },
        },
      },
    },
    'b',
  ],
  [
    'compares numbers with Gt',
    {
      nodes: [
        { name: 'a', labels: { cores: '9' } },
        { name: 'b', labels: { cores: '16' } },
      ],
    },
    {
      name: 'p',
      spec: {
        affinity: {
          nodeAffinity: {
            [required]: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['10'] }] }],
            },
          },
        },
      },
    },
    'b',
  ],
  [
    'keeps host ports apart',
    {
      nodes: [{ name: 'a' }],
      pods: [
        {
          name: 'q',
          nodeName: 'a',
          spec: {
            containers: [{ name: 'c', resources: {}, ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] }],
          },
        },
      ],
    },
    {
      name: 'p',
      spec: {
        containers: [
          {
            name: 'c',
            resources: {},
            ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP', hostIP: '10.0.0.1' }],
          },
        ],
      },
    },
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  ],
  [
    'counts pods against the limit of pods',
    { nodes: [{ name: 'a', pods: '1' }], pods: [{ name: 'q', nodeName: 'a' }] },
    { name: 'p' },
    '0/1 nodes are available: 1 Too many pods.',
  ],
  [
    'counts extended resources',
    { nodes: [{ name: 'a' }, { name: 'b', resources: { 'example.com/gpu': '1' } }] },
    { name: 'p', spec: { containers: [{ name: 'c', resources: { requests: { 'example.com/gpu': '2' } } }] } },
    '0/2 nodes are available: 2 Insufficient example.com/gpu.',
  ],
  [
    'prefers the emptier node',
    { nodes: [{ name: 'a' }, { name: 'b' }], pods: [{ name: 'q', nodeName: 'a', cpu: '2', memory: '4Gi' }] },
    { name: 'p', cpu: '1', memory: '1Gi' },
    'b',
  ],
  [
    'prefers a node that has the image',
    {
      nodes: [{ name: 'a' }, { name: 'b', images: [{ names: ['app:latest'], sizeBytes: 900 * 2 ** 20 }] }],
    },
    { name: 'p' },
    'b',
  ],
  [
    'keeps the skew of hard spread constraints',
    {
      nodes: [{ name: 'a' }, { name: 'b', cpu: '1' }],
      pods: [{ name: 'q', nodeName: 'a', labels: web }],
    },
    { name: 'p', cpu: '2', labels: web, ...spread('DoNotSchedule') },
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints.",
  ],
  [
    'turns down nodes without the topology label',
    { nodes: [{ name: 'a' }] },
    { name: 'p', labels: web, ...spread('DoNotSchedule', 'rack') },
    "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
  ],
  [
    'spreads softly over zones',
    {
      nodes: [
        { name: 'a', labels: zones('1') },
        { name: 'b', labels: zones('2') },
      ],
      pods: [{ name: 'q', nodeName: 'a', labels: web }],
    },
    { name: 'p', labels: web, ...spread('ScheduleAnyway', 'topology.kubernetes.io/zone') },
    'b',
  ],
  [
    'spreads the pods of a Service by default',
    {
      nodes: [{ name: 'a' }, { name: 'b' }],
      pods: [{ name: 'q', nodeName: 'a', labels: web }],
      listers: { workloadSelectors: () => [{ matchLabels: web }] },
    },
    { name: 'p', labels: web },
    'b',
  ],
  [
    'keeps pods with anti-affinity apart',
    { nodes: [{ name: 'a' }], pods: [{ name: 'q', nodeName: 'a', labels: web }] },
    { name: 'p', labels: web, spec: { affinity: { podAntiAffinity: { [required]: [byHost] } } } },
    "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
  ],
  [
    'honours the anti-affinity of pods already placed',
    {
      nodes: [{ name: 'a' }],
      pods: [{ name: 'q', nodeName: 'a', spec: { affinity: { podAntiAffinity: { [required]: [byHost] } } } }],
    },
    { name: 'p', labels: web },
    "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  ],
  [
    'places pods with affinity together',
    { nodes: [{ name: 'a' }, { name: 'b' }], pods: [{ name: 'q', nodeName: 'b', labels: web }] },
    { name: 'p', spec: { affinity: { podAffinity: { [required]: [byHost] } } } },
    'b',
  ],
  [
    'lets the first pod of a set in that wants to be together',
    { nodes: [{ name: 'a' }] },
    { name: 'p', labels: web, spec: { affinity: { podAffinity: { [required]: [byHost] } } } },
    'a',
  ],
  [
    'does not count pods of other namespaces for affinity',
    { nodes: [{ name: 'a' }], pods: [{ name: 'q', namespace: 'other', nodeName: 'a', labels: web }] },
    { name: 'p', spec: { affinity: { podAffinity: { [required]: [byHost] } } } },
    "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
  ],
  [
    'keeps away softly',
    { nodes: [{ name: 'a' }, { name: 'b' }], pods: [{ name: 'q', nodeName: 'a', labels: web }] },
    {
      name: 'p',
      spec: { affinity: { podAntiAffinity: { [preferred]: [{ weight: 100, podAffinityTerm: byHost }] } } },
    },
    'b',
  ],
  [
    'stops pods whose claim is missing',
    { nodes: [{ name: 'a' }] },
    { name: 'p', spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] } },
    '0/1 nodes are available: persistentvolumeclaim "data" not found.',
  ],
]

test.each(rows)('decide() %s', (_rule, cluster, pod, expected) => {
  expect(makeCluster(cluster).schedule(pod)).toBe(expected)
})

test('decide() breaks ties with the given random number', () => {
  const cluster = makeCluster({ nodes: [{ name: 'a' }, { name: 'b' }] })
  const input = cluster.inputFor(cluster.podInfo({ name: 'p' }))
  const chosen = [0.1, 0.9].map((number) => {
    const decision = makeDecision({ ...input, random: () => number })
    return decision
  })
  expect(chosen).toEqual(['b', 'a'])
})

test('decide() gives a nominated pod its node and leaves the room to it', () => {
  const cluster = makeCluster({
    nodes: [
      { name: 'a', cpu: '1' },
      { name: 'b', cpu: '1' },
    ],
  })
  const nominated = cluster.podInfo({ name: 'n', cpu: '1', priority: 5, status: { nominatedNodeName: 'b' } })
  cluster.nominator.set(nominated, 'b')
  expect(makeDecision(cluster.inputFor(nominated))).toBe('b')
  expect(cluster.schedule({ name: 'p', cpu: '1' })).toBe('a')
  expect(
    cluster.schedule({ name: 'q', cpu: '1', priority: 9, spec: { nodeSelector: { 'kubernetes.io/hostname': 'b' } } }),
  ).toBe('b')
})

test.each([
  [50, 0, 50],
  [1000, 0, 420],
  [5000, 0, 500],
  [6000, 0, 300],
  [1000, 100, 1000],
  [200, 10, 100],
])('feasibleNodesWanted() for %i nodes at %i percent is %i', (nodes, percentage, expected) => {
  expect(feasibleNodesWanted(nodes, percentage)).toBe(expected)
})

function makeDecision(input: Parameters<typeof decide>[0]): string {
  const decision = decide(input)
  return decision.type === 'scheduled' ? decision.node.name : 'unschedulable'
}
