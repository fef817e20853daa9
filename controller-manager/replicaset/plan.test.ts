import { expect, test } from 'vitest'
import type { ReplicaSet } from '../../api/apps/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { planClaim } from '../owner/claim.ts'
import { type Observed, plan } from './plan.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')

type PodOptions = {
  readonly name: string
  readonly phase?: string
  readonly node?: string
  readonly ready?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly owner?: string | null
  readonly deleting?: true
  readonly annotations?: Readonly<Record<string, string>>
  readonly restarts?: number
  readonly created?: string
}

function pod({
  name,
  phase = 'Running',
  node = 'n1',
  ready,
  labels = { app: 'web' },
  owner = 'rs-uid',
  ...rest
}: PodOptions): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: rest.created ?? '2026-01-01T00:00:00Z',
      labels,
      ...(rest.annotations === undefined ? {} : { annotations: rest.annotations }),
      ...(rest.deleting === undefined ? {} : { deletionTimestamp: '2026-01-01T00:59:00Z' }),
      ...(owner === null
        ? {}
        : {
            ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: owner, controller: true }],
          }),
    },
    spec: { containers: [], ...(node === '' ? {} : { nodeName: node }) },
    status: {
      phase,
      ...(ready === undefined ? {} : { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ready }] }),
      ...(rest.restarts === undefined
        ? {}
        : {
            containerStatuses: [
              { name: 'c', ready: true, restartCount: rest.restarts, image: '', imageID: '', state: {}, lastState: {} },
            ],
          }),
    },
  }
}

function replicaSet(replicas: number, status: ReplicaSet['status'] = { replicas: 0 }, minReadySeconds = 0): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'rs-uid',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: {
      replicas,
      minReadySeconds,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
    },
    status,
  }
}

function observed(rs: ReplicaSet, pods: readonly Pod[], rest: Partial<Observed> = {}): Observed {
  const claim = planClaim(rs, selectorFromLabelSelector(rs.spec.selector), pods)
  return { replicaSet: rs, claim, related: pods, failure: undefined, nowMs, ...rest }
}

const deleted = (rs: ReplicaSet, pods: readonly Pod[]): readonly string[] =>
  plan(observed(rs, pods)).actions.flatMap((action) =>
    action.type === 'deletePods' ? action.pods.map(({ metadata }) => metadata.name) : [],
  )

test('plan() creates the missing pods, and counts neither finished nor leaving ones', () => {
  const pods = [pod({ name: 'a' }), pod({ name: 'b', phase: 'Failed' }), pod({ name: 'c', deleting: true })]
  expect(plan(observed(replicaSet(3), pods)).actions).toContainEqual(
    expect.objectContaining({ type: 'createPods', count: 2 }),
  )
})

test('plan() creates no more than 500 pods at once', () => {
  const [first] = plan(observed(replicaSet(1200), [])).actions
  expect(first).toMatchObject({ type: 'createPods', count: 500 })
})

test('plan() makes and removes nothing while the set is being deleted', () => {
  const rs = replicaSet(3)
  const leaving = { ...rs, metadata: { ...rs.metadata, deletionTimestamp: '2026-01-01T00:59:00Z' } }
  expect(plan(observed(leaving, [])).actions.map(({ type }) => type)).toEqual(['updateStatus'])
})

const older = '2026-01-01T00:10:00Z'
const newer = '2026-01-01T00:59:50Z'
test.each([
  ['without a node', pod({ name: 'x', node: '', ready: older }), pod({ name: 'keep', ready: older })],
  ['that is pending', pod({ name: 'x', phase: 'Pending' }), pod({ name: 'keep' })],
  ['that is not ready', pod({ name: 'x' }), pod({ name: 'keep', ready: older })],
  [
    'of lower deletion cost',
    pod({ name: 'x', ready: older, annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } }),
    pod({ name: 'keep', ready: newer }),
  ],
  ['ready for a shorter time', pod({ name: 'x', ready: newer }), pod({ name: 'keep', ready: older })],
  ['of more restarts', pod({ name: 'x', ready: older, restarts: 3 }), pod({ name: 'keep', ready: older, restarts: 1 })],
  ['created last', pod({ name: 'x', ready: older, created: newer }), pod({ name: 'keep', ready: older })],
])('plan() removes first the pod %s', (_, first, kept) => {
  expect(deleted(replicaSet(1), [kept, first])).toEqual(['x'])
})

test('plan() removes first a pod of the node that has most related pods', () => {
  const pods = [
    pod({ name: 'alone', node: 'n1', ready: older }),
    pod({ name: 'two-a', node: 'n2', ready: older }),
    pod({ name: 'two-b', node: 'n2', ready: older }),
  ]
  expect(deleted(replicaSet(2), pods)).toEqual(['two-a'])
})

test('plan() adopts a matching orphan, releases a pod that matches no more, and leaves the pods of others', () => {
  const pods = [
    pod({ name: 'orphan', owner: null }),
    pod({ name: 'changed', labels: { app: 'other' } }),
    pod({ name: 'foreign', owner: 'other-uid' }),
  ]
  const actions = plan(observed(replicaSet(1), pods)).actions
  expect(actions.filter(({ type }) => type !== 'updateStatus')).toMatchObject([
    { type: 'adopt', pod: { metadata: { name: 'orphan' } } },
    { type: 'release', pod: { metadata: { name: 'changed' } } },
  ])
})

test('plan() counts a pod as available only after minReadySeconds, and comes back then', () => {
  const pods = [pod({ name: 'a', ready: '2026-01-01T00:59:55Z' }), pod({ name: 'b', ready: older })]
  const result = plan(observed(replicaSet(2, undefined, 15), pods))
  expect(result.requeueAfterMs).toBe(10_000)
  expect(result.actions).toMatchObject([{ status: { replicas: 2, readyReplicas: 2, availableReplicas: 1 } }])
})

test('plan() reports a failure before it tries again, and takes it back when all is well', () => {
  const failure = { reason: 'FailedCreate', message: 'exceeded quota' } as const
  const failed = plan(observed(replicaSet(1), [], { failure })).actions
  expect(failed.map(({ type }) => type)).toEqual(['updateStatus', 'createPods'])
  expect(failed[0]).toMatchObject({
    status: {
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }],
    },
  })
  const before = { replicas: 1, conditions: [{ type: 'ReplicaFailure', status: 'True' }] }
  const [recovered] = plan(observed(replicaSet(1, before), [pod({ name: 'a' })])).actions
  expect(recovered).toMatchObject({ type: 'updateStatus' })
  expect(recovered?.type === 'updateStatus' ? recovered.status.conditions : 'none').toBeUndefined()
})

test('plan() says nothing when the status is right', () => {
  const status = {
    replicas: 1,
    fullyLabeledReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    terminatingReplicas: 0,
    observedGeneration: 1,
  }
  expect(plan(observed(replicaSet(1, status), [pod({ name: 'a', ready: older })])).actions).toEqual([])
})
