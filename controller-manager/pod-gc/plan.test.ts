import { expect, test } from 'vitest'
import type { Node, Pod } from '../../api/core/v1.ts'
import { type Observed, plan } from './plan.ts'

function pod(
  name: string,
  rest: { phase?: string; node?: string; deleting?: true; created?: string; reason?: string } = {},
): Pod {
  return {
    metadata: {
      name,
      creationTimestamp: rest.created ?? '2026-01-01T00:00:00Z',
      ...(rest.deleting === undefined ? {} : { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: { nodeName: rest.node ?? 'n1' },
    status: { phase: rest.phase ?? 'Running', ...(rest.reason === undefined ? {} : { reason: rest.reason }) },
  } as unknown as Pod
}

function removed(pods: readonly Pod[], rest: Partial<Observed> = {}): readonly string[] {
  const nodes = new Map([
    ['n1', { spec: {}, status: { conditions: [{ type: 'Ready', status: 'True' }] } } as unknown as Node],
  ])
  return plan({ pods, nodes, goneNodes: new Set(), threshold: 100, ...rest }).actions.map(
    ({ pod: { metadata } }) => metadata.name,
  )
}

test('plan() removes the oldest finished pods beyond the threshold, evicted ones first', () => {
  const pods = [
    pod('new', { phase: 'Succeeded', created: '2026-01-03T00:00:00Z' }),
    pod('old', { phase: 'Failed', created: '2026-01-01T00:00:00Z' }),
    pod('evicted', { phase: 'Failed', reason: 'Evicted', created: '2026-01-04T00:00:00Z' }),
    pod('running'),
  ]
  expect(removed(pods, { threshold: 1 })).toEqual(['evicted', 'old'])
  expect(removed(pods, { threshold: 0 })).toEqual([])
})

test('plan() removes pods of nodes that are gone, and says why', () => {
  const { actions } = plan({
    pods: [pod('a', { node: 'gone' }), pod('b')],
    nodes: new Map(),
    goneNodes: new Set(['gone']),
    threshold: 0,
  })
  expect(actions).toMatchObject([{ pod: { metadata: { name: 'a' } }, message: 'PodGC: node no longer exists' }])
})

test('plan() removes pods that are told to go and never had a node', () => {
  expect(
    removed([pod('a', { node: '', deleting: true }), pod('b', { node: '' }), pod('c', { deleting: true })]),
  ).toEqual(['a'])
})

test('plan() removes leaving pods of a node that is declared out of service', () => {
  const dead = {
    spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
    status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
  }
  const nodes = new Map([['n1', dead as unknown as Node]])
  expect(removed([pod('a', { deleting: true }), pod('b')], { nodes })).toEqual(['a'])
})
