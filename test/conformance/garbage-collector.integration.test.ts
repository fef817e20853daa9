/** What becomes of dependents when their owner goes: deleted before it, behind it, or left alone. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { addHollowNode } from './nodes.ts'
import { type Collection, collectionAt } from './operations.ts'
import { podObject, podOwner, untilRunning } from './workloads.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
addHollowNode(cluster)

/** As many as upstream takes on its smallest clusters. */
const replicas = 10
/** As long as a collector that errs would need to show it; upstream waits 30 s. */
const errorShowsMs = 2_000

type Collections = { readonly [Name in 'pods' | 'controllers' | 'deployments' | 'replicaSets']: Collection }

async function startNamespace(): Promise<Collections & { readonly namespace: string }> {
  const namespace = await cluster.namespace()
  const at = (path: string, resource: string): Collection =>
    collectionAt(cluster, `${path}/namespaces/${namespace}/${resource}`)
  return {
    namespace,
    pods: at('/api/v1', 'pods'),
    controllers: at('/api/v1', 'replicationcontrollers'),
    deployments: at('/apis/apps/v1', 'deployments'),
    replicaSets: at('/apis/apps/v1', 'replicasets'),
  }
}

const controller = (name: string, count: number): object =>
  podOwner('ReplicationController', name, { gctest: name }, { replicas: count })

/** Creates a Deployment, waits for its ReplicaSet, and deletes it with the policy. */
async function deleteDeployment({ deployments, replicaSets }: Collections, propagationPolicy: string): Promise<Json> {
  const { metadata } = await deployments.create(podOwner('Deployment', 'simpletest', { gctest: 'd' }, { replicas: 2 }))
  const [replicaSet] = await eventually('the ReplicaSet', async () => {
    const { items } = await replicaSets.list()
    return items.length === 1 && items[0].status.replicas === 2 && items
  })
  await deployments.remove('simpletest', { propagationPolicy, preconditions: { uid: metadata.uid } })
  await deployments.gone('simpletest')
  return replicaSet
}

test('[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning [Conformance]', async () => {
  const collections = await startNamespace()
  await deleteDeployment(collections, 'Background')
  await collections.replicaSets.empty('')
  await collections.pods.empty('')
})

test('[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan [Conformance]', async () => {
  const collections = await startNamespace()
  const before = await deleteDeployment(collections, 'Orphan')
  await delay(errorShowsMs)
  const { items } = await collections.replicaSets.list()
  expect(items.map(({ metadata }: Json) => metadata.uid)).toEqual([before.metadata.uid])
  expect(items[0].metadata.ownerReferences).toBeUndefined()
  expect((await collections.pods.list()).items).toHaveLength(2)
})

test('[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning [Conformance]', async () => {
  const { namespace, pods, controllers } = await startNamespace()
  const { metadata } = await controllers.create(controller('simpletest', 2))
  await untilRunning(cluster, namespace, 2)
  await controllers.remove('simpletest', { propagationPolicy: 'Background', preconditions: { uid: metadata.uid } })
  await pods.empty('')
})

test('[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so [Serial] [Conformance]', async () => {
  const { namespace, pods, controllers } = await startNamespace()
  const { metadata } = await controllers.create(controller('simpletest', replicas))
  const before = await untilRunning(cluster, namespace, replicas)
  await controllers.remove('simpletest', { propagationPolicy: 'Orphan', preconditions: { uid: metadata.uid } })
  await controllers.gone('simpletest')
  await delay(errorShowsMs)
  const { items } = await pods.list()
  const uids = (objects: readonly Json[]): string[] => objects.map((pod) => pod.metadata.uid).sort()
  expect(uids(items)).toEqual(uids(before))
  for (const pod of items) {
    expect(pod.metadata.ownerReferences).toBeUndefined()
    expect(pod.metadata.deletionTimestamp).toBeUndefined()
  }
})

test('[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so [Serial] [Conformance]', async () => {
  const { namespace, pods, controllers } = await startNamespace()
  const { metadata } = await controllers.create(controller('simpletest', replicas))
  // One pod does not go by itself: as long as it is there, so is its owner.
  const [held] = await untilRunning(cluster, namespace, replicas)
  await pods.patch(held.metadata.name, { metadata: { finalizers: ['example.com/hold'] } })
  await controllers.remove('simpletest', { propagationPolicy: 'Foreground', preconditions: { uid: metadata.uid } })
  await eventually('only the held pod', async () => (await pods.list()).items.length === 1)
  const waiting = await controllers.get('simpletest')
  expect(waiting.metadata.deletionTimestamp).toBeDefined()
  expect(waiting.metadata.finalizers).toEqual(['foregroundDeletion'])
  await pods.patch(held.metadata.name, { metadata: { finalizers: null } })
  await controllers.gone('simpletest')
  expect((await pods.list()).items).toEqual([])
})

test("[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted [Serial] [Conformance]", async () => {
  const { namespace, pods, controllers } = await startNamespace()
  const goes = await controllers.create(controller('to-be-deleted', replicas))
  const stays = await controllers.create(controller('to-stay', 0))
  const all = await untilRunning(cluster, namespace, replicas)
  const owner = { apiVersion: 'v1', kind: 'ReplicationController', name: 'to-stay', uid: stays.metadata.uid }
  const shared = all.slice(0, replicas / 2)
  for (const { metadata } of shared) {
    const patched = await pods.patch(metadata.name, { metadata: { ownerReferences: [owner] } }, 'strategic-merge')
    expect(patched.metadata.ownerReferences).toHaveLength(2)
  }
  await controllers.remove('to-be-deleted', {
    propagationPolicy: 'Foreground',
    preconditions: { uid: goes.metadata.uid },
  })
  await controllers.gone('to-be-deleted')
  const { items } = await pods.list()
  expect(items.map(({ metadata }: Json) => metadata.name).sort()).toEqual(
    shared.map(({ metadata }) => metadata.name).sort(),
  )
  for (const { metadata } of items) {
    expect(metadata.deletionTimestamp).toBeUndefined()
    expect(metadata.ownerReferences).toEqual([owner])
  }
})

test('[sig-api-machinery] Garbage collector should not be blocked by dependency circle [Conformance]', async () => {
  const { pods } = await startNamespace()
  const names = ['pod1', 'pod2', 'pod3']
  const made: Json[] = []
  for (const name of names) made.push(await pods.create(podObject(name)))
  for (const [index, name] of names.entries()) {
    const owner = made[(index + 2) % 3]
    const { uid } = owner.metadata
    const reference = {
      apiVersion: 'v1',
      kind: 'Pod',
      name: owner.metadata.name,
      uid,
      controller: true,
      blockOwnerDeletion: true,
    }
    const patched = await pods.patch(name, { metadata: { ownerReferences: [reference] } }, 'strategic-merge')
    expect(patched.metadata.ownerReferences).toEqual([reference])
  }
  const preconditions = { uid: made[0].metadata.uid }
  await pods.remove('pod1', { propagationPolicy: 'Foreground', preconditions })
  await eventually('the end of all three pods', async () => (await pods.list()).items.length === 0)
})
