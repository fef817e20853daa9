import { expect, test } from 'vitest'
import type { Pod } from '../../api/core/v1.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus } from '../../api/policy/v1.ts'
import { type Observed, plan } from './plan.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')
const empty: PodDisruptionBudgetStatus = {
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
}

function budget(spec: Partial<PodDisruptionBudgetSpec>, status = empty): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: {
      name: 'b',
      namespace: 'default',
      uid: 'b',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    status,
  }
}

function pod(name: string, ready = true, deleting = false): Pod {
  return {
    metadata: { name, ...(deleting ? { deletionTimestamp: '2026-01-01T00:59:00Z' } : {}) },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as Pod
}

function statusOf(of: PodDisruptionBudget, pods: readonly Pod[], scale: Observed['scale']) {
  const found = plan({ budget: of, pods, scale, nowMs }).actions.find(({ type }) => type === 'updateStatus')
  return found?.type === 'updateStatus' ? found.status : undefined
}

const three = ['a', 'b', 'c'].map((name) => pod(name))
test.each<readonly [Partial<PodDisruptionBudgetSpec>, readonly Pod[], number, readonly number[]]>([
  [{ minAvailable: 2 }, three, 3, [1, 3, 2, 3]],
  [{ minAvailable: '50%' }, three, 3, [1, 3, 2, 3]],
  [{ maxUnavailable: 1 }, three, 3, [1, 3, 2, 3]],
  [{ maxUnavailable: '30%' }, three, 3, [1, 3, 2, 3]],
  [{ maxUnavailable: 0 }, three, 3, [0, 3, 3, 3]],
  [{ minAvailable: 2 }, [pod('a'), pod('b', false), pod('c', true, true)], 3, [0, 1, 2, 3]],
  [{ minAvailable: 0 }, [], 0, [0, 0, 0, 0]],
])('plan() for %o allows, has, wants and expects', (spec, pods, scale, [allowed, healthy, desired, expected]) => {
  const status = statusOf(budget(spec), pods, scale)
  expect(status).toMatchObject({
    disruptionsAllowed: allowed,
    currentHealthy: healthy,
    desiredHealthy: desired,
    expectedPods: expected,
  })
  expect(status?.conditions).toMatchObject([
    allowed === 0 ? { status: 'False', reason: 'InsufficientPods' } : { status: 'True', reason: 'SufficientPods' },
  ])
})

test('plan() counts a pod as gone whose eviction was allowed, for two minutes', () => {
  const disruptedPods = { a: '2026-01-01T00:59:00Z', b: '2026-01-01T00:57:00Z', x: '2026-01-01T00:59:00Z' }
  const of = budget({ minAvailable: 2 }, { ...empty, disruptedPods })
  expect(statusOf(of, three, 3)).toMatchObject({
    currentHealthy: 2,
    disruptionsAllowed: 0,
    disruptedPods: { a: '2026-01-01T00:59:00Z' },
  })
  expect(plan({ budget: of, pods: three, scale: 3, nowMs }).requeueAfterMs).toBe(60_000)
})

test('plan() allows nothing when nobody knows how many pods there should be', () => {
  const status = statusOf(
    budget({ maxUnavailable: 1 }, { ...empty, disruptionsAllowed: 2 }),
    three,
    'found no controllers for pod "a"',
  )
  expect(status).toMatchObject({ disruptionsAllowed: 0, conditions: [{ status: 'False', reason: 'SyncFailed' }] })
})

test('plan() says nothing new when nothing changed', () => {
  const of = budget({ minAvailable: 2 })
  expect(statusOf({ ...of, status: statusOf(of, three, 3) ?? empty }, three, 3)).toBeUndefined()
})
