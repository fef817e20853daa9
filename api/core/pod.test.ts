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
import { podGracePeriod } from './pod.ts'
import { pullPolicyOf } from './pull-policy.ts'
import type { Pod } from './v1.ts'

const pods = resourceOf('Pod')
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

/** A pod with one good container and whatever a test adds to it. */
const pod = (spec = '', container = '', status = '') =>
  `{ spec: { containers: [{ name: c, image: nginx${container === '' ? '' : `, ${container}`} }]${spec === '' ? '' : `, ${spec}`} }${status === '' ? '' : `, status: { ${status} }`} }`

test('pods fill in what a minimal pod leaves out', () => {
  const { spec, status, metadata } = created(pods, pod()) as unknown as Pod
  expect(spec).toEqual({
    containers: [
      {
        name: 'c',
        image: 'nginx',
        resources: {},
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    dnsPolicy: 'ClusterFirst',
    enableServiceLinks: true,
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  })
  expect(status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' })
  expect(metadata.generation).toBe(1)
})

test('pods fill in probes, ports, variables and volumes', () => {
  const container =
    'ports: [{ containerPort: 80 }], readinessProbe: { httpGet: { port: 80 } }, env: [{ name: N1, valueFrom: { fieldRef: { fieldPath: metadata.name } } }, { name: M, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }]'
  const volumes =
    'hostNetwork: true, volumes: [{ name: e }, { name: h, hostPath: { path: /x } }, { name: s, secret: { secretName: s } }, { name: p, projected: { sources: [{ serviceAccountToken: { path: t } }] } }]'
  const { spec } = decoded(pods, pod(volumes, container)) as unknown as Pod
  expect(spec.containers[0]).toMatchObject({
    ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }],
    readinessProbe: {
      httpGet: { path: '/', port: 80, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    env: [
      { valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { valueFrom: { resourceFieldRef: { divisor: '0' } } },
    ],
  })
  expect(spec.volumes).toMatchObject([
    { name: 'e', emptyDir: {} },
    { hostPath: { path: '/x', type: '' } },
    { secret: { defaultMode: 420 } },
    { projected: { defaultMode: 420, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
  ])
})

for (const [image, want] of [
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1.27', 'IfNotPresent'],
  ['localhost:5000/nginx', 'Always'],
  ['localhost:5000/nginx:1', 'IfNotPresent'],
  [`nginx@sha256:${'a'.repeat(64)}`, 'IfNotPresent'],
  ['', 'IfNotPresent'],
] as const) {
  test(`pullPolicyOf() makes ${want} of "${image}"`, () => expect(pullPolicyOf(image)).toBe(want))
}

for (const [resources, want] of [
  ['limits: { cpu: 1, memory: 1Gi }', 'Guaranteed'],
  ['limits: { cpu: 1, memory: 1Gi }, requests: { cpu: 500m }', 'Burstable'],
  ['requests: { memory: 1Gi }', 'Burstable'],
  ['limits: { cpu: 1 }', 'Burstable'],
  ['limits: { ephemeral-storage: 1Gi }', 'BestEffort'],
] as const) {
  test(`pods with { ${resources} } are ${want}`, () => {
    const { status } = created(pods, pod('', `resources: { ${resources} }`)) as unknown as Pod
    expect(status.qosClass).toBe(want)
  })
}

const invalid: readonly (readonly [string, string, readonly string[]])[] = [
  ['nothing in a good pod', pod(), []],
  ['a pod without containers', '{ spec: {} }', ['spec.containers: Required value']],
  [
    'a container without a name and image',
    '{ spec: { containers: [{}] } }',
    ['spec.containers[0].name: Required value', 'spec.containers[0].image: Required value'],
  ],
  [
    'a bad container name',
    '{ spec: { containers: [{ name: A_, image: i }] } }',
    [`spec.containers[0].name: Invalid value: "A_": ${label}`],
  ],
  [
    'two containers of one name',
    '{ spec: { containers: [{ name: a, image: i }, { name: a, image: i }] } }',
    ['spec.containers[1].name: Duplicate value: "a"'],
  ],
  [
    'a port out of range and without a known protocol',
    pod('', 'ports: [{ containerPort: 70000, protocol: X }]'),
    [
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.containers[0].ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
    ],
  ],
  [
    'an unknown restart policy',
    pod('restartPolicy: Sometimes'),
    ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
  ],
  [
    'a mount of no volume',
    pod('', 'volumeMounts: [{ name: v, mountPath: /v }]'),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  [
    'two mounts in one place',
    pod('volumes: [{ name: v }]', 'volumeMounts: [{ name: v, mountPath: /v }, { name: v, mountPath: /v }]'),
    ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
  ],
  [
    'more asked for than allowed',
    pod('', 'resources: { requests: { cpu: 2 }, limits: { cpu: 1 } }'),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  [
    'an unknown resource',
    pod('', 'resources: { limits: { gpu: 1 } }'),
    [
      'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
    ],
  ],
  [
    'half a device',
    pod('', 'resources: { limits: { example.com/gpu: 500m } }'),
    [
      'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
      'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
    ],
  ],
  [
    'a field that is not known before the start',
    pod('', 'env: [{ name: X1, valueFrom: { fieldRef: { fieldPath: status.containerStatuses } } }]'),
    [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "status.containerStatuses": error converting fieldPath: field label not supported: status.containerStatuses',
    ],
  ],
  [
    'a variable with value and source',
    pod('', 'env: [{ name: X1, value: v, valueFrom: { configMapKeyRef: { name: c, key: k } } }]'),
    ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  ],
  [
    'a probe of an init container',
    pod('initContainers: [{ name: i, image: i, livenessProbe: { exec: { command: [x] } } }]'),
    [
      'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  ],
  [
    'a probe that does two things and must succeed twice',
    pod('', 'livenessProbe: { exec: { command: [x] }, tcpSocket: { port: 1 }, successThreshold: 2 }'),
    [
      'spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
  ],
  [
    'a volume of two kinds, and one that climbs out',
    pod('volumes: [{ name: a, emptyDir: {}, hostPath: { path: /a } }, { name: b, hostPath: { path: /a/../b } }]'),
    [
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
      'spec.volumes[1].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
    ],
  ],
  [
    'a toleration of everything that names an effect only',
    pod('tolerations: [{ operator: Equal, value: x }]'),
    [
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    'an affinity weight of nothing',
    pod(
      'affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: { matchExpressions: [{ key: a, operator: In }] } }] } }',
    ),
    [
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
      "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
  ],
  [
    'dnsPolicy None without servers',
    pod('dnsPolicy: None'),
    ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  ],
  [
    'debugging containers from the start',
    pod('ephemeralContainers: [{ name: e, image: i }]'),
    ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
  ],
]
for (const [name, yaml, want] of invalid) {
  test(`pods refuse ${name}`, () => expect(createCauses(pods, yaml)).toEqual(want))
}

const only =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n'
const updates: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['a new image', pod(), '{ spec: { containers: [{ name: c, image: "nginx:2", imagePullPolicy: Always }] } }', []],
  ['one toleration more', pod(), pod('tolerations: [{ key: a, operator: Exists }]'), []],
  [
    'a toleration less',
    pod('tolerations: [{ key: a, operator: Exists }]'),
    pod(),
    ['spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds'],
  ],
  [
    'a container more',
    pod(),
    '{ spec: { containers: [{ name: c, image: nginx }, { name: d, image: d }] } }',
    ['spec.containers: Forbidden: pod updates may not add or remove containers'],
  ],
  [
    'another node name',
    pod('nodeName: a'),
    pod('nodeName: b'),
    [
      `spec: Forbidden: ${only}@@ -42,7 +42,7 @@\n  "NodeSelector": null,\n  "ServiceAccountName": "",\n  "AutomountServiceAccountToken": null,\n- "NodeName": "a",\n+ "NodeName": "b",\n  "SecurityContext": {\n   "HostNetwork": false,\n   "HostPID": false,\n`,
    ],
  ],
  [
    'a later deadline',
    pod('activeDeadlineSeconds: 5'),
    pod('activeDeadlineSeconds: 9'),
    ['spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value'],
  ],
  [
    'a new gate',
    pod('schedulingGates: [{ name: a }]'),
    pod('schedulingGates: [{ name: b }]'),
    ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'"],
  ],
]
for (const [name, before, after, want] of updates) {
  test(`pods ${want.length === 0 ? 'take' : 'refuse'} ${name} in an update`, () =>
    expect(updateCauses(pods, before, after)).toEqual(want))
}

test('pods show the columns of kubectl', () => {
  expect(headers(pods)).toEqual([
    'Name',
    'Ready',
    'Status',
    'Restarts',
    'Age',
    '[IP]',
    '[Node]',
    '[Nominated Node]',
    '[Readiness Gates]',
  ])
})

const running = 'ready: true, state: { running: {} }'
const rows: readonly (readonly [string, string, string, readonly unknown[]])[] = [
  ['waiting to be scheduled', '', 'phase: Pending', ['0/1', 'Pending', '0', '5m']],
  [
    'gated',
    '',
    'phase: Pending, conditions: [{ type: PodScheduled, status: "False", reason: SchedulingGated }]',
    ['0/1', 'SchedulingGated', '0', '5m'],
  ],
  ['running', '', `phase: Running, containerStatuses: [{ name: c, ${running} }]`, ['1/1', 'Running', '0', '5m']],
  [
    'restarted two minutes ago',
    '',
    `phase: Running, containerStatuses: [{ name: c, ${running}, restartCount: 1, lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-02T03:07:05Z" } } }]`,
    ['1/1', 'Running', '1 (2m ago)', '5m'],
  ],
  [
    'crashing',
    '',
    'phase: Running, containerStatuses: [{ name: c, restartCount: 3, state: { waiting: { reason: CrashLoopBackOff } } }]',
    ['0/1', 'CrashLoopBackOff', '3', '5m'],
  ],
  [
    'completed',
    '',
    'phase: Succeeded, containerStatuses: [{ name: c, state: { terminated: { exitCode: 0, reason: Completed } } }]',
    ['0/1', 'Completed', '0', '5m'],
  ],
  [
    'killed by a signal',
    '',
    'phase: Failed, containerStatuses: [{ name: c, state: { terminated: { exitCode: 137, signal: 9 } } }]',
    ['0/1', 'Signal:9', '0', '5m'],
  ],
  [
    'in its second init container',
    'initContainers: [{ name: i, image: i }, { name: j, image: j }]',
    'phase: Pending, initContainerStatuses: [{ name: i, state: { terminated: { exitCode: 0 } } }, { name: j, state: { running: {} } }]',
    ['0/1', 'Init:1/2', '0', '5m'],
  ],
  [
    'with a failing init container',
    'initContainers: [{ name: i, image: i }]',
    'phase: Pending, initContainerStatuses: [{ name: i, restartCount: 2, state: { waiting: { reason: CrashLoopBackOff } } }]',
    ['0/1', 'Init:CrashLoopBackOff', '2', '5m'],
  ],
  [
    'with a sidecar',
    'initContainers: [{ name: i, image: i, restartPolicy: Always }]',
    `phase: Running, initContainerStatuses: [{ name: i, started: true, ${running} }], containerStatuses: [{ name: c, ${running} }]`,
    ['2/2', 'Running', '0', '5m'],
  ],
  ['evicted', '', 'phase: Failed, reason: Evicted', ['0/1', 'Evicted', '0', '5m']],
]
for (const [name, spec, status, want] of rows) {
  test(`pods show one that is ${name}`, () => expect(cells(pods, pod(spec, '', status)).slice(1, 5)).toEqual(want))
}

test('pods show Terminating while they go', () => {
  const yaml =
    '{ metadata: { deletionTimestamp: "2026-01-02T03:09:00Z" }, spec: { containers: [{ name: c, image: i }] }, status: { phase: Running } }'
  expect(cells(pods, yaml)[2]).toBe('Terminating')
})

const graces: readonly (readonly [string, string, string, number | undefined, number])[] = [
  ['the asked time', 'nodeName: n', 'phase: Running', 5, 5],
  ['its own time', 'nodeName: n', 'phase: Running', undefined, 30],
  ['no time when it runs nowhere', '', 'phase: Pending', 5, 0],
  ['no time when it has failed', 'nodeName: n', 'phase: Failed', undefined, 0],
  ['a second for a negative time', 'nodeName: n', 'phase: Running', -1, 1],
]
for (const [name, spec, status, asked, want] of graces) {
  test(`podGracePeriod() gives ${name}`, () =>
    expect(podGracePeriod(decoded(pods, pod(spec, '', status)) as unknown as Pod, asked)).toBe(want))
}

test('pods warn of variables that hide others and of old node labels', () => {
  const yaml = pod(
    'nodeSelector: { beta.kubernetes.io/os: linux }',
    'env: [{ name: A1, value: a }, { name: A1, value: b }]',
  )
  expect(pods.warnings?.(created(pods, yaml), undefined)).toEqual([
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.containers[0].env[1]: hides previous definition of "A1", which may be dropped when using apply',
  ])
})

test('pods take their own label into selectors with matchLabelKeys', () => {
  const yaml =
    '{ metadata: { labels: { v: "1" } }, spec: { containers: [{ name: c, image: i }], topologySpreadConstraints: [{ maxSkew: 1, topologyKey: t, whenUnsatisfiable: DoNotSchedule, labelSelector: {}, matchLabelKeys: [v] }] } }'
  const { spec } = created(pods, yaml) as unknown as Pod
  expect(spec.topologySpreadConstraints?.[0]?.labelSelector?.matchExpressions).toEqual([
    { key: 'v', operator: 'In', values: ['1'] },
  ])
})
