import { expect, test } from 'vitest'
import type { FlowSchema } from '../../api/flowcontrol/v1.ts'
import { parseRequestInfo, type UserInfo } from '../http/request-info.ts'
import { compileSchema, inMatchingOrder, matchRequest, rulesFor } from './match.ts'
import { bootstrapConfiguration } from './suggested.ts'

function toSchema(name: string, spec: FlowSchema['spec']): FlowSchema {
  const metadata = { name, uid: name, resourceVersion: '1', creationTimestamp: '' }
  return { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', metadata, spec, status: {} }
}

const shipped = bootstrapConfiguration.flatMap(({ name, spec }) =>
  'matchingPrecedence' in spec ? [toSchema(name, spec)] : [],
)

function match(schemas: readonly FlowSchema[], user: UserInfo, method: string, url: string): string | undefined {
  const compiled = inMatchingOrder(schemas).map(compileSchema)
  return matchRequest(rulesFor(compiled, user), parseRequestInfo(method, url))?.schema.metadata.name
}

const authenticated = 'system:authenticated'
const user = (name: string, ...groups: readonly string[]): UserInfo => ({ name, groups: [...groups, authenticated] })
const admin = user('admin', 'system:masters')
const node = user('system:node:a', 'system:nodes')
const account = (namespace: string): UserInfo =>
  user(`system:serviceaccount:${namespace}:x`, 'system:serviceaccounts', `system:serviceaccounts:${namespace}`)
const anonymous: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] }
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x'

const table: readonly (readonly [UserInfo, string, string, string])[] = [
  [admin, 'GET', '/api/v1/pods', 'exempt'],
  [admin, 'GET', '/healthz', 'exempt'],
  [anonymous, 'GET', '/healthz', 'probes'],
  [anonymous, 'GET', '/livez/ping', 'probes'],
  [anonymous, 'GET', '/livezz', 'global-default'],
  [anonymous, 'POST', '/healthz', 'global-default'],
  [node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a', 'system-node-high'],
  [node, 'PATCH', '/api/v1/nodes/a/status', 'system-node-high'],
  [node, 'GET', '/api/v1/nodes/a/proxy', 'system-nodes'],
  [node, 'GET', '/api/v1/pods', 'system-nodes'],
  [user('system:kube-scheduler'), 'PUT', leases, 'system-leader-election'],
  [user('system:kube-scheduler'), 'DELETE', leases, 'kube-scheduler'],
  [user('system:kube-controller-manager'), 'GET', '/api/v1/pods', 'kube-controller-manager'],
  [account('kube-system'), 'GET', leases, 'system-leader-election'],
  [account('kube-system'), 'GET', '/api/v1/pods', 'kube-system-service-accounts'],
  [account('kube-system2'), 'GET', '/api/v1/pods', 'service-accounts'],
  [user('alice'), 'GET', '/api/v1/namespaces/x/pods', 'global-default'],
]

for (const [who, method, url, want] of table) {
  test(`matchRequest() puts ${method} ${url} of ${who.name} into ${want}`, () => {
    expect(match(shipped, who, method, url)).toBe(want)
  })
}

function withRule(name: string, matchingPrecedence: number, rule: object): FlowSchema {
  return toSchema(name, {
    priorityLevelConfiguration: { name: 'x' },
    matchingPrecedence,
    rules: [{ subjects: [{ kind: 'Group', group: { name: authenticated } }], ...rule }],
  })
}

const pods = { verbs: ['list'], apiGroups: [''], resources: ['pods'], namespaces: ['a'] }

test('matchRequest() takes a namespace for what it says: all namespaces need cluster scope', () => {
  const schemas = [
    withRule('one', 5, { resourceRules: [pods] }),
    withRule('all', 6, { resourceRules: [{ ...pods, namespaces: [], clusterScope: true }] }),
  ]
  const alice = user('alice')
  expect(match(schemas, alice, 'GET', '/api/v1/namespaces/a/pods')).toBe('one')
  expect(match(schemas, alice, 'GET', '/api/v1/namespaces/b/pods')).toBeUndefined()
  expect(match(schemas, alice, 'GET', '/api/v1/pods')).toBe('all')
  expect(match(schemas, alice, 'GET', '/api/v1/namespaces/a/pods/x')).toBeUndefined()
})

test('inMatchingOrder() goes by precedence, then by name', () => {
  const schemas = [withRule('b', 5, {}), withRule('a', 5, {}), withRule('z', 1, {})]
  expect(inMatchingOrder(schemas).map(({ metadata }) => metadata.name)).toEqual(['z', 'a', 'b'])
})
