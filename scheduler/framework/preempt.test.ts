import { expect, test } from 'vitest'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import { type ClusterOptions, makeCluster, type PodOptions } from '../testing.ts'
import { decide } from './decide.ts'
import { planPreemption } from './preempt.ts'

function preempt(options: ClusterOptions, pod: PodOptions) {
  const cluster = makeCluster(options)
  const input = cluster.inputFor(cluster.podInfo(pod))
  const decision = decide(input)
  if (decision.type === 'scheduled') return `scheduled on ${decision.node.name}`
  const plan = planPreemption(input, decision.diagnosis)
  if (plan.type === 'none') return plan.message
  return `${plan.nodeName}: ${plan.victims.map(({ pod: { metadata } }) => metadata.name).join(' ')}`
}

const budget = (disruptionsAllowed: number): PodDisruptionBudget =>
  ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', namespace: 'default', uid: 'b', resourceVersion: '1', creationTimestamp: '' },
    spec: { selector: { matchLabels: { app: 'web' } } },
    status: { disruptionsAllowed },
  }) as unknown as PodDisruptionBudget

const rows: readonly (readonly [rule: string, cluster: ClusterOptions, pod: PodOptions, expected: string])[] = [
  [
    'evicts the pod of lower priority',
    { nodes: [{ name: 'a', cpu: '1' }], pods: [{ name: 'low', nodeName: 'a', cpu: '1', priority: 1 }] },
    { name: 'p', cpu: '1', priority: 2 },
    'a: low',
  ],
  [
    'does not evict a pod of the same priority',
    { nodes: [{ name: 'a', cpu: '1' }], pods: [{ name: 'q', nodeName: 'a', cpu: '1', priority: 2 }] },
    { name: 'p', cpu: '1', priority: 2 },
    '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  ],
  [
    'does not help against a selector or a node that is too small',
    {
      nodes: [
        { name: 'a', cpu: '1' },
        { name: 'b', unschedulable: true },
      ],
    },
    { name: 'p', cpu: '2', priority: 2 },
    '0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  ],
  [
    'gives back the most important pods that still fit',
    {
      nodes: [{ name: 'a', cpu: '3' }],
      pods: [
        { name: 'q1', nodeName: 'a', cpu: '1', priority: 1 },
        { name: 'q2', nodeName: 'a', cpu: '1', priority: 3 },
        { name: 'q3', nodeName: 'a', cpu: '1', priority: 2 },
      ],
    },
    { name: 'p', cpu: '2', priority: 9 },
    'a: q3 q1',
  ],
  [
    'chooses the node whose victims matter least',
    {
      nodes: [
        { name: 'a', cpu: '1' },
        { name: 'b', cpu: '1' },
      ],
      pods: [
        { name: 'q1', nodeName: 'a', cpu: '1', priority: 5 },
        { name: 'q2', nodeName: 'b', cpu: '1', priority: 3 },
      ],
    },
    { name: 'p', cpu: '1', priority: 9 },
    'b: q2',
  ],
  [
    'spares pods whose disruption budget is used up',
    {
      nodes: [
        { name: 'a', cpu: '1' },
        { name: 'b', cpu: '1' },
      ],
      pods: [
        { name: 'q1', nodeName: 'a', cpu: '1', priority: 5 },
        { name: 'q2', nodeName: 'b', cpu: '1', priority: 3, labels: { app: 'web' } },
      ],
      listers: { disruptionBudgets: () => [budget(0)] },
    },
    { name: 'p', cpu: '1', priority: 9 },
    'a: q1',
  ],
  [
    'breaks a budget when nothing else helps',
    {
      nodes: [{ name: 'a', cpu: '1' }],
      pods: [{ name: 'q', nodeName: 'a', cpu: '1', priority: 3, labels: { app: 'web' } }],
      listers: { disruptionBudgets: () => [budget(0)] },
    },
    { name: 'p', cpu: '1', priority: 9 },
    'a: q',
  ],
  [
    'respects preemptionPolicy Never',
    { nodes: [{ name: 'a', cpu: '1' }], pods: [{ name: 'low', nodeName: 'a', cpu: '1', priority: 1 }] },
    { name: 'p', cpu: '1', priority: 2, spec: { preemptionPolicy: 'Never' } },
    'not eligible due to preemptionPolicy=Never.',
  ],
]

test.each(rows)('planPreemption() %s', (_rule, cluster, pod, expected) => {
  expect(preempt(cluster, pod)).toBe(expected)
})

test('planPreemption() leaves the cluster as it was', () => {
  const cluster = makeCluster({
    nodes: [{ name: 'a', cpu: '1' }],
    pods: [{ name: 'low', nodeName: 'a', cpu: '1', priority: 1 }],
  })
  const input = cluster.inputFor(cluster.podInfo({ name: 'p', cpu: '1', priority: 2 }))
  const decision = decide(input)
  if (decision.type === 'unschedulable') planPreemption(input, decision.diagnosis)
  expect(cluster.cache.node('a')?.requested.milliCpu).toBe(1000)
  expect(cluster.cache.podCount).toBe(1)
})
