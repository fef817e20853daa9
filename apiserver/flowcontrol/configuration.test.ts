import { expect, test } from 'vitest'
import type { ApiObject } from '../../api/resource.ts'
import { autoUpdateAnnotation, draftOf, revise, unwanted } from './configuration.ts'
import { danglingCondition, UpdatePace } from './dangling.ts'
import { RetryAfter } from './retry-after.ts'
import { bootstrapConfiguration, type ConfigurationObject } from './suggested.ts'

function shipped(name: string, plural: ConfigurationObject['plural']): ConfigurationObject {
  const found = bootstrapConfiguration.find((object) => object.name === name && object.plural === plural)
  if (found === undefined) throw new TypeError(name)
  return found
}

const system = shipped('system', 'prioritylevelconfigurations')
const exempt = shipped('exempt', 'prioritylevelconfigurations')
const catchAll = shipped('catch-all', 'flowschemas')

type Stored = ApiObject & { readonly spec: object }

function stored({ name }: ConfigurationObject, spec: object, annotation?: string, generation = 1): Stored {
  const annotations = annotation === undefined ? {} : { annotations: { [autoUpdateAnnotation]: annotation } }
  const metadata = { name, uid: 'u', resourceVersion: '1', creationTimestamp: '', generation, ...annotations }
  return { apiVersion: 'v1', kind: 'X', metadata, spec }
}

const other = { type: 'Limited' }

// Source of the cases: upstream's test of its ensurer.
const table: readonly (readonly [string, ConfigurationObject, Stored, 'kept' | 'respecified', string | undefined])[] = [
  ['is as shipped', system, stored(system, system.spec, 'true'), 'kept', 'true'],
  ['was changed, and is ours', system, stored(system, other, 'true', 2), 'respecified', 'true'],
  ["was changed, and is the admin's", system, stored(system, other, 'false', 2), 'kept', 'false'],
  ['has no annotation, and was never changed', system, stored(system, other), 'respecified', 'true'],
  ['has no annotation, and was changed', system, stored(system, other, undefined, 2), 'kept', 'false'],
  ['has an annotation that is no boolean', system, stored(system, other, 'maybe', 2), 'kept', 'false'],
  ['spells the boolean otherwise', system, stored(system, system.spec, 'T'), 'kept', 'T'],
  ['is mandatory, whatever its annotation says', catchAll, stored(catchAll, other, 'false', 2), 'respecified', 'true'],
  [
    'is exempt with shares of its own',
    exempt,
    stored(exempt, { type: 'Exempt', exempt: { nominalConcurrencyShares: 5, lendablePercent: 9 } }, 'true', 2),
    'kept',
    'true',
  ],
]

for (const [name, wanted, current, outcome, annotation] of table) {
  test(`revise(): the spec of what ${name} is ${outcome}, the annotation ${annotation}`, () => {
    const next: Partial<Stored> & ApiObject = revise(current, wanted)
    expect(next.spec).toEqual(outcome === 'kept' ? current.spec : wanted.spec)
    expect(next.metadata.annotations?.[autoUpdateAnnotation]).toBe(annotation)
    const isSame = outcome === 'kept' && current.metadata.annotations?.[autoUpdateAnnotation] === annotation
    expect(next === current).toBe(isSame)
    expect(revise(next, wanted)).toBe(next)
  })
}

test('unwanted() names what an earlier release shipped, unless an admin has taken it over', () => {
  const old = { ...system, name: 'old' }
  const objects = [stored(old, {}, 'true'), stored(old, {}, 'false'), stored(old, {}), stored(system, {}, 'true')]
  expect(unwanted(objects, [system])).toEqual([objects[0]])
})

test('draftOf() gives every shipped object its annotation', () => {
  expect(draftOf(system).metadata.annotations).toEqual({ [autoUpdateAnnotation]: 'true' })
  expect(bootstrapConfiguration.filter(({ isMandatory }) => isMandatory).length).toBe(4)
  expect(bootstrapConfiguration.length).toBe(19)
})

const flowSchema = {
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  kind: 'FlowSchema',
  metadata: { name: 'x', uid: '', resourceVersion: '', creationTimestamp: '' },
  spec: { priorityLevelConfiguration: { name: 'system' }, matchingPrecedence: 1 },
} as const
const time = '2026-01-01T00:00:00Z'

test('danglingCondition() says in upstream words whether the level is there, and only when that is news', () => {
  const found = danglingCondition({ ...flowSchema, status: {} }, new Set(['system']), time)
  expect(found).toEqual({
    type: 'Dangling',
    status: 'False',
    lastTransitionTime: time,
    reason: 'Found',
    message: 'This FlowSchema references the PriorityLevelConfiguration object named "system" and it exists',
  })
  const status = { conditions: found === undefined ? [] : [found] }
  expect(danglingCondition({ ...flowSchema, status }, new Set(['system']), time)).toBeUndefined()
  expect(danglingCondition({ ...flowSchema, status }, new Set(), time)).toMatchObject({
    status: 'True',
    reason: 'NotFound',
    message:
      'This FlowSchema references the PriorityLevelConfiguration object named "system" but there is no such object',
  })
})

test('UpdatePace allows six updates of an object in a minute', () => {
  const pace = new UpdatePace()
  const allowed = Array.from({ length: 8 }, (_, at) => pace.allows('x', at * 1_000))
  expect(allowed.filter(Boolean).length).toBe(6)
  expect(pace.allows('y', 8_000)).toBe(true)
  expect(pace.allows('x', 61_001)).toBe(true)
})

test('RetryAfter doubles while many come back, and goes down by one while few do', () => {
  const retry = new RetryAfter()
  expect(retry.seconds).toBe(1)
  let nowMs = 100_000
  const second = (refusals: number): void => {
    for (let at = 0; at < refusals; at++) retry.record(nowMs)
    nowMs += 1_000
  }
  for (let at = 0; at < 60; at++) second(200)
  expect(retry.seconds).toBe(32)
  for (let at = 0; at < 3; at++) {
    nowMs += 100_000
    second(1)
  }
  expect(retry.seconds).toBeLessThan(32)
})
