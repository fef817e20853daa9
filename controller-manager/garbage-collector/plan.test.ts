import { expect, test } from 'vitest'
import type { OwnerReference } from '../../api/resource.ts'
import type { DiscoveredResource } from '../discovery.ts'
import { createGraph, type GraphNode } from './graph.ts'
import { decide, type OwnerState, plan } from './plan.ts'

const resource: DiscoveredResource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  verbs: [],
}
const owner = (uid: string, blockOwnerDeletion = true): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'Pod',
  name: uid,
  uid,
  blockOwnerDeletion,
})

function node(uid: string, rest: Partial<GraphNode> = {}): GraphNode {
  return {
    uid,
    resource,
    apiVersion: 'v1',
    name: uid,
    namespace: 'default',
    owners: [],
    finalizers: [],
    isBeingDeleted: false,
    ...rest,
  }
}
const leaving = (uid: string, finalizer: string, rest: Partial<GraphNode> = {}): GraphNode =>
  node(uid, { isBeingDeleted: true, finalizers: [finalizer], ...rest })

test('plan() leaves an object alone whose owners stand', () => {
  expect(plan({ node: node('a', { owners: [owner('o')] }), owners: [node('o')], dependents: [] }).actions).toEqual([])
})

test('plan() looks closer at an object whose owner is not known', () => {
  expect(plan({ node: node('a', { owners: [owner('o')] }), owners: [], dependents: [] }).actions).toMatchObject([
    { type: 'collect' },
  ])
})

test('plan() looks closer at an object whose owner waits for it', () => {
  const owners = [leaving('o', 'foregroundDeletion')]
  expect(plan({ node: node('a', { owners: [owner('o')] }), owners, dependents: [] }).actions).toMatchObject([
    { type: 'collect' },
  ])
  expect(plan({ node: node('a', { owners: [owner('o', false)] }), owners, dependents: [] }).actions).toEqual([])
})

test('plan() lets an owner go only when nothing that blocks it is left', () => {
  const self = leaving('o', 'foregroundDeletion')
  const dependent = node('a', { owners: [owner('o')] })
  expect(plan({ node: self, owners: [], dependents: [dependent] }).actions).toMatchObject([
    { type: 'wake', nodes: [{ uid: 'a' }] },
  ])
  const free = node('b', { owners: [owner('o', false)] })
  expect(plan({ node: self, owners: [], dependents: [free] }).actions).toMatchObject([
    { type: 'removeFinalizer', finalizer: 'foregroundDeletion' },
  ])
})

test('plan() frees the dependents before an orphaning owner goes', () => {
  const dependents = [node('a', { owners: [owner('o')] })]
  const { actions } = plan({ node: leaving('o', 'orphan'), owners: [], dependents })
  expect(actions).toMatchObject([
    { type: 'orphanDependents', dependents: [{ uid: 'a' }] },
    { type: 'removeFinalizer', finalizer: 'orphan' },
  ])
})

test.each<readonly [string, readonly OwnerState[], readonly string[], readonly GraphNode[], object]>([
  ['all owners stand', ['solid', 'solid'], [], [], { type: 'keep' }],
  ['one of two owners is gone', ['solid', 'absent'], [], [], { type: 'dropOwners', uids: ['o1'] }],
  ['all owners are gone', ['absent', 'absent'], [], [], { type: 'delete', policy: 'Background' }],
  ['all are gone and it is to orphan', ['absent'], ['orphan'], [], { type: 'delete', policy: 'Orphan' }],
  [
    'the owner waits, and others depend on it',
    ['waiting'],
    [],
    [node('d')],
    { type: 'delete', policy: 'Foreground', unblock: false },
  ],
  [
    'the owner waits in a circle',
    ['waiting'],
    [],
    [leaving('d', 'foregroundDeletion')],
    { type: 'delete', policy: 'Foreground', unblock: true },
  ],
  ['the owner waits, and nothing depends on it', ['waiting'], [], [], { type: 'delete', policy: 'Background' }],
])('decide() when %s', (_, states, finalizers, dependents, expected) => {
  const owners = states.map((_state, at) => owner(`o${at}`))
  const stateOf = ({ uid }: OwnerReference): OwnerState => states[Number(uid.slice(1))] ?? 'solid'
  expect(decide({ owners, finalizers }, stateOf, dependents)).toMatchObject(expected)
})

test('createGraph() follows dependents through changes of owner and deletion', () => {
  const graph = createGraph()
  graph.set(node('a', { owners: [owner('o1')] }))
  expect(graph.dependentsOf('o1').map(({ uid }) => uid)).toEqual(['a'])
  graph.set(node('a', { owners: [owner('o2')] }))
  expect(graph.dependentsOf('o1')).toEqual([])
  graph.delete('a')
  expect(graph.dependentsOf('o2')).toEqual([])
})
