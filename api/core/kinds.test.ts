import { expect, test } from 'vitest'
import {
  cells,
  createCauses,
  created,
  decoded,
  headers,
  resourceOf,
  updateCauses,
} from '../../test/fixtures/api-object.ts'
import type { Namespace, Node, Secret } from './v1.ts'

const big = 'x'.repeat(1024 * 1024 + 1)
const createTable: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    'ConfigMap',
    'a key with a space',
    '{ data: { "a b": x } }',
    [
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    ],
  ],
  ['ConfigMap', 'more than 1 MiB', `{ data: { a: ${big} } }`, ['[]: Too long: may not be more than 1048576 bytes']],
  [
    'Secret',
    'more than 1 MiB',
    `{ stringData: { a: ${big} } }`,
    ['data: Too long: may not be more than 1048576 bytes'],
  ],
  [
    'Secret',
    'a TLS secret without a key',
    '{ type: kubernetes.io/tls, stringData: { tls.crt: x } }',
    ['data[tls.key]: Required value'],
  ],
  [
    'Secret',
    'a token of nobody',
    '{ type: kubernetes.io/service-account-token }',
    ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
  ],
  [
    'Secret',
    'a docker config that is no JSON object',
    '{ type: kubernetes.io/dockerconfigjson, stringData: { .dockerconfigjson: "[]" } }',
    ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be a JSON object'],
  ],
  [
    'Node',
    'one taint twice',
    '{ spec: { taints: [{ key: a, effect: NoSchedule }, { key: a, effect: NoSchedule }] } }',
    [
      'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
    ],
  ],
  [
    'Node',
    'a taint of no effect',
    '{ spec: { taints: [{ key: a, effect: Maybe }] } }',
    [
      'metadata.taints[0].effect: Unsupported value: "Maybe": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
  ],
  [
    'Endpoints',
    'a subset of nothing and a local address',
    '{ subsets: [{}, { addresses: [{ ip: 127.0.0.1 }] }] }',
    [
      'subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`',
      'subsets[1].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'Event',
    'an event in another namespace than its object',
    '{ involvedObject: { namespace: other } }',
    ['involvedObject.namespace: Invalid value: "other": does not match event.namespace'],
  ],
  [
    'PersistentVolumeClaim',
    'a claim of nothing',
    '{ spec: {} }',
    ['spec.accessModes: Required value: at least 1 access mode is required', 'spec.resources[storage]: Required value'],
  ],
  [
    'PersistentVolume',
    'a volume of nothing',
    '{ spec: {} }',
    [
      'spec.accessModes: Required value',
      'spec.capacity: Required value',
      'spec.capacity: Unsupported value: null: supported values: "storage"',
      'spec: Required value: must specify a volume type',
    ],
  ],
  [
    'PersistentVolume',
    'a local volume anywhere',
    '{ spec: { accessModes: [ReadWriteOnce], capacity: { storage: 1Gi }, local: { path: /x } } }',
    ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
  ],
  [
    'ResourceQuota',
    'an unknown resource',
    '{ spec: { hard: { foo: 1 } } }',
    ['spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota'],
  ],
  [
    'LimitRange',
    'a least above the most',
    '{ spec: { limits: [{ type: Pod, min: { cpu: 2 }, max: { cpu: 1 } }] } }',
    ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
  ],
  [
    'Binding',
    'a binding to a pod',
    '{ target: { kind: Pod } }',
    ['target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"', 'target.name: Required value'],
  ],
]
for (const [kind, name, yaml, want] of createTable) {
  test(`${kind} refuses ${name}`, () => expect(createCauses(resourceOf(kind), yaml)).toEqual(want))
}

const sealed = 'field is immutable when `immutable` is set'
const claim = (storage: string, more = '') =>
  `{ spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: ${storage} } }${more} } }`
const updateTable: readonly (readonly [string, string, string, string, readonly string[]])[] = [
  [
    'ConfigMap',
    'a change once sealed',
    '{ immutable: true, data: { a: b } }',
    '{ data: { a: c } }',
    [`immutable: Forbidden: ${sealed}`, `data: Forbidden: ${sealed}`],
  ],
  ['Secret', 'another type', '{ type: a }', '{ type: b }', ['type: Invalid value: "b": field is immutable']],
  [
    'Node',
    'another range of pods',
    '{ spec: { podCIDR: 10.244.0.0/24 } }',
    '{ spec: { podCIDR: 10.244.1.0/24 } }',
    ['spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid'],
  ],
  ['Node', 'nothing when it is cordoned', '{ spec: {} }', '{ spec: { unschedulable: true } }', []],
  ['PersistentVolumeClaim', 'nothing when a volume is bound to it', claim('1Gi'), claim('1Gi', ', volumeName: v'), []],
]
for (const [kind, name, before, after, want] of updateTable) {
  test(`${kind} refuses ${name} in an update`, () =>
    expect(updateCauses(resourceOf(kind), before, after)).toEqual(want))
}

test('persistentVolumeClaims refuse to grow before they are bound', () => {
  const [cause] = updateCauses(resourceOf('PersistentVolumeClaim'), claim('1Gi'), claim('2Gi'))
  expect(cause).toContain(
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n',
  )
  expect(cause).toContain('-   "storage": "1Gi"\n+   "storage": "2Gi"')
})

test('namespaces start active, with their name as a label and a finalizer of their own', () => {
  const { spec, status, metadata } = created(
    resourceOf('Namespace'),
    '{ metadata: { name: x } }',
  ) as unknown as Namespace
  expect({ spec, status, labels: metadata.labels }).toEqual({
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
    labels: { 'kubernetes.io/metadata.name': 'x' },
  })
})

test('namespaces refuse a phase that does not fit', () => {
  const namespaces = resourceOf('Namespace')
  const object = decoded(namespaces, '{ status: { phase: Terminating } }')
  expect(namespaces.validateStatusUpdate?.(object, object)[0]?.message).toBe(
    'Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty',
  )
})

test('secrets take stringData into data', () => {
  const secret = decoded(
    resourceOf('Secret'),
    '{ data: { a: "eA==" }, stringData: { a: b, c: d } }',
  ) as unknown as Secret
  expect(secret).toMatchObject({ type: 'Opaque', data: { a: 'Yg==', c: 'ZA==' } })
  expect(secret).not.toHaveProperty('stringData')
})

test('nodes fill in what they can give and both spellings of their range', () => {
  const node = decoded(
    resourceOf('Node'),
    '{ spec: { podCIDRs: [10.244.0.0/24] }, status: { capacity: { cpu: 2 } } }',
  ) as unknown as Node
  expect(node.spec.podCIDR).toBe('10.244.0.0/24')
  expect(node.status.allocatable).toEqual({ cpu: '2' })
})

test('limitRanges fill in defaults for containers', () => {
  const range = decoded(
    resourceOf('LimitRange'),
    '{ spec: { limits: [{ type: Container, max: { cpu: 2 }, min: { cpu: 10m } }] } }',
  )
  expect(range).toMatchObject({ spec: { limits: [{ default: { cpu: '2' }, defaultRequest: { cpu: '2' } }] } })
})

const rowTable: readonly (readonly [string, string, readonly string[], readonly unknown[]])[] = [
  [
    'Node',
    '{ metadata: { labels: { node-role.kubernetes.io/control-plane: "", kubernetes.io/role: a } }, spec: { unschedulable: true }, status: { conditions: [{ type: Ready, status: "True" }], nodeInfo: { kubeletVersion: v1.36.0 }, addresses: [{ type: InternalIP, address: 10.0.0.1 }] } }',
    [
      'Name',
      'Status',
      'Roles',
      'Age',
      'Version',
      '[Internal-IP]',
      '[External-IP]',
      '[OS-Image]',
      '[Kernel-Version]',
      '[Container-Runtime]',
    ],
    [
      'a',
      'Ready,SchedulingDisabled',
      'a,control-plane',
      '5m',
      'v1.36.0',
      '10.0.0.1',
      '<none>',
      '<unknown>',
      '<unknown>',
      '<unknown>',
    ],
  ],
  [
    'Event',
    '{ involvedObject: { kind: Pod, name: p }, reason: Started, message: " hi ", type: Normal, count: 3, source: { component: kubelet, host: n }, firstTimestamp: "2026-01-02T03:05:05Z", lastTimestamp: "2026-01-02T03:08:05Z" }',
    [
      'Last Seen',
      'Type',
      'Reason',
      'Object',
      '[Subobject]',
      '[Source]',
      'Message',
      '[First Seen]',
      '[Count]',
      '[Name]',
    ],
    ['60s', 'Normal', 'Started', 'pod/p', '', 'kubelet, n', 'hi', '4m', 3, 'a'],
  ],
  [
    'Endpoints',
    '{ subsets: [{ addresses: [{ ip: 10.0.0.1 }, { ip: 10.0.0.2 }], ports: [{ port: 80 }, { port: 81 }] }] }',
    ['Name', 'Endpoints', 'Age'],
    ['a', '10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...', '5m'],
  ],
  [
    'PersistentVolumeClaim',
    '{ spec: { volumeName: v, storageClassName: fast }, status: { phase: Bound, accessModes: [ReadWriteOnce, ReadOnlyMany], capacity: { storage: 1Gi } } }',
    [
      'Name',
      'Status',
      'Volume',
      'Capacity',
      'Access Modes',
      'StorageClass',
      'VolumeAttributesClass',
      'Age',
      '[VolumeMode]',
    ],
    ['a', 'Bound', 'v', '1Gi', 'RWO,ROX', 'fast', '<unset>', '5m', 'Filesystem'],
  ],
  [
    'PersistentVolume',
    '{ spec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteMany], claimRef: { namespace: n, name: c } } }',
    [
      'Name',
      'Capacity',
      'Access Modes',
      'Reclaim Policy',
      'Status',
      'Claim',
      'StorageClass',
      'VolumeAttributesClass',
      'Reason',
      'Age',
      '[VolumeMode]',
    ],
    ['a', '1Gi', 'RWX', 'Retain', 'Pending', 'n/c', '', '<unset>', '', '5m', 'Filesystem'],
  ],
  [
    'ResourceQuota',
    '{ status: { hard: { pods: 10, limits.cpu: 4 }, used: { pods: 2 } } }',
    ['Name', 'Request', 'Limit', 'Age'],
    ['a', 'pods: 2/10', 'limits.cpu: 0/4', '5m'],
  ],
  ['ConfigMap', '{ data: { a: b }, binaryData: { c: "eA==" } }', ['Name', 'Data', 'Age'], ['a', 2, '5m']],
  ['Secret', '{ data: { a: "eA==" } }', ['Name', 'Type', 'Data', 'Age'], ['a', 'Opaque', 1, '5m']],
  ['Namespace', '{}', ['Name', 'Status', 'Age'], ['a', 'Active', '5m']],
  ['LimitRange', '{ spec: { limits: [] } }', ['Name', 'Created At'], ['a', '2026-01-02T03:04:05Z']],
  [
    'ComponentStatus',
    '{ conditions: [{ type: Healthy, status: "True", message: ok }] }',
    ['Name', 'Status', 'Message', 'Error'],
    ['a', 'Healthy', 'ok', ''],
  ],
]
for (const [kind, yaml, columns, want] of rowTable) {
  test(`${kind} shows the columns of kubectl`, () => {
    expect(headers(resourceOf(kind))).toEqual(columns)
    expect(cells(resourceOf(kind), yaml)).toEqual(want)
  })
}

test('events of both groups are the same objects', () => {
  const newer = resourceOf('Event.events.k8s.io')
  const yaml =
    '{ eventTime: "2026-01-02T03:08:05.000000Z", regarding: { kind: Pod, name: p }, note: hi, reason: R, action: A, type: Normal, reportingController: a.b/c, reportingInstance: i }'
  const event = created(newer, yaml)
  const stored = newer.storedAs?.toStored(event)
  expect(stored).toMatchObject({
    apiVersion: 'v1',
    involvedObject: { kind: 'Pod' },
    message: 'hi',
    reportingComponent: 'a.b/c',
  })
  expect(stored === undefined ? undefined : newer.storedAs?.fromStored(stored)).toMatchObject(event)
  expect(cells(newer, yaml).slice(0, 4)).toEqual(['60s', 'Normal', 'R', 'pod/p'])
  expect(createCauses(newer, yaml)).toEqual([])
})
