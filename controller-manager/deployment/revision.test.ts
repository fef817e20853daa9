import { expect, test } from 'vitest'
import type { ReplicaSet } from '../../api/apps/v1.ts'
import { byRevision, nextRevision, revisionOf } from './revision.ts'

function replicaSet(revision: string | undefined): ReplicaSet {
  const annotations = revision === undefined ? {} : { 'deployment.kubernetes.io/revision': revision }
  const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', annotations }
  const template = { metadata: {}, spec: { containers: [] } }
  // Only the annotation matters here.
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata,
    spec: { selector: {}, template },
    status: { replicas: 0 },
  } as unknown as ReplicaSet
}

test('revisionOf() reads 64 bits, and nothing else', () => {
  expect(revisionOf(replicaSet('3546343826724305832'))).toBe(3546343826724305832n)
  for (const text of [undefined, '', 'x', '1.5', '0x10', '9'.repeat(30)]) expect(revisionOf(replicaSet(text))).toBe(0n)
})

test('nextRevision() is one more than the highest, exactly', () => {
  expect(nextRevision([])).toBe(1n)
  expect(nextRevision([replicaSet('3'), replicaSet('3546343826724305832'), replicaSet(undefined)])).toBe(
    3546343826724305833n,
  )
})

test('byRevision() tells neighbours apart that a JavaScript number would not', () => {
  const sets = ['9007199254740993', '9007199254740992'].map(replicaSet)
  expect(sets.toSorted(byRevision).map(revisionOf)).toEqual([9007199254740992n, 9007199254740993n])
})
