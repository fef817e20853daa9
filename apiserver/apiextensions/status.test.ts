import { describe, expect, test } from 'vitest'
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '../../api/apiextensions/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { findCondition } from '../../apimachinery/conditions.ts'
import { readReview } from './conversion.ts'
import { isEstablished, nextStatus } from './status.ts'

const time = '2026-01-01T00:00:00Z'
const own = { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', listKind: 'CronTabList', shortNames: ['ct'] }

function crd(
  names: CustomResourceDefinitionNames,
  acceptedNames: CustomResourceDefinitionNames,
  more: { readonly group?: string; readonly annotations?: Readonly<Record<string, string>> } = {},
): CustomResourceDefinition {
  const { group = 'example.com', annotations } = more
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${names.plural}.${group}`,
      uid: '1',
      resourceVersion: '1',
      creationTimestamp: time,
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: { group, names, scope: 'Namespaced', versions: [] },
    status: { conditions: [], acceptedNames, storedVersions: ['v1'] },
  }
}
const none = { plural: '', kind: '' }

describe('nextStatus', () => {
  test('nextStatus accepts free names and establishes the kind', () => {
    const status = nextStatus(crd(own, none), [], time)
    expect(status.acceptedNames).toEqual(own)
    expect(status.conditions?.map(({ type, status: value, reason }) => [type, value, reason])).toEqual([
      ['NamesAccepted', 'True', 'NoConflicts'],
      ['Established', 'True', 'InitialNamesAccepted'],
    ])
    expect(isEstablished({ ...crd(own, none), status })).toBe(true)
  })
  test('nextStatus changes nothing a second time', () => {
    const first = nextStatus(crd(own, none), [], time)
    expect(nextStatus({ ...crd(own, none), status: first }, [], '2027-01-01T00:00:00Z')).toEqual(first)
  })
  test.each([
    [
      'a kind',
      { ...own, plural: 'others', singular: 'other', shortNames: ['o'] },
      'ListKindConflict',
      '"CronTabList" is already in use',
    ],
    [
      'a short name',
      { ...own, plural: 'others', singular: 'other', kind: 'Other', listKind: 'OtherList' },
      'ShortNamesConflict',
      '"ct" is already in use',
    ],
    [
      'a singular',
      { ...own, plural: 'others', kind: 'Other', listKind: 'OtherList', shortNames: ['o'] },
      'SingularConflict',
      '"crontab" is already in use',
    ],
  ])('nextStatus refuses %s that somebody else has, and does not establish', (_, names, reason, message) => {
    const status = nextStatus(crd(names, none), [crd(own, own)], time)
    expect(findCondition(status.conditions, 'NamesAccepted')).toMatchObject({ status: 'False', reason, message })
    expect(findCondition(status.conditions, 'Established')).toMatchObject({ status: 'False', reason: 'NotAccepted' })
  })
  test.each([
    [undefined, 'False', 'MissingAnnotation'],
    ['https://github.com/kubernetes/kubernetes/pull/1', 'True', 'ApprovedAnnotation'],
    ['unapproved, a test', 'False', 'UnapprovedAnnotation'],
    ['hello', 'False', 'InvalidAnnotation'],
  ])('nextStatus says of a group of Kubernetes with the approval %s: %s, %s', (approval, value, reason) => {
    const annotations = approval === undefined ? {} : { annotations: { 'api-approved.kubernetes.io': approval } }
    const status = nextStatus(crd(own, none, { group: 'x.k8s.io', ...annotations }), [], time)
    const found = findCondition(status.conditions, 'KubernetesAPIApprovalPolicyConformant')
    expect(found).toMatchObject({ status: value, reason })
  })
})

describe('readReview', () => {
  const metadata = { name: 'a', uid: 'u', resourceVersion: '5', creationTimestamp: time }
  const original: ApiObject = { apiVersion: 'example.com/v1', kind: 'CronTab', metadata }
  const answer = (object: object, response: object = {}): Parameters<typeof readReview>[0] => ({
    response: { uid: 'q', result: { status: 'Success' }, convertedObjects: [object], ...response } as never,
  })
  const converted = { apiVersion: 'example.com/v2', kind: 'CronTab', metadata, spec: { x: 1 } }

  test('readReview takes labels and everything below the metadata, and no other metadata', () => {
    const changed = { ...converted, metadata: { ...metadata, resourceVersion: '9', labels: { a: 'b' } } }
    expect(readReview(answer(changed), 'q', [original], 'example.com/v2')).toEqual([
      { ...converted, metadata: { ...metadata, labels: { a: 'b' } } },
    ])
  })
  test.each([
    ['another version', answer({ ...converted, apiVersion: 'example.com/v3' }), 'invalid groupVersion'],
    ['another name', answer({ ...converted, metadata: { ...metadata, name: 'b' } }), 'invalid metadata.name'],
    ['a failure', answer(converted, { result: { status: 'Failure', message: 'no' } }), 'no'],
    ['another question', answer(converted, { uid: 'z' }), 'expected response.uid="q"'],
    ['too few objects', answer(converted, { convertedObjects: [] }), 'webhook returned 0 objects, expected 1'],
  ])('readReview refuses %s', (_, review, message) => {
    expect(() => readReview(review, 'q', [original], 'example.com/v2')).toThrow(message)
  })
})
