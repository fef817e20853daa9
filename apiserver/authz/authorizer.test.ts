import { describe, expect, it } from 'vitest'
import { parseRequestInfo, type UserInfo } from '../http/request-info.ts'
import { readerOf } from '../registry/plain-reader.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { bootstrapPolicy } from './bootstrap-policy.ts'
import { createAuthorizer } from './chain.ts'
import { forbiddenRequest } from './forbidden.ts'
import { createNodePlugin } from './node.ts'
import { createRbacPlugin } from './rbac.ts'

const policy = Object.values(bootstrapPolicy).flat()
const binding = (role: string, subject: object, namespace = 'team') => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: `${role}-binding`, namespace },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
  subjects: [subject],
})
const pod = (name: string, nodeName: string, spec: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'team' },
  spec: { nodeName, containers: [{ name: 'c' }], ...spec },
})

const slice = (name: string, nodeName: string) => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  metadata: { name },
  spec: { nodeName },
})

async function decide(reader: ObjectReader, user: UserInfo, method: string, url: string) {
  const authorizer = createAuthorizer([createNodePlugin(reader), createRbacPlugin(reader)])
  return await authorizer.authorize({ user, info: parseRequestInfo(method, url) })
}

const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] })

describe('createAuthorizer() with the bootstrap policy', () => {
  const reader = readerOf([
    ...policy,
    binding('view', { kind: 'User', name: 'vera' }),
    binding('edit', { kind: 'ServiceAccount', name: 'robot', namespace: 'team' }),
    binding('admin', { kind: 'Group', name: 'owners' }),
    binding('missing', { kind: 'User', name: 'mia' }),
  ])
  const robot = user('system:serviceaccount:team:robot')

  it.each([
    ['vera', user('vera'), 'GET', '/api/v1/namespaces/team/pods', 'allow'],
    ['vera', user('vera'), 'GET', '/api/v1/namespaces/team/pods/x/log', 'allow'],
    ['vera', user('vera'), 'GET', '/api/v1/namespaces/team/secrets', 'noOpinion'],
    ['vera', user('vera'), 'GET', '/api/v1/namespaces/other/pods', 'noOpinion'],
    ['vera', user('vera'), 'GET', '/api/v1/pods', 'noOpinion'],
    ['a view reader of events', user('vera'), 'GET', '/apis/events.k8s.io/v1/namespaces/team/events', 'allow'],
    ['the robot', robot, 'POST', '/api/v1/namespaces/team/pods', 'allow'],
    ['the robot', robot, 'POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles', 'noOpinion'],
    ['an owner', user('olga', 'owners'), 'POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/team/roles', 'allow'],
    ['an owner of what edit grants', user('olga', 'owners'), 'POST', '/api/v1/namespaces/team/pods', 'allow'],
    ['anyone', user('x'), 'GET', '/version', 'allow'],
    ['anyone', user('x'), 'GET', '/apis/apps/v1', 'allow'],
    ['anonymous', { name: 'system:anonymous', groups: ['system:unauthenticated'] }, 'GET', '/healthz', 'allow'],
    ['anonymous', { name: 'system:anonymous', groups: ['system:unauthenticated'] }, 'GET', '/api', 'noOpinion'],
    ['a master', user('root', 'system:masters'), 'DELETE', '/api/v1/nodes/x', 'allow'],
    ['the scheduler', user('system:kube-scheduler'), 'POST', '/api/v1/namespaces/a/pods/x/binding', 'allow'],
  ] as const)('%s: %o %s %s is %s', async (_, who, method, url, expected) => {
    expect((await decide(reader, who, method, url)).type).toBe(expected)
  })

  it('says through which binding it allows', async () => {
    expect((await decide(reader, user('vera'), 'GET', '/api/v1/namespaces/team/pods')).reason).toBe(
      'RBAC: allowed by RoleBinding "view-binding/team" of ClusterRole "view" to User "vera"',
    )
    expect((await decide(reader, robot, 'GET', '/api/v1/namespaces/team/pods')).reason).toBe(
      'RBAC: allowed by RoleBinding "edit-binding/team" of ClusterRole "edit" to ServiceAccount "robot/team"',
    )
  })

  it('says which role is missing', async () => {
    expect(await decide(reader, user('mia'), 'GET', '/api/v1/namespaces/team/pods')).toEqual({
      type: 'noOpinion',
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "missing" not found',
    })
  })
})

