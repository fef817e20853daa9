import { expect, test } from 'vitest'
import type { Node, Pod, Taint, Toleration } from '../../api/core/v1.ts'
import { plan } from './plan.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')
const taint: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: '2026-01-01T00:59:00Z' }

function run(tolerations: readonly Toleration[], taints: readonly Taint[] = [taint]) {
  const pod = { metadata: { name: 'p' }, spec: { tolerations } } as unknown as Pod
  const node = { spec: { taints } } as unknown as Node
  const { actions, requeueAfterMs } = plan({ pod, node, nowMs })
  return actions.length > 0 ? 'evict' : (requeueAfterMs ?? 'stay')
}

test.each<readonly [string, readonly Toleration[], unknown]>([
  ['without a toleration', [], 'evict'],
  ['that tolerates it for ever', [{ key: taint.key, operator: 'Exists' }], 'stay'],
  ['that tolerates everything', [{ operator: 'Exists' }], 'stay'],
  ['whose toleration is not over', [{ key: taint.key, operator: 'Exists', tolerationSeconds: 300 }], 240_000],
  ['whose toleration is over', [{ key: taint.key, operator: 'Exists', tolerationSeconds: 60 }], 'evict'],
  [
    'of which one toleration is over',
    [{ operator: 'Exists' }, { key: taint.key, operator: 'Exists', tolerationSeconds: 10 }],
    'evict',
  ],
])('plan() on a pod %s: %o → %s', (_, tolerations, expected) => {
  expect(run(tolerations)).toBe(expected)
})

test('plan() takes no notice of taints that only keep new pods away', () => {
  expect(run([], [{ ...taint, effect: 'NoSchedule' }])).toBe('stay')
})
