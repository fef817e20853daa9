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
import type { DaemonSet, Deployment, StatefulSet } from './v1.ts'

const deployments = resourceOf('Deployment.apps')
const replicaSets = resourceOf('ReplicaSet.apps')
const daemonSets = resourceOf('DaemonSet.apps')
const statefulSets = resourceOf('StatefulSet.apps')
const revisions = resourceOf('ControllerRevision.apps')

const containers = 'containers: [{ name: c, image: nginx }]'
/** A workload that is fine but for what a test adds. */
const workload = (spec = '', pod = '', labels = 'app: x') =>
  `{ spec: { selector: { matchLabels: { app: x } }, template: { metadata: { labels: { ${labels} } }, spec: { ${containers}${pod === '' ? '' : `, ${pod}`} } }${spec === '' ? '' : `, ${spec}`} } }`

test('deployments fill in strategy, limits and the template', () => {
  const { spec } = decoded(deployments, workload()) as unknown as Deployment
  expect(spec).toMatchObject({
    replicas: 1,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    template: { spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', securityContext: {} } },
  })
  expect(spec.template.spec).not.toHaveProperty('enableServiceLinks')
  expect(spec).not.toHaveProperty('paused')
})

test('daemonSets fill in their strategy and count their templates', () => {
  const { spec, metadata } = created(daemonSets, workload()) as unknown as DaemonSet
  expect(spec.updateStrategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } })
  expect(metadata.annotations).toEqual({ 'deprecated.daemonset.template.generation': '1' })
})

test('statefulSets fill in order, strategy, retention and claims', () => {
  const yaml = workload(
    'serviceName: s, volumeClaimTemplates: [{ metadata: { name: d }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }]',
  )
  expect((decoded(statefulSets, yaml) as unknown as StatefulSet).spec).toMatchObject({
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    volumeClaimTemplates: [
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        spec: { volumeMode: 'Filesystem' },
        status: { phase: 'Pending' },
      },
    ],
  })
})

const mismatch =
  'spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match template `labels`'
