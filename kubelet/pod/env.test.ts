import { expect, test } from 'vitest'
import type { Container, Pod, Service } from '../../api/core/v1.ts'
import { container, pod } from '../../test/fixtures/kubelet-pod.ts'
import { ContainerConfigError, containerEnv, type EnvSources, expand, serviceEnv } from './env.ts'
import { resourceFieldValue } from './field-ref.ts'

const expansions = [
  ['$(A)', '1'],
  ['$(A)$(B)', '12'],
  ['$(MISSING)', '$(MISSING)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$A {A} $', '$A {A} $'],
  ['$(A', '$(A'],
  ['$()', '$()'],
] as const
for (const [text, want] of expansions) {
  test(`expand() makes ${JSON.stringify(want)} of ${JSON.stringify(text)}`, () => {
    expect(expand(text, (name) => ({ A: '1', B: '2' })[name])).toBe(want)
  })
}

const meta = { resourceVersion: '1', uid: 'x', creationTimestamp: '2026-01-01T00:00:00Z' }
const sources = (more: Partial<EnvSources> = {}): EnvSources => ({
  services: [],
  configMaps: new Map([
    [
      'settings',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', ...meta }, data: { a: '1', b: '2' } },
    ],
  ]),
  secrets: new Map([
    ['hidden', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden', ...meta }, data: { key: 'czNjcmV0' } }],
  ]),
  podIps: ['10.0.0.9', 'fd00::9'],
  hostIps: ['172.16.0.1'],
  allocatable: { cpu: '2', memory: '1Gi' },
  ...more,
})
const env = (more: Partial<Container>, one: Pod = pod()): Record<string, string> =>
  Object.fromEntries(containerEnv(one, container('c', more), sources()))

test('containerEnv() lets env override envFrom and refer to what stands before it', () => {
  expect(
    env({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'hidden' } }],
      env: [
        { name: 'P_a', value: 'own' },
        { name: 'SUM', value: '$(P_a)+$(P_b)+$(LATER)' },
        { name: 'LATER', value: 'x' },
      ],
    }),
  ).toEqual({ P_a: 'own', P_b: '2', key: 's3cret', SUM: 'own+2+$(LATER)', LATER: 'x' })
})

test('containerEnv() resolves references to fields, resources and keys', () => {
  const one = pod({ nodeName: 'n1', serviceAccountName: 'robot' }, { labels: { app: 'demo' } })
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
  expect(
    env(
      {
        resources: { limits: { memory: '64Mi' } },
        env: [
          field('NAME', 'metadata.name'),
          field('LABEL', "metadata.labels['app']"),
          field('NODE', 'spec.nodeName'),
          field('ACCOUNT', 'spec.serviceAccountName'),
          field('IP', 'status.podIP'),
          field('IPS', 'status.podIPs'),
          field('HOST', 'status.hostIP'),
          { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 'hidden', key: 'key' } } },
          { name: 'ABSENT', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
        ],
      },
      one,
    ),
  ).toEqual({
    NAME: 'web',
    LABEL: 'demo',
    NODE: 'n1',
    ACCOUNT: 'robot',
    IP: '10.0.0.9',
    IPS: '10.0.0.9,fd00::9',
    HOST: '172.16.0.1',
    MEMORY: '64',
    KEY: 's3cret',
  })
})

const refusals: readonly (readonly [string, Partial<Container>])[] = [
  ['configmap "none" not found', { envFrom: [{ configMapRef: { name: 'none' } }] }],
  ['secret "none" not found', { envFrom: [{ secretRef: { name: 'none' } }] }],
  [
    "couldn't find key z in ConfigMap default/settings",
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'z' } } }] },
  ],
  [
    "couldn't find key z in Secret default/hidden",
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'hidden', key: 'z' } } }] },
  ],
]
for (const [message, more] of refusals) {
  test(`containerEnv() refuses: ${message}`, () => {
    expect(() => env(more)).toThrow(new ContainerConfigError(message))
  })
}

const resourceTable = [
  ['limits.cpu', '1', '1'],
  ['limits.cpu', '1m', '250'],
  ['requests.cpu', '1m', '250'],
  ['limits.memory', '1Mi', '1024'],
] as const
for (const [resource, divisor, want] of resourceTable) {
  test(`resourceFieldValue() of ${resource} in ${divisor} is ${want}`, () => {
    const own = container('c', { resources: { limits: { cpu: '250m' } } })
    expect(resourceFieldValue(pod(), own, { resource, divisor }, { cpu: '2', memory: '1Gi' })).toBe(want)
  })
}

function service(name: string, namespace: string, more: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, ...meta },
    spec: { clusterIP: '10.96.0.7', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...more },
    status: { loadBalancer: {} },
  }
}

test('serviceEnv() describes the services of the namespace and default/kubernetes', () => {
  const services = [
    service('my-db', 'default'),
    service('other', 'elsewhere'),
    service('headless', 'default', { clusterIP: 'None' }),
    service('kubernetes', 'default', {
      clusterIP: '10.96.0.1',
      ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
    }),
  ]
  expect(Object.fromEntries(serviceEnv(pod(), services))).toEqual({
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    KUBERNETES_PORT: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
    KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_443_TCP_PORT: '443',
    KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
    MY_DB_SERVICE_HOST: '10.96.0.7',
    MY_DB_SERVICE_PORT: '80',
    MY_DB_SERVICE_PORT_HTTP: '80',
    MY_DB_PORT: 'tcp://10.96.0.7:80',
    MY_DB_PORT_80_TCP: 'tcp://10.96.0.7:80',
    MY_DB_PORT_80_TCP_PROTO: 'tcp',
    MY_DB_PORT_80_TCP_PORT: '80',
    MY_DB_PORT_80_TCP_ADDR: '10.96.0.7',
  })
  const alone = serviceEnv(pod({ enableServiceLinks: false }), services)
  expect([...alone.keys()].every((name) => name.startsWith('KUBERNETES_'))).toBe(true)
})
