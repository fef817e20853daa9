import { expect, test } from 'vitest'
import { createCauses, resourceOf } from '../../test/fixtures/api-object.ts'

const runtimeClasses = resourceOf('RuntimeClass.node.k8s.io')
const priorityClasses = resourceOf('PriorityClass.scheduling.k8s.io')
const cases: readonly (readonly [name: string, yaml: string, causes: readonly string[]])[] = [
  ['no handler', '{ handler: "" }', ['handler: Required value']],
  [
    'overhead of an unknown resource',
    '{ handler: h, overhead: { podFixed: { a.io/b: 100m } } }',
    ['overhead.limits[a.io/b]: Invalid value: "100m": must be an integer'],
  ],
  [
    'a toleration twice',
    '{ handler: h, scheduling: { tolerations: [{ key: k, operator: Exists }, { key: k, operator: Exists }] } }',
    [
      'scheduling.tolerations[1]: Duplicate value: {"Key":"k","Operator":"Exists","Value":"","Effect":"","TolerationSeconds":null}',
    ],
  ],
]
for (const [name, yaml, want] of cases) {
  test(`runtimeClasses on ${name}`, () => expect(createCauses(runtimeClasses, yaml)).toEqual(want))
}

test('priorityClasses name policies in the order of the API', () => {
  expect(createCauses(priorityClasses, '{ value: 1, preemptionPolicy: X }')).toEqual([
    'preemptionPolicy: Unsupported value: "X": supported values: "PreemptLowerPriority", "Never"',
  ])
})