const invalid: readonly (readonly [string, typeof deployments, string, readonly string[]])[] = [
  ['nothing in a good Deployment', deployments, workload(), []],
  ['a template of other labels', deployments, workload('', '', 'app: y'), [mismatch]],
  ['a template of other labels in a ReplicaSet', replicaSets, workload('', '', 'app: y'), [mismatch]],
  ['a template of other labels in a DaemonSet', daemonSets, workload('', '', 'app: y'), [mismatch]],
  ['a template of other labels in a StatefulSet', statefulSets, workload('serviceName: s', '', 'app: y'), [mismatch]],
  [
    'a Deployment without selector and containers',
    deployments,
    '{ spec: {} }',
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
      'spec.template.spec.containers: Required value',
    ],
  ],
  [
    'an empty selector',
    deployments,
    `{ spec: { selector: {}, template: { spec: { ${containers} } } } }`,
    ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  ],
  [
    'pods that end',
    deployments,
    workload('', 'restartPolicy: Never, activeDeadlineSeconds: 5'),
    [
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported',
    ],
  ],
  [
    'less than no replicas, and no time for progress',
    deployments,
    workload('replicas: -1, minReadySeconds: 20, progressDeadlineSeconds: 10'),
    [
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      'spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds',
    ],
  ],
  [
    'an update that cannot move',
    deployments,
    workload('strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0% } }'),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0'],
  ],
  [
    'more than all pods away',
    deployments,
    workload('strategy: { rollingUpdate: { maxUnavailable: 150% } }'),
    ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%'],
  ],
  [
    'text that is no percentage',
    deployments,
    workload('strategy: { rollingUpdate: { maxSurge: many } }'),
    [
      "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"many\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ],
  ],
  [
    'Recreate with rolling parameters',
    deployments,
    workload('strategy: { type: Recreate, rollingUpdate: { maxSurge: 1 } }'),
    ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
  ],
  [
    'a DaemonSet that surges and shrinks at once',
    daemonSets,
    workload('updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } }'),
    ['spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero'],
  ],
  [
    'an unknown order of pods',
    statefulSets,
    workload('serviceName: s, podManagementPolicy: Random'),
    ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    'a wrong selector, and look no further',
    deployments,
    workload('', 'restartPolicy: Never').replace(
      'matchLabels: { app: x }',
      'matchExpressions: [{ key: app, operator: In }]',
    ),
    [
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"In"}]}: invalid label selector',
    ],
  ],
  [
    'a StatefulSet with a wrong selector',
    statefulSets,
    workload('serviceName: s').replace(
      'matchLabels: { app: x }',
      'matchExpressions: [{ key: app, operator: Exists, values: [x] }]',
    ),
    [
      "spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists","values":["x"]}]}',
    ],
  ],
  [
    'a DaemonSet without selector',
    daemonSets,
    `{ spec: { template: { metadata: { labels: { app: x } }, spec: { ${containers} } } } }`,
    ['spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`'],
  ],
  [
    'an unknown strategy',
    deployments,
    workload('strategy: { type: Foo, rollingUpdate: { maxSurge: 1 } }'),
    [
      'spec.strategy: Unsupported value: {"Type":"Foo","RollingUpdate":{"MaxUnavailable":0,"MaxSurge":1}}: supported values: "Recreate", "RollingUpdate"',
    ],
  ],
  [
    'an unknown strategy of a StatefulSet',
    statefulSets,
    workload('updateStrategy: { type: Foo }'),
    [
      'spec.updateStrategy: Invalid value: {"Type":"Foo","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
    ],
  ],
  [
    'a revision that is no object',
    revisions,
    '{ revision: -1, data: [1] }',
    [
      'revision: Invalid value: -1: must be greater than or equal to 0',
      'data: Required value: data must be a valid JSON object',
    ],
  ],
  ['a revision without data', revisions, '{ revision: 1 }', ['data: Required value: data is mandatory']],
]
for (const [name, resource, yaml, want] of invalid) {
  test(`${resource.facts.plural} refuse ${name}`, () => expect(createCauses(resource, yaml)).toEqual(want))
}

test('statefulSets let mounts name their claim templates', () => {
  const claims =
    'serviceName: s, volumeClaimTemplates: [{ metadata: { name: d }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }]'
  const yaml = `{ spec: { selector: { matchLabels: { app: x } }, template: { metadata: { labels: { app: x } }, spec: { containers: [{ name: c, image: i, volumeMounts: [{ name: d, mountPath: /d }] }] } }, ${claims} } }`
  expect(createCauses(statefulSets, yaml)).toEqual([])
})

test('deployments refuse another selector', () => {
  const other = workload('', '', 'app: x, b: y').replace('matchLabels: { app: x }', 'matchLabels: { b: y }')
  expect(updateCauses(deployments, workload(), other)).toEqual([
    'spec.selector: Invalid value: {"matchLabels":{"b":"y"}}: field is immutable',
  ])
})

test('deployments never count collisions down', () => {
  const old = { ...created(deployments, workload()), status: { collisionCount: 2 } }
  const next = { ...old, status: {} }
  expect(deployments.validateStatusUpdate?.(next, old).map(({ field, message }) => `${field}: ${message}`)).toEqual([
    'status.collisionCount: Invalid value: 0: cannot be decremented',
  ])
})

test('statefulSets drop maxUnavailable, whose gate is off, unless it was there', () => {
  const yaml = workload('updateStrategy: { type: RollingUpdate, rollingUpdate: { partition: 1, maxUnavailable: 2 } }')
  const given = decoded(statefulSets, yaml)
  const stored = created(statefulSets, yaml)
  expect((stored as unknown as StatefulSet).spec.updateStrategy.rollingUpdate).toEqual({ partition: 1 })
  const before = { ...stored, spec: (given as unknown as StatefulSet).spec }
  const kept = statefulSets.prepareForUpdate?.(given, before) as unknown as StatefulSet
  expect(kept.spec.updateStrategy.rollingUpdate).toEqual({ partition: 1, maxUnavailable: 2 })
})