describe('createAuthorizer() for nodes', () => {
  const node = user('system:node:one', 'system:nodes')
  const reader = readerOf([
    ...policy,
    pod('a', 'one', {
      serviceAccountName: 'robot',
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [
        { name: 's', secret: { secretName: 'tls' } },
        { name: 'p', projected: { sources: [{ configMap: { name: 'ca' } }, { secret: { name: 'deep' } }] } },
        { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
      ],
      containers: [{ name: 'c', env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }] }],
    }),
    slice('own', 'one'),
    slice('foreign', 'two'),
    pod('b', 'two', { volumes: [{ name: 's', secret: { secretName: 'foreign' } }] }),
  ])
  const noRelation = "no relationship found between node 'one' and this object"

  it.each([
    ['GET', '/api/v1/namespaces/team/secrets/pull', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/secrets/tls', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/secrets/deep', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/secrets/env', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/secrets?fieldSelector=metadata.name%3Dtls&watch=1', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/secrets/foreign', 'noOpinion', noRelation],
    ['GET', '/api/v1/namespaces/team/secrets', 'noOpinion', 'No Object name found'],
    ['DELETE', '/api/v1/namespaces/team/secrets/tls', 'noOpinion', 'can only read resources of this type'],
    ['GET', '/api/v1/namespaces/team/configmaps/ca', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/persistentvolumeclaims/data', 'allow', ''],
    ['POST', '/api/v1/namespaces/team/serviceaccounts/robot/token', 'allow', ''],
    ['POST', '/api/v1/namespaces/team/serviceaccounts/other/token', 'noOpinion', noRelation],
    ['GET', '/api/v1/nodes/one', 'allow', ''],
    ['GET', '/api/v1/nodes/two', 'noOpinion', "node 'one' cannot read 'two', only its own Node object"],
    ['GET', '/api/v1/nodes', 'noOpinion', "node 'one' cannot read all nodes, only its own Node object"],
    ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3Done', 'allow', ''],
    ['PATCH', '/api/v1/nodes/one/status', 'allow', ''],
    ['GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Done', 'allow', ''],
    ['GET', '/api/v1/pods', 'noOpinion', 'can only list/watch pods with spec.nodeName field selector'],
    ['GET', '/api/v1/namespaces/team/pods/a', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/pods/b', 'noOpinion', noRelation],
    ['PATCH', '/api/v1/namespaces/team/pods/a/status', 'allow', ''],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/one', 'allow', ''],
    [
      'PUT',
      '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/two',
      'noOpinion',
      'can only access node lease with the same name as the requesting node',
    ],
    ['GET', '/api/v1/services?watch=true', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/serviceaccounts/robot', 'allow', ''],
    ['GET', '/api/v1/namespaces/team/serviceaccounts/other', 'noOpinion', noRelation],
    ['POST', '/apis/resource.k8s.io/v1/resourceslices', 'allow', ''],
    ['GET', '/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName%3Done', 'allow', ''],
    [
      'DELETE',
      '/apis/resource.k8s.io/v1/resourceslices',
      'noOpinion',
      'can only list/watch/deletecollection resourceslices with nodeName field selector',
    ],
    ['PUT', '/apis/resource.k8s.io/v1/resourceslices/own', 'allow', ''],
    ['PUT', '/apis/resource.k8s.io/v1/resourceslices/foreign', 'noOpinion', noRelation],
    ['POST', '/api/v1/namespaces/team/events', 'allow', ''],
    ['GET', '/apis/node.k8s.io/v1/runtimeclasses', 'allow', ''],
    ['DELETE', '/api/v1/namespaces/team/services/x', 'noOpinion', ''],
  ] as const)('%s %s is %s', async (method, url, type, reason) => {
    expect(await decide(reader, node, method, url)).toEqual({ type, reason })
  })
})

describe('forbiddenRequest()', () => {
  const message = (method: string, url: string, reason = '') =>
    forbiddenRequest({ user: user('jane'), info: parseRequestInfo(method, url) }, reason).message

  it.each([
    [
      message('GET', '/api/v1/namespaces/default/pods'),
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      message('GET', '/api/v1/nodes/a'),
      'nodes "a" is forbidden: User "jane" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      message('POST', '/apis/apps/v1/namespaces/x/deployments'),
      'deployments.apps is forbidden: User "jane" cannot create resource "deployments" in API group "apps" in the namespace "x"',
    ],
    [
      message('POST', '/api/v1/namespaces/x/pods/p/exec'),
      'pods "p" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "x"',
    ],
    [message('GET', '/metrics'), 'forbidden: User "jane" cannot get path "/metrics"'],
    [message('GET', '/metrics', 'because'), 'forbidden: User "jane" cannot get path "/metrics": because'],
  ])('says %s', (actual, expected) => {
    expect(actual).toBe(expected)
  })
})
