import { expect, test } from 'vitest'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { VolumeAttributesClass } from '../../api/storage/v1.ts'
import { classesOfClaim, classesOfVolume, classFinalizer, type Observed, plan } from './plan.ts'

const gold = (metadata: Partial<VolumeAttributesClass['metadata']> = {}): VolumeAttributesClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttributesClass',
  metadata: { name: 'gold', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
  driverName: 'csi.example.com',
})
const claim = (spec: object, status: object = {}): PersistentVolumeClaim =>
  ({ metadata: { name: 'data', namespace: 'default' }, spec, status }) as unknown as PersistentVolumeClaim
const volume = (spec: object): PersistentVolume =>
  ({ metadata: { name: 'pv' }, spec, status: {} }) as unknown as PersistentVolume

const leaving = gold({ deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: [classFinalizer] })
const cases: readonly [string, Observed, readonly string[]][] = [
  ['without its finalizer gets it', { attributesClass: gold(), claims: [], volumes: [] }, ['protect']],
  [
    'that stays is left alone',
    { attributesClass: gold({ finalizers: [classFinalizer] }), claims: [], volumes: [] },
    [],
  ],
  ['that nothing names may go', { attributesClass: leaving, claims: [], volumes: [] }, ['release']],
  ['that a claim names stays', { attributesClass: leaving, claims: [claim({})], volumes: [] }, []],
  ['that a volume names stays', { attributesClass: leaving, claims: [], volumes: [volume({})] }, []],
]
test.each(cases)('plan() a class %s', (_, observed, expected) => {
  expect(plan(observed).actions.map(({ type }) => type)).toEqual(expected)
})

test('classesOfClaim() and classesOfVolume() name every class once', () => {
  const status = {
    currentVolumeAttributesClassName: 'gold',
    modifyVolumeStatus: { targetVolumeAttributesClassName: 'silver', status: 'InProgress' },
  }
  expect(classesOfClaim(claim({ volumeAttributesClassName: 'gold' }, status))).toEqual(['gold', 'silver'])
  expect(classesOfClaim(claim({ volumeAttributesClassName: '' }))).toEqual([])
  expect(classesOfVolume(volume({ volumeAttributesClassName: 'gold' }))).toEqual(['gold'])
  expect(classesOfVolume(volume({}))).toEqual([])
})
