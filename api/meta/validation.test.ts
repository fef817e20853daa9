import { expect, test } from 'vitest'
import { createCauses, created, decoded, resourceOf } from '../../test/fixtures/api-object.ts'
import type { ApiObject } from '../resource.ts'
import { validateObjectMetaUpdate } from './validation.ts'

const configMaps = resourceOf('ConfigMap')
const namespaces = resourceOf('Namespace')
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const qualified =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const owner = 'apiVersion: v1, kind: Pod, name: p, uid: u'

const invalid: readonly (readonly [string, string, readonly string[]])[] = [
  ['nothing in good metadata', 'labels: { app: x }, annotations: { example.com/Any-Case: "any text" }', []],
  ['a missing name', 'name: ""', ['metadata.name: Required value: name or generateName is required']],
  ['a bad name', 'name: A_', [`metadata.name: Invalid value: "A_": ${subdomain}`]],
  ['a name with a slash', 'name: a/b', [`metadata.name: Invalid value: "a/b": ${subdomain}`]],
  [
    'a bad prefix for names',
    'name: ok, generateName: "_b-"',
    [`metadata.generateName: Invalid value: "_b-": ${subdomain}`],
  ],
  ['nothing in a prefix that ends with a dash', 'name: ok, generateName: "a-"', []],
  ['a bad label', 'labels: { "a b": x }', [`metadata.labels: Invalid value: "a b": name part ${qualified}`]],
  [
    'a bad annotation',
    'annotations: { "a b": x }',
    [`metadata.annotations: Invalid value: "a b": name part ${qualified}`],
  ],
  [
    'annotations of more than 256 KiB',
    `annotations: { a: ${'x'.repeat(262144)} }`,
    ['metadata.annotations: Too long: may not be more than 262144 bytes'],
  ],
  [
    'an owner without name and version',
    'ownerReferences: [{ apiVersion: "", kind: Pod, name: "", uid: u }]',
    [
      'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
      'metadata.ownerReferences.name: Invalid value: "": must not be empty',
    ],
  ],
  [
    'two controllers',
    `ownerReferences: [{ ${owner}, controller: true }, { apiVersion: v1, kind: Pod, name: q, uid: v, controller: true }]`,
    [
      'metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true},{"apiVersion":"v1","kind":"Pod","name":"q","uid":"v","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q',
    ],
  ],
  [
    'a finalizer of nobody',
    'finalizers: [mine]',
    [
      'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
  ],
  [
    'two contradicting finalizers',
    'finalizers: [orphan, foregroundDeletion]',
    [
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
  ],
]
for (const [name, metadata, want] of invalid) {
  test(`validateObjectMeta() refuses ${name}`, () =>
    expect(createCauses(configMaps, `{ metadata: { ${metadata} } }`)).toEqual(want))
}

test('validateObjectMeta() refuses a namespace where there is none, and none where there is one', () => {
  expect(createCauses(namespaces, '{ metadata: { namespace: x } }')).toEqual([
    'metadata.namespace: Forbidden: not allowed on this type',
  ])
  expect(createCauses(configMaps, '{ metadata: { namespace: "" } }')).toEqual(['metadata.namespace: Required value'])
})

const old = 'resourceVersion: "1", uid: u1'
const changes: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['nothing in the same metadata', old, old, []],
  ['another name', `${old}, name: a`, `${old}, name: b`, ['metadata.name: Invalid value: "b": field is immutable']],
  ['another uid', old, 'resourceVersion: "1", uid: u2', ['metadata.uid: Invalid value: "u2": field is immutable']],
  ['no version', old, 'uid: u1', ['metadata.resourceVersion: Invalid value: "": must be specified for an update']],
  [
    'a finalizer for an object that goes',
    `${old}, deletionTimestamp: "2026-01-02T03:04:05Z"`,
    `${old}, deletionTimestamp: "2026-01-02T03:04:05Z", finalizers: [a/b]`,
    [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b"}',
    ],
  ],
]
for (const [name, before, after, want] of changes) {
  test(`validateObjectMetaUpdate() refuses ${name}`, () => {
    const object = (metadata: string): ApiObject => decoded(configMaps, `{ metadata: { ${metadata} } }`)
    const causes = validateObjectMetaUpdate(object(after), object(before), configMaps)
    expect([...new Set(causes.map(({ field, message }) => `${field}: ${message}`))]).toEqual(want)
  })
}

test('validateObjectMeta() lets RBAC names be any path segment', () => {
  const roles = resourceOf('Role.rbac.authorization.k8s.io')
  expect(createCauses(roles, '{ metadata: { name: "system:a:B" } }')).toEqual([])
  expect(createCauses(roles, '{ metadata: { name: ".." } }')).toEqual([
    'metadata.name: Invalid value: "..": may not be \'..\'',
  ])
  expect(created(roles, '{}').metadata.name).toBe('a')
})

const label = 'metadata.labels'
const finalizer = 'metadata.finalizers[0]'
const repeats: readonly (readonly [string, '' | 'status', readonly (string | undefined)[]])[] = [
  ['ConfigMap', '', [label, label, label, finalizer, label, finalizer]],
  ['Service', '', [label, label, label, finalizer]],
  ['Service', 'status', [label, label, label, finalizer]],
  ['Lease.coordination.k8s.io', '', [label, label, label]],
  ['PodDisruptionBudget.policy', 'status', [label, label]],
  ['Event', '', [label, label]],
]
for (const [kind, subresource, want] of repeats) {
  test(`validateObjectMetaUpdate() tells a mistake in ${kind} ${subresource} as often as upstream does`, () => {
    const resource = resourceOf(kind)
    const object = (metadata: string): ApiObject => decoded(resource, `{ metadata: { ${old}, ${metadata} } }`)
    const wrong = object('finalizers: [mine], labels: { a: "-" }')
    const causes = validateObjectMetaUpdate(wrong, object(''), resource, subresource)
    expect(causes.map(({ field }) => field)).toEqual(want)
  })
}
