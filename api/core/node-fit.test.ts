import { expect, test } from 'vitest'
import { fitsNodeAffinity, selectsNode } from './node-selector.ts'
import { tolerates, untoleratedTaints } from './tolerations.ts'
import type { NodeSelectorRequirement } from './v1.ts'

const node = (labels: Record<string, string> = {}) => ({
  metadata: { name: 'n1', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels },
})
const selectable = (labels: Record<string, string> = {}) => ({ name: 'n1', labels })
const requirement = (operator: string, ...values: string[]): NodeSelectorRequirement => ({ key: 'k', operator, values })

const rows = [
  { rule: requirement('In', 'a', 'b'), fits: ['a', 'b'], refuses: ['c', undefined] },
  { rule: requirement('NotIn', 'a'), fits: ['b', undefined], refuses: ['a'] },
  { rule: requirement('Exists'), fits: ['', 'a'], refuses: [undefined] },
  { rule: requirement('DoesNotExist'), fits: [undefined], refuses: ['', 'a'] },
  { rule: requirement('Gt', '5'), fits: ['6', '+6'], refuses: ['5', '4', '', '6.5', 'six', '0x10', undefined] },
  { rule: requirement('Lt', '5'), fits: ['4', '-6'], refuses: ['5', '6', '', '4.5', undefined] },
  { rule: requirement('Gt', 'x'), fits: [], refuses: ['6'] },
  { rule: requirement('Gt', '9007199254740992'), fits: ['9007199254740993'], refuses: ['9007199254740992'] },
  { rule: requirement('Near', 'a'), fits: [], refuses: ['a', undefined] },
]
for (const { rule, fits, refuses } of rows) {
  test(`selectsNode() ${rule.operator} ${rule.values?.join(', ')}`, () => {
    const selects = (value: string | undefined) =>
      selectsNode(
        { nodeSelectorTerms: [{ matchExpressions: [rule] }] },
        selectable(value === undefined ? {} : { k: value }),
      )
    expect([fits.map(selects), refuses.map(selects)]).toEqual([fits.map(() => true), refuses.map(() => false)])
  })
}

test('selectsNode() needs all of one term, and an empty term selects nothing', () => {
  const byName = { key: 'metadata.name', operator: 'In', values: ['n1'] }
  const select = (...nodeSelectorTerms: object[]) => selectsNode({ nodeSelectorTerms }, selectable({ k: 'a' }))
  expect(select()).toBe(false)
  expect(select({})).toBe(false)
  expect(select({}, { matchFields: [byName] })).toBe(true)
  expect(select({ matchFields: [byName], matchExpressions: [requirement('In', 'b')] })).toBe(false)
  expect(select({ matchFields: [{ ...byName, key: 'spec.podCIDR', operator: 'NotIn' }] })).toBe(false)
})

test('fitsNodeAffinity() needs the labels of nodeSelector and a term of the required affinity', () => {
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [requirement('Exists')] }],
      },
    },
  }
  expect(fitsNodeAffinity({}, node())).toBe(true)
  expect(fitsNodeAffinity({ nodeSelector: { disk: 'ssd' }, affinity }, node({ disk: 'ssd', k: '' }))).toBe(true)
  expect(fitsNodeAffinity({ nodeSelector: { disk: 'ssd' }, affinity }, node({ disk: 'ssd' }))).toBe(false)
  expect(fitsNodeAffinity({ nodeSelector: { disk: 'ssd' } }, node({ disk: 'tape' }))).toBe(false)
})

const taint = { key: 'k', value: 'v', effect: 'NoExecute' }
const tolerations = [
  { name: 'everything', toleration: { operator: 'Exists' }, want: true },
  { name: 'any value of the key', toleration: { key: 'k', operator: 'Exists' }, want: true },
  { name: 'the same value', toleration: { key: 'k', value: 'v' }, want: true },
  { name: 'the same value of any key', toleration: { value: 'v' }, want: true },
  { name: 'another value', toleration: { key: 'k', operator: 'Equal', value: 'w' }, want: false },
  { name: 'another key', toleration: { key: 'l', operator: 'Exists' }, want: false },
  { name: 'another effect', toleration: { key: 'k', operator: 'Exists', effect: 'NoSchedule' }, want: false },
  { name: 'an operator that is not known', toleration: { key: 'k', operator: 'Near', value: 'v' }, want: false },
]
for (const { name, toleration, want } of tolerations) {
  test(`tolerates() ${name}: ${want}`, () => expect(tolerates(toleration, taint)).toBe(want))
}

test('untoleratedTaints() looks at the wanted effects only', () => {
  const soft = { key: 's', effect: 'PreferNoSchedule' }
  expect(untoleratedTaints([soft, taint], undefined, ['NoSchedule', 'NoExecute'])).toEqual([taint])
  expect(untoleratedTaints([soft, taint], [{ key: 'k', operator: 'Exists' }], ['NoExecute'])).toEqual([])
})
