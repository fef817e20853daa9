import { expect, test } from 'vitest'
import { createCauses, created, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'

const kinds = {
  class: resourceOf('StorageClass.storage.k8s.io'),
  attachment: resourceOf('VolumeAttachment.storage.k8s.io'),
  driver: resourceOf('CSIDriver.storage.k8s.io'),
  node: resourceOf('CSINode.storage.k8s.io'),
  attributes: resourceOf('VolumeAttributesClass.storage.k8s.io'),
}
const term = (key: string, values: string) => `{ matchLabelExpressions: [{ key: ${key}, values: ${values} }] }`
const attachment = (source: string, more = '') => `{ spec: { attacher: d.io, nodeName: n, source: ${source} }${more} }`

const cases: readonly (readonly [keyof typeof kinds, name: string, yaml: string, causes: readonly string[]])[] = [
  ['class', 'an empty reclaim policy, which is none', '{ provisioner: a, reclaimPolicy: "" }', []],
  [
    'class',
    'a value named twice',
    `{ provisioner: a, allowedTopologies: [${term('k', '[v, v]')}] }`,
    ['allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "v"'],
  ],
  [
    'class',
    'equal terms',
    `{ provisioner: a, allowedTopologies: [${term('k', '[v, w]')}, ${term('k', '[w, v]')}] }`,
    ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
  ],
  [
    'class',
    'parameters that are too long',
    `{ provisioner: a, parameters: { a: ${'x'.repeat(262144)} } }`,
    ['parameters: Too long: may not be more than 262144 bytes'],
  ],
  [
    'attachment',
    'no volume',
    attachment('{}'),
    ['spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName'],
  ],
  [
    'attachment',
    'an error code below zero',
    attachment('{ persistentVolumeName: p }', ', status: { attached: false, attachError: { errorCode: -1 } }'),
    ['status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive'],
  ],
  [
    'driver',
    'tokens in secrets without tokens, and a short period',
    '{ spec: { serviceAccountTokenInSecrets: true, nodeAllocatableUpdatePeriodSeconds: 9 } }',
    [
      'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
      'spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified',
    ],
  ],
  [
    'node',
    'a key named twice',
    '{ spec: { drivers: [{ name: d, nodeID: i, topologyKeys: [a, a] }] } }',
    ['spec.drivers[0]: Duplicate value: "a"'],
  ],
  [
    'attributes',
    'no parameters',
    '{ driverName: d.io }',
    ['parameters: Required value: must contain at least one key/value pair'],
  ],
]
for (const [kind, name, yaml, want] of cases) {
  test(`${kinds[kind].facts.plural} on ${name}`, () => {
    const causes = kind === 'attachment' ? updateCauses(kinds[kind], yaml, yaml) : createCauses(kinds[kind], yaml)
    expect(causes).toEqual(want)
  })
}

test('storageClasses keep what they say', () => {
  expect(updateCauses(kinds.class, '{ provisioner: a }', '{ provisioner: b, parameters: { c: d } }')).toEqual([
    'parameters: Invalid value: {"c":"d"}: field is immutable',
    'provisioner: Invalid value: "b": field is immutable',
  ])
})

test('csiDrivers advise to hand over tokens in secrets, once', () => {
  const driver = created(kinds.driver, '{ spec: { tokenRequests: [{ audience: a }] } }')
  expect(kinds.driver.warnings?.(driver, undefined)).toEqual([
    'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
  ])
  expect(kinds.driver.warnings?.(driver, driver)).toEqual([])
})

const capacities = resourceOf('CSIStorageCapacity.storage.k8s.io')

test('CSIStorageCapacity wants the name of a class and judges no largest volume', () => {
  expect(createCauses(capacities, '{ storageClassName: a.b, capacity: "1", maximumVolumeSize: "-1" }')).toEqual([])
  expect(createCauses(capacities, '{ storageClassName: A_ }')[0]).toContain(
    'storageClassName: Invalid value: "A_": a lowercase RFC 1123 subdomain',
  )
})
