import { expect, test } from 'vitest'
import type { Lease } from '../../api/coordination/v1.ts'
import type { Node, NodeCondition, Pod, Taint } from '../../api/core/v1.ts'
import { nextHealth } from './health.ts'
import { type Observed, plan } from './plan.ts'
import { wantedTaints } from './taints.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')

function condition(type: string, status: string): NodeCondition {
  return { type, status, lastHeartbeatTime: '2026-01-01T00:59:00Z', lastTransitionTime: '2026-01-01T00:00:00Z' }
}

function node(ready: string | undefined, taints: readonly Taint[] = [], unschedulable = false): Node {
  const healthy = ['MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => condition(type, 'False'))
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { taints, ...(unschedulable ? { unschedulable } : {}) },
    status: {
      conditions: ready === undefined ? [] : [condition('Ready', ready), ...healthy],
    } as unknown as Node['status'],
  }
}

const pod = {
  metadata: { name: 'p', namespace: 'default', uid: 'p' },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
} as unknown as Pod

function observed(of: Node, silentMs: number, rest: Partial<Observed> = {}): Observed {
  return {
    node: of,
    health: { heartbeat: '', seenMs: nowMs - silentMs, ready: 'True' },
    readyBefore: 'True',
    pods: [],
    mayEvict: true,
    isNew: false,
    gracePeriodMs: 50_000,
    startupGracePeriodMs: 60_000,
    monitorPeriodMs: 5_000,
    nowMs,
    ...rest,
  }
}

const types = (of: Observed): readonly string[] => plan(of).actions.map(({ type }) => type)
const unreachable = { key: 'node.kubernetes.io/unreachable', timeAdded: '2026-01-01T01:00:00Z' }

test('plan() leaves a node alone that gave a sign of life within the grace period', () => {
  expect(plan(observed(node('True'), 49_000))).toEqual({ actions: [], requeueAfterMs: 5_000 })
})

test('plan() calls a silent node unknown, taints it, and takes its pods out of service', () => {
  const { actions } = plan(observed(node('True'), 51_000, { pods: [pod] }))
  expect(actions.map(({ type }) => type)).toEqual(['updateConditions', 'setTaints', 'markNotReady', 'reportNotReady'])
  const [conditions, taints] = actions
  expect(conditions?.type === 'updateConditions' ? conditions.conditions : []).toMatchObject(
    ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => ({
      type,
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: '2026-01-01T01:00:00Z',
      lastHeartbeatTime: '2026-01-01T00:59:00Z',
    })),
  )
  expect(taints).toMatchObject({
    taints: [
      { ...unreachable, effect: 'NoSchedule' },
      { ...unreachable, effect: 'NoExecute' },
    ],
  })
})

test('plan() says of a node that never reported that it never did', () => {
  const [first] = plan(observed(node(undefined), 61_000, { readyBefore: undefined })).actions
  expect(first).toMatchObject({
    conditions: [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusNeverUpdated' }, {}, {}, {}],
  })
})

test('plan() evicts nobody while every node is silent', () => {
  const { actions } = plan(observed(node('True'), 51_000, { mayEvict: false }))
  expect(actions.find(({ type }) => type === 'setTaints')).toMatchObject({ taints: [{ effect: 'NoSchedule' }] })
})

test('plan() marks the pods of a node that reports itself not ready only when it turns', () => {
  const tainted = wantedTaints(node('False'), true, nowMs) ?? []
  expect(types(observed(node('False', tainted), 1_000, { pods: [pod] }))).toEqual(['markNotReady', 'reportNotReady'])
  expect(types(observed(node('False', tainted), 1_000, { pods: [pod], readyBefore: 'False' }))).toEqual([])
})

test.each([
  ['True', false, []],
  ['False', false, ['node.kubernetes.io/not-ready NoSchedule', 'node.kubernetes.io/not-ready NoExecute']],
  ['Unknown', false, ['node.kubernetes.io/unreachable NoSchedule', 'node.kubernetes.io/unreachable NoExecute']],
  ['True', true, ['node.kubernetes.io/unschedulable NoSchedule']],
])('wantedTaints() of a node with Ready %s, cordoned %s: %j', (ready, cordoned, expected) => {
  const taints = wantedTaints(node(ready, [], cordoned), true, nowMs) ?? []
  expect(taints.map(({ key, effect }) => `${key} ${effect}`)).toEqual(expected)
})

test('wantedTaints() keeps what others have set, and the time of what stays', () => {
  const own = { key: 'dedicated', value: 'x', effect: 'NoSchedule' }
  const old = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule', timeAdded: '2026-01-01T00:10:00Z' }
  expect(wantedTaints(node('False', [own, old]), false, nowMs)).toBeUndefined()
  expect(wantedTaints(node('True', [own, old]), true, nowMs)).toEqual([own])
})

test('nextHealth() counts a renewed lease and a posted status as life, and our own Unknown as none', () => {
  const lease = (renewTime: string): Lease => ({ spec: { renewTime } }) as unknown as Lease
  const first = nextHealth(undefined, node('True'), lease('1'), 1_000)
  expect(first.seenMs).toBe(1_000)
  expect(nextHealth(first, node('True'), lease('1'), 2_000).seenMs).toBe(1_000)
  const unknown = nextHealth(first, node('Unknown'), lease('1'), 3_000)
  expect(unknown.seenMs).toBe(1_000)
  expect(nextHealth(unknown, node('Unknown'), lease('2'), 4_000).seenMs).toBe(4_000)
})

test('nextHealth() remembers that the node was ready until the turn is dealt with', () => {
  const before = nextHealth(undefined, node('True'), undefined, 1_000)
  const turned = nextHealth(before, node('False'), undefined, 2_000)
  expect(nextHealth(turned, node('False'), undefined, 3_000).ready).toBe('True')
  expect(nextHealth({ ...turned, ready: 'Unknown' }, node('False'), undefined, 3_000).ready).toBe('Unknown')
})
