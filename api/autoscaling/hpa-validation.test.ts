import { expect, test } from 'vitest'
import { createCauses, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'

const hpas = resourceOf('HorizontalPodAutoscaler.autoscaling')
const v2 = hpas.facts.version === 'v2' ? hpas : undefined
const apps = '{ apiVersion: apps/v1, kind: Deployment, name: d }'
const hpa = (spec: string, ref = apps) => `{ spec: { scaleTargetRef: ${ref}, ${spec} } }`

const cases: readonly (readonly [name: string, yaml: string, causes: readonly string[]])[] = [
  ['a good one', hpa('maxReplicas: 2'), []],
  [
    'no maximum',
    hpa(''),
    [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
    ],
  ],
  [
    'a target without group',
    hpa('maxReplicas: 2', '{ apiVersion: v1, kind: Pod, name: p }'),
    ['spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group'],
  ],
  ['a replication controller', hpa('maxReplicas: 2', '{ apiVersion: v1, kind: ReplicationController, name: p }'), []],
]
for (const [name, yaml, want] of cases) {
  test(`horizontalPodAutoscalers on ${name}`, () => expect(createCauses(v2 ?? hpas, yaml)).toEqual(want))
}

test('horizontalPodAutoscalers keep a target that was wrong before', () => {
  const wrong = hpa('maxReplicas: 2', '{ apiVersion: v1, kind: Pod, name: p }')
  expect(updateCauses(v2 ?? hpas, wrong, wrong.replace('maxReplicas: 2', 'maxReplicas: 3'))).toEqual([])
})
