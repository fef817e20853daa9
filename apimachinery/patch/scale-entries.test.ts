import { expect, test } from 'vitest'
import type { JsonObject } from '../json.ts'
import { parentEntries, scaleEntries } from './scale-entries.ts'

const pathOf = (version: string): readonly string[] | undefined =>
  version === 'apps/v1' ? ['spec', 'replicas'] : undefined
const time = '2026-01-01T00:00:00Z'
function entry(manager: string, operation: string, fieldsV1: JsonObject, more: JsonObject = {}): JsonObject {
  return { manager, operation, apiVersion: 'apps/v1', fieldsType: 'FieldsV1', fieldsV1, ...more }
}
const replicas = { 'f:spec': { 'f:replicas': {} } }
const both = { 'f:spec': { 'f:image': {}, 'f:replicas': {} } }
const scale = { apiVersion: 'autoscaling/v1' }

test('scaleEntries() shows who holds the replicas, and no one else', () => {
  const parent = [
    entry('a', 'Apply', both, { time }),
    entry('b', 'Update', { 'f:spec': { 'f:image': {} } }),
    entry('old', 'Apply', replicas, { apiVersion: 'apps/v0' }),
  ]
  expect(scaleEntries(parent, pathOf)).toEqual([entry('a', 'Apply', replicas, { ...scale, time })])
})

test('parentEntries() leaves the object as it is where its holders have not changed', () => {
  const parent = [entry('a', 'Apply', both, { time })]
  expect(parentEntries(parent, scaleEntries(parent, pathOf), 'apps/v1', pathOf)).toEqual(parent)
})

test('parentEntries() moves the replicas to whoever has taken them, without a time', () => {
  const parent = [entry('a', 'Apply', both, { time })]
  const taken = [entry('s', 'Apply', replicas, { ...scale, time, subresource: 'scale' })]
  expect(parentEntries(parent, taken, 'apps/v1', pathOf)).toEqual([
    entry('s', 'Apply', replicas, { subresource: 'scale' }),
    entry('a', 'Apply', { 'f:spec': { 'f:image': {} } }, { time }),
  ])
})

test('parentEntries() drops holders of nothing else, and versions that the kind does not have', () => {
  const parent = [entry('a', 'Apply', replicas, { time }), entry('old', 'Apply', both, { apiVersion: 'apps/v0' })]
  expect(parentEntries(parent, [], 'apps/v1', pathOf)).toEqual([])
})
