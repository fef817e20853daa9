import { expect, test } from 'vitest'
import type { Node, Pod, Service } from '../../api/core/v1.ts'
import type { ClusterObjects } from './cluster.ts'
import { longFlags, placesIn } from './command.ts'
import { destinationOf, parsePlace, type Question, senderOf, splitPort } from './target.ts'

const pod = (name: string, spec: object = {}) =>
  ({
    metadata: { namespace: 'default', name },
    spec: {
      nodeName: 'node-1',
      containers: [
        {
          name: 'c',
          ports: [
            { name: 'http', containerPort: 8080 },
            { name: 'dns', containerPort: 53, protocol: 'UDP' },
          ],
        },
      ],
      ...spec,
    },
    status: { phase: 'Running', podIPs: [{ ip: name === 'b' ? '10.1.0.6' : '10.1.0.5' }] },
  }) as unknown as Pod
const service = (name: string, spec: object) =>
  ({ metadata: { namespace: 'default', name }, spec: { clusterIPs: ['10.96.0.5'], ...spec } }) as unknown as Service
const ports = [
  { name: 'web', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
]
const objects: ClusterObjects = {
  nodes: ['node-1', 'node-2'].map(
    (name, at) =>
      ({
        metadata: { name },
        status: { addresses: [{ type: 'InternalIP', address: `192.0.2.${at + 1}` }] },
      }) as unknown as Node,
  ),
  pods: [pod('a'), pod('b'), pod('host', { hostNetwork: true }), pod('waiting', { nodeName: '' })],
  services: [
    service('api', { ports }),
    service('one', {
      clusterIPs: ['10.96.0.6'],
      ports: [{ port: 443, protocol: 'TCP' }],
      externalIPs: ['198.51.100.1'],
    }),
    service('elsewhere', { type: 'ExternalName', externalName: 'example.org' }),
    service('headless', { clusterIPs: ['None'], ports: [{ port: 80, protocol: 'TCP' }] }),
  ],
  ...{ slices: [], namespaces: [], policies: [], serviceCidrs: ['10.96.0.0/12'] },
}

function ask(from: string, target: string, more: Partial<Question> = {}) {
  const { place, port } = splitPort(target)
  const question = {
    from: parsePlace(from, 'default'),
    to: parsePlace(place, 'default'),
    port,
    protocol: undefined,
    via: undefined,
    ...more,
  }
  const to = destinationOf(question, objects)
  return { to, sender: senderOf(question, to, objects) }
}

test.each([
  ['a', { type: 'pod', namespace: 'here', name: 'a' }],
  ['ns/a', { type: 'pod', namespace: 'ns', name: 'a' }],
  ['pod/a', { type: 'pod', namespace: 'here', name: 'a' }],
  ['pod/ns/a', { type: 'pod', namespace: 'ns', name: 'a' }],
  ['node/a', { type: 'node', name: 'a' }],
  ['svc/a', { type: 'service', namespace: 'here', name: 'a' }],
  ['service/ns/a', { type: 'service', namespace: 'ns', name: 'a' }],
  ['a.ns.svc', { type: 'service', namespace: 'ns', name: 'a' }],
  ['a.ns.svc.cluster.local', { type: 'service', namespace: 'ns', name: 'a' }],
  ['10.0.0.1', { type: 'address', ip: '10.0.0.1' }],
  ['fd00::1', { type: 'address', ip: 'fd00::1' }],
])('parsePlace() reads %s', (text, want) => {
  expect(parsePlace(text, 'here')).toEqual(want)
})

test.each([
  ['svc/a:http', 'svc/a', 'http'],
  ['a', 'a', undefined],
  ['10.0.0.1:80', '10.0.0.1', '80'],
  ['fd00::1', 'fd00::1', undefined],
  ['[fd00::1]:80', 'fd00::1', '80'],
])('splitPort() reads %s', (text, place, port) => {
  expect(splitPort(text)).toEqual({ place, port })
})

test.each([
  ['svc/api:web', 80, 'tcp'],
  ['svc/api:53', 53, 'tcp'],
  ['svc/api:dns', 53, 'udp'],
  ['svc/one', 443, 'tcp'],
  ['svc/one:8443', 8443, 'tcp'],
  ['198.51.100.1', 443, 'tcp'],
  ['b:http', 8080, 'tcp'],
  ['b:dns', 53, 'udp'],
  ['b:9000', 9000, 'tcp'],
  ['node/node-2:30000', 30_000, 'tcp'],
])('destinationOf() finds port and protocol of %s', (target, port, protocol) => {
  expect(ask('a', target).to).toMatchObject({ port, protocol })
})

test('destinationOf() takes the protocol that is asked for', () => {
  expect(ask('a', 'svc/api:53', { protocol: 'udp' }).to).toMatchObject({ port: 53, protocol: 'udp' })
})

test.each([
  ['absent', 'svc/api:web', 'Error from server (NotFound): pods "absent" not found'],
  ['a', 'svc/absent:1', 'Error from server (NotFound): services "absent" not found'],
  ['node/absent', 'b:1', 'Error from server (NotFound): nodes "absent" not found'],
  ['a', 'svc/api', 'Service api has several ports, say which one: web 80/tcp, dns 53/udp, dns-tcp 53/tcp'],
  ['a', 'svc/api:metrics', 'Service api does not have a service port metrics'],
  ['a', 'b:metrics', "Pod 'b' does not have a named port 'metrics'"],
  ['a', 'b', 'say which port of pod b: TO:PORT'],
  ['a', 'node/node-1', 'say which port: TO:PORT'],
  ['a', '10.0.0.1:70000', 'invalid port "70000": must be between 1 and 65535, inclusive'],
  [
    'a',
    'svc/elsewhere:80',
    'service default/elsewhere is a name for example.org, which DNS answers: trace that address',
  ],
  ['a', 'svc/headless', 'service default/headless is headless and has no ready endpoints: its name has no address'],
  ['svc/api', 'b:80', 'a Service sends nothing: FROM is a pod, a node or an address'],
  ['waiting', 'b:80', 'pod default/waiting is not on a node yet'],
  ['fd00::1', '10.0.0.1:80', 'fd00::1 and 10.0.0.1 are of different families'],
  ['a', 'deploy/ns/b:80', 'the server doesn\'t have a resource type "deploy"'],
])('a question from %s to %s is answered: %s', (from, target, message) => {
  expect(() => ask(from, target)).toThrow(message)
})

test.each([
  ['a', 'b:80', { type: 'pod', ip: '10.1.0.5', node: 'node-1' }],
  ['10.1.0.5', 'b:80', { type: 'pod', node: 'node-1' }],
  ['host', 'b:80', { type: 'node', node: 'node-1' }],
  ['192.0.2.2', 'b:80', { type: 'node', node: 'node-2' }],
  ['203.0.113.1', 'node/node-2:80', { type: 'outside', ip: '203.0.113.1', node: 'node-2' }],
  ['203.0.113.1', 'svc/one', { type: 'outside', node: 'node-1' }],
])('senderOf() knows who %s is when it sends to %s', (from, target, want) => {
  expect(ask(from, target).sender).toMatchObject(want)
})

test('senderOf() lets packets from outside in by --via, which must be a node', () => {
  expect(ask('203.0.113.1', 'svc/one', { via: 'node-2' }).sender.node).toBe('node-2')
  expect(() => ask('203.0.113.1', 'svc/one', { via: 'node-3' })).toThrow('nodes "node-3" not found')
})

test('longFlags() and placesIn() read what people type', () => {
  expect(longFlags(['-n', 'x', '-ojson', '-n=y', 'a'])).toEqual([
    '--namespace',
    'x',
    '--output=json',
    '--namespace=y',
    'a',
  ])
  expect(() => longFlags(['-z'])).toThrow("unknown shorthand flag: 'z' in -z")
  expect(placesIn(['pod', 'a', 'svc', 'b:80'])).toEqual(['pod/a', 'svc/b:80'])
  expect(placesIn(['a', 'svc/b:80'])).toEqual(['a', 'svc/b:80'])
  expect(() => placesIn(['a'])).toThrow('trace needs FROM and TO')
  expect(() => placesIn(['a', 'b', 'c'])).toThrow('unexpected argument "c"')
})
