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
import type { Service } from './v1.ts'

const services = resourceOf('Service')

test('services fill in what a minimal Service leaves out', () => {
  expect((created(services, '{ spec: { ports: [{ port: 80 }] } }') as unknown as Service).spec).toEqual({
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
  })
})

test('services fill in what a load balancer with affinity needs', () => {
  const yaml = '{ spec: { type: LoadBalancer, sessionAffinity: ClientIP, ports: [{ port: 80, targetPort: http }] } }'
  expect((decoded(services, yaml) as unknown as Service).spec).toMatchObject({
    externalTrafficPolicy: 'Cluster',
    allocateLoadBalancerNodePorts: true,
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
    ports: [{ targetPort: 'http' }],
  })
})

const invalid: readonly (readonly [string, string, readonly string[]])[] = [
  ['nothing in a good Service', '{ spec: { ports: [{ port: 80 }] } }', []],
  ['nothing in a headless Service without ports', '{ spec: { clusterIP: None } }', []],
  ['a Service without ports', '{ spec: {} }', ['spec.ports: Required value']],
  [
    'two ports without names',
    '{ spec: { ports: [{ port: 80 }, { port: 81 }] } }',
    ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
  ],
  [
    'one port twice',
    '{ spec: { ports: [{ name: a, port: 80 }, { name: b, port: 80 }] } }',
    [
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  ],
  [
    'a node port of a ClusterIP Service',
    '{ spec: { ports: [{ port: 80, nodePort: 30000 }] } }',
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    'an external name that is missing, and addresses beside it',
    '{ spec: { type: ExternalName, clusterIP: 10.0.0.1 } }',
    ['spec.clusterIPs: Forbidden: may not be set for ExternalName services', 'spec.externalName: Required value'],
  ],
  [
    'an affinity without end',
    '{ spec: { sessionAffinity: ClientIP, sessionAffinityConfig: { clientIP: { timeoutSeconds: 90000 } }, ports: [{ port: 80 }] } }',
    [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
    ],
  ],
  [
    'a traffic policy for outside that has no outside',
    '{ spec: { externalTrafficPolicy: Local, ports: [{ port: 80 }] } }',
    ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
  ],
  [
    'an external address of this machine',
    '{ spec: { externalIPs: [127.0.0.1], ports: [{ port: 80 }] } }',
    ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ],
]
for (const [name, yaml, want] of invalid) {
  test(`services refuse ${name}`, () => expect(createCauses(services, yaml)).toEqual(want))
}

const allocated = '{ spec: { type: NodePort, clusterIP: 10.96.0.5, ports: [{ port: 80, nodePort: 30080 }] } }'

/** The spec after an update of a stored Service. */
function updated(before: string, after: string): Service['spec'] {
  const old = created(services, before)
  const next = services.prepareForUpdate?.(decoded(services, after), old) ?? old
  return (next as unknown as Service).spec
}

test('services keep what they were given when an update leaves it out', () => {
  expect(updated(allocated, '{ spec: { type: NodePort, ports: [{ port: 80 }] } }')).toMatchObject({
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
    ports: [{ port: 80, nodePort: 30080 }],
  })
})

test('services lose node ports and addresses with the type that needs them', () => {
  const asClusterIp = '{ spec: { type: ClusterIP, clusterIP: 10.96.0.5, ports: [{ port: 80, nodePort: 30080 }] } }'
  expect(updated(allocated, asClusterIp).ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }])
  const asName =
    '{ spec: { type: ExternalName, externalName: a.example.com, clusterIP: 10.96.0.5, clusterIPs: [10.96.0.5], ports: [{ port: 80, nodePort: 30080 }] } }'
  expect(updated(allocated, asName)).not.toHaveProperty('clusterIP')
})

const moves: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'another address',
    'clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9]',
    ['spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set'],
  ],
  [
    'another address from a client that knows no lists',
    'clusterIP: 10.96.0.9, clusterIPs: [10.96.0.5]',
    ['spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set'],
  ],
  [
    'another address without a list',
    'clusterIP: 10.96.0.9',
    ['spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set'],
  ],
]
for (const [name, addresses, want] of moves) {
  test(`services refuse ${name}`, () => {
    const after = `{ spec: { type: NodePort, ${addresses}, ports: [{ port: 80 }] } }`
    expect(updateCauses(services, allocated, after)).toEqual(want)
  })
}

test('services show the columns of kubectl', () => {
  expect(headers(services)).toEqual(['Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', '[Selector]'])
  expect(
    cells(
      services,
      '{ spec: { type: LoadBalancer, clusterIPs: [10.96.0.5], clusterIP: 10.96.0.5, selector: { b: x, a: y }, ports: [{ port: 80, nodePort: 30080 }, { port: 53, protocol: UDP }] } }',
    ),
  ).toEqual(['a', 'LoadBalancer', '10.96.0.5', '<pending>', '80:30080/TCP,53/UDP', '5m', 'a=y,b=x'])
  expect(cells(services, '{ spec: { type: ExternalName, externalName: x.example.com } }').slice(1, 5)).toEqual([
    'ExternalName',
    '<none>',
    'x.example.com',
    '<none>',
  ])
})