test('statefulSets refuse another service', () => {
  expect(updateCauses(statefulSets, workload('serviceName: s'), workload('serviceName: t'))).toEqual([
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ])
})

test('daemonSets count a new template', () => {
  const old = created(daemonSets, workload())
  const next = daemonSets.prepareForUpdate?.(decoded(daemonSets, workload('', 'hostNetwork: true')), old)
  expect(next?.metadata).toMatchObject({
    generation: 2,
    annotations: { 'deprecated.daemonset.template.generation': '2' },
  })
})

test('workloads show the columns of kubectl', () => {
  const wide = ['[Containers]', '[Images]', '[Selector]']
  expect(headers(deployments)).toEqual(['Name', 'Ready', 'Up-to-date', 'Available', 'Age', ...wide])
  expect(headers(replicaSets)).toEqual(['Name', 'Desired', 'Current', 'Ready', 'Age', ...wide])
  const daemons = ['Desired', 'Current', 'Ready', 'Up-to-date', 'Available', 'Node Selector']
  expect(headers(daemonSets)).toEqual(['Name', ...daemons, 'Age', ...wide])
  expect(headers(statefulSets)).toEqual(['Name', 'Ready', 'Age', '[Containers]', '[Images]'])
  const yaml = workload('replicas: 3').replace(/ }$/, ', status: { readyReplicas: 1, updatedReplicas: 2 } }')
  expect(cells(deployments, yaml)).toEqual(['a', '1/3', 2, 0, '5m', 'c', 'nginx', 'app=x'])
})

test('controllerRevisions show whose they are', () => {
  const owner = 'apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true'
  const yaml = `{ metadata: { ownerReferences: [{ ${owner} }] }, revision: 3, data: {} }`
  expect(cells(revisions, yaml)).toEqual(['a', 'statefulset.apps/web', 3, '5m'])
})

test('deployments warn of a name that is no DNS label', () => {
  const named = workload().replace('{ spec', '{ metadata: { name: a.b }, spec')
  expect(deployments.warnings?.(created(deployments, named), undefined)).toEqual([
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
  ])
})

test('claim templates of a StatefulSet are held to the rules of claims, and need not have a name to be refused', () => {
  const claim = '{ spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }'
  expect(createCauses(statefulSets, workload(`volumeClaimTemplates: [${claim}]`))).toEqual([
    'spec.template.spec.volumes[0].persistentVolumeClaim.claimName: Required value',
    'spec.template.spec.volumes[0].name: Required value',
  ])
  expect(createCauses(statefulSets, workload('volumeClaimTemplates: [{ metadata: { name: v } }]'))).toEqual([
    'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
    'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
  ])
})

test('a claim template of a StatefulSet stands for the volume of its name', () => {
  const claim =
    '{ metadata: { name: v }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }'
  const pod = 'volumes: [{ name: v, emptyDir: {} }, { name: v, emptyDir: {} }]'
  expect(createCauses(statefulSets, workload(`volumeClaimTemplates: [${claim}]`, pod))).toEqual([])
})

test('annotations of a Deployment count as a new generation, labels do not', () => {
  const first = created(deployments, workload())
  const old = { ...first, metadata: { ...first.metadata, generation: 4 } }
  const changed = (metadata: object) =>
    deployments.prepareForUpdate?.({ ...old, metadata: { ...old.metadata, ...metadata } }, old).metadata.generation
  expect(changed({ labels: { a: 'b' } })).toBe(4)
  expect(changed({ annotations: { a: 'b' } })).toBe(5)
})
