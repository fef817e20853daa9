/** Quotas: what they count, what they refuse, and what they give back. */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { type Collection, collectionAt, expectLater, expectResourceVersion, untilEvent } from './operations.ts'
import { podObject, podOwner } from './workloads.ts'

type Json = RawAnswer['json']
type Amounts = Readonly<Record<string, string>>

const cluster = conformanceCluster()
const coreIn = (namespace: string, resource: string): Collection =>
  collectionAt(cluster, `/api/v1/namespaces/${namespace}/${resource}`)

const extended = 'example.com/dongle'
const hard: Amounts = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  cpu: '1',
  memory: '500Mi',
  configmaps: '10',
  secrets: '10',
  persistentvolumeclaims: '10',
  'requests.storage': '10Gi',
  'ephemeral-storage': '50Gi',
  'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '10',
  'gold.storageclass.storage.k8s.io/requests.storage': '10Gi',
  'count/replicasets.apps': '5',
  [`requests.${extended}`]: '3',
}

const quotaObject = (name: string, spec: object, labels: Amounts = {}): object => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name, labels },
  spec,
})

type Quota = {
  readonly namespace: string
  /** Waits until the quota reports these amounts as used; gives all used amounts. */
  readonly used: (amounts: Amounts, name?: string) => Promise<Json>
}

/** A namespace with one quota of everything, whose status has been calculated. */
async function quotaOfEverything(): Promise<Quota> {
  const quota = await quotas({ all: { hard } })
  await quota.used({ resourcequotas: '1' }, 'all')
  return quota
}

async function quotas(specs: Readonly<Record<string, object>>): Promise<Quota> {
  const namespace = await cluster.namespace()
  const collection = coreIn(namespace, 'resourcequotas')
  for (const [name, spec] of Object.entries(specs)) await collection.create(quotaObject(name, spec))
  return {
    namespace,
    used: async (amounts, name = 'all') =>
      await eventually(`${name} with ${JSON.stringify(amounts)}`, async () => {
        const { status, spec } = await collection.get(name)
        if (status.used === undefined || Object.keys(status.hard).length !== Object.keys(spec.hard).length) return
        return Object.entries(amounts).every(([key, amount]) => status.used[key] === amount) && status.used
      }),
  }
}

const podAsking = (
  name: string,
  requests: Amounts,
  more: { readonly limits?: Amounts; readonly spec?: object } = {},
): object => {
  const resources = { requests, ...(more.limits && { limits: more.limits }) }
  const containers = [{ name: 'main', image: 'example.com/image:1', resources }]
  return podObject(name, {}, { containers, ...more.spec })
}

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated. [Conformance]', async () => {
  const quota = await quotaOfEverything()
  const used = await quota.used({ resourcequotas: '1', pods: '0', cpu: '0', 'count/replicasets.apps': '0' })
  expect(Object.keys(used).sort()).toEqual(Object.keys(hard).sort())
  expect((await coreIn(quota.namespace, 'resourcequotas').get('all')).status.hard).toEqual(hard)
})

/** An object that a quota counts: what is used before it is there is used again behind it. */
async function capturesLife(key: string, object: object, path: (namespace: string) => string): Promise<void> {
  const quota = await quotaOfEverything()
  const before = Number((await quota.used({}))[key])
  const objects = collectionAt(cluster, path(quota.namespace))
  const created = await objects.create(object)
  await quota.used({ [key]: String(before + 1), resourcequotas: '1' })
  // The controller has looked at the object by then; only its deletion can call it back.
  await delay(500)
  await objects.remove(created.metadata.name)
  await quota.used({ [key]: String(before) })
}

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap. [Conformance]', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'test' }, data: { a: 'b' } }
  await capturesLife('configmaps', object, (namespace) => `/api/v1/namespaces/${namespace}/configmaps`)
})

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret. [Conformance]', async () => {
  const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'test' }, data: { a: 'dmFsdWUtMQ==' } }
  await capturesLife('secrets', object, (namespace) => `/api/v1/namespaces/${namespace}/secrets`)
})

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set. [Conformance]', async () => {
  const object = podOwner('ReplicaSet', 'test', { name: 'test' }, { replicas: 0 })
  await capturesLife(
    'count/replicasets.apps',
    object,
    (namespace) => `/apis/apps/v1/namespaces/${namespace}/replicasets`,
  )
})

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller. [Conformance]', async () => {
  const object = podOwner('ReplicationController', 'test', { name: 'test' }, { replicas: 0 })
  await capturesLife(
    'replicationcontrollers',
    object,
    (namespace) => `/api/v1/namespaces/${namespace}/replicationcontrollers`,
  )
})

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service. [Conformance]', async () => {
  const quota = await quotaOfEverything()
  const services = coreIn(quota.namespace, 'services')
  const service = (name: string, type: string): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { type, ports: [{ port: 80, targetPort: 80 }] },
  })
  await services.create(service('cluster-ip', 'ClusterIP'))
  await services.create(service('node-port', 'NodePort'))
  const refused = await cluster.expectCode(403, `/api/v1/namespaces/${quota.namespace}/services`, {
    method: 'POST',
    body: service('balancer', 'LoadBalancer'),
  })
  expect(refused.message).toBe(
    'services "balancer" is forbidden: exceeded quota: all, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
  )
  await quota.used({ services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' })
  await services.remove('cluster-ip')
  await services.remove('node-port')
  await quota.used({ services: '0', 'services.nodeports': '0' })
})

test('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod. [Conformance]', async () => {
  const quota = await quotaOfEverything()
  const path = `/api/v1/namespaces/${quota.namespace}/pods`
  const pods = coreIn(quota.namespace, 'pods')
  const dongles = { [extended]: '2' }
  const fits = { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', ...dongles }
  const created = await pods.create(podAsking('test-pod', fits, { limits: dongles }))
  const counted = {
    resourcequotas: '1',
    pods: '1',
    cpu: '500m',
    memory: '252Mi',
    'ephemeral-storage': '30Gi',
    [`requests.${extended}`]: '2',
  }
  await quota.used(counted)

  const tooMuch = podAsking('fail-pod', { cpu: '600m', memory: '100Mi', 'ephemeral-storage': '1Gi' })
  const refused = await cluster.expectCode(403, path, { method: 'POST', body: tooMuch })
  expect(refused.message).toBe(
    'pods "fail-pod" is forbidden: exceeded quota: all, requested: cpu=600m, used: cpu=500m, limited: cpu=1',
  )
  const tooMany = podAsking('fail-extended', { ...fits, memory: '100Mi' }, { limits: dongles })
  expect((await cluster.expectCode(403, path, { method: 'POST', body: tooMany })).message).toContain(
    `requests.${extended}=2`,
  )

  created.spec.containers[0].resources.requests = { cpu: '100m', memory: '100Mi', 'ephemeral-storage': '10Gi' }
  const update = await cluster.send(`${path}/test-pod`, { method: 'PUT', body: created })
  expect([update.code, update.json.reason]).toEqual([422, 'Invalid'])
  await quota.used(counted)

  await pods.remove('test-pod', { gracePeriodSeconds: 0 })
  await quota.used({ pods: '0', cpu: '0', memory: '0', 'ephemeral-storage': '0', [`requests.${extended}`]: '0' })
})

/** Pods that count in one of two quotas alone, while they live. */
async function countsOnlyIn(
  quota: Quota,
  pod: Json,
  counted: readonly [string, Amounts],
  other: readonly [string, Amounts],
): Promise<void> {
  const pods = coreIn(quota.namespace, 'pods')
  await pods.create(pod)
  const [name, amounts] = counted
  await quota.used(amounts, name)
  await quota.used(other[1], other[0])
  await pods.remove(pod.metadata.name, { gracePeriodSeconds: 0 })
  const zero = Object.fromEntries(Object.keys(amounts).map((key) => [key, '0']))
  await quota.used(zero, name)
  await quota.used(zero, other[0])
}

test('[sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope. [Conformance]', async () => {
  const only = { hard: { pods: '5' } }
  const quota = await quotas({
    best: { ...only, scopes: ['BestEffort'] },
    other: { ...only, scopes: ['NotBestEffort'] },
  })
  const [one, none] = [{ pods: '1' }, { pods: '0' }]
  await quota.used(none, 'best')
  await quota.used(none, 'other')
  await countsOnlyIn(quota, podObject('best-effort'), ['best', one], ['other', none])
  const requests = { cpu: '500m', memory: '200Mi' }
  const limits = { cpu: '1', memory: '400Mi' }
  await countsOnlyIn(quota, podAsking('burstable', requests, { limits }), ['other', one], ['best', none])
})

test('[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes. [Conformance]', async () => {
  const amounts = {
    pods: '5',
    'requests.cpu': '1',
    'requests.memory': '500Mi',
    'limits.cpu': '2',
    'limits.memory': '1Gi',
  }
  const quota = await quotas({
    ends: { hard: amounts, scopes: ['Terminating'] },
    stays: { hard: amounts, scopes: ['NotTerminating'] },
  })
  const none = Object.fromEntries(Object.keys(amounts).map((key) => [key, '0']))
  await quota.used(none, 'ends')
  await quota.used(none, 'stays')
  const requests = { cpu: '500m', memory: '200Mi' }
  const limits = { cpu: '1', memory: '400Mi' }
  const counted = {
    pods: '1',
    'requests.cpu': '500m',
    'requests.memory': '200Mi',
    'limits.cpu': '1',
    'limits.memory': '400Mi',
  }
  await countsOnlyIn(quota, podAsking('stays', requests, { limits }), ['stays', counted], ['ends', none])
  const deadline = podAsking('ends', requests, { limits, spec: { activeDeadlineSeconds: 3_600 } })
  await countsOnlyIn(quota, deadline, ['ends', counted], ['stays', none])
})

test('[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota. [Conformance]', async () => {
  const collection = coreIn(await cluster.namespace(), 'resourcequotas')
  const first = { cpu: '500m', memory: '500Mi' }
  expect((await collection.create(quotaObject('test', { hard: first }))).spec.hard).toEqual(first)
  expect((await collection.get('test')).spec.hard).toEqual(first)
  const second = { cpu: '1', memory: '1Gi' }
  const updated = await collection.replace('test', ({ spec }) => Object.assign(spec, { hard: second }))
  expect(updated.spec.hard).toEqual(second)
  expect((await collection.get('test')).spec.hard).toEqual(second)
  await collection.remove('test')
  await collection.gone('test')
})

test('[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota [Conformance]', async () => {
  const collection = coreIn(await cluster.namespace(), 'resourcequotas')
  const everywhere = collectionAt(cluster, '/api/v1/resourcequotas')
  const selector = 'quota-of=the-lifecycle'
  const created = await collection.create(
    quotaObject('life', { hard: { cpu: '1', memory: '500Mi' } }, { 'quota-of': 'the-lifecycle' }),
  )
  expect((await collection.get('life')).metadata.uid).toBe(created.metadata.uid)
  expectResourceVersion(created)
  expect((await everywhere.list(selector)).items).toHaveLength(1)
  const patched = await collection.patch(
    'life',
    { metadata: { labels: { life: 'patched' } }, spec: { hard: { memory: '750Mi' } } },
    'strategic-merge',
  )
  expect(patched.metadata.labels).toEqual({ 'quota-of': 'the-lifecycle', life: 'patched' })
  expect(patched.spec.hard).toEqual({ cpu: '1', memory: '750Mi' })
  expectLater(created, patched)
  await collection.removeAll(selector)
  await collection.gone('life')
  expect((await everywhere.list(selector)).items).toEqual([])
})

test('[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status [Conformance]', async () => {
  const collection = coreIn(await cluster.namespace(), 'resourcequotas')
  const selector = 'quota-of=the-status'
  const small = { cpu: '500m', memory: '500Mi' }
  const created = await collection.create(quotaObject('status', { hard: small }, { 'quota-of': 'the-status' }))
  expect(created.spec.hard).toEqual(small)
  const watch = await collection.watch(selector, created.metadata.resourceVersion)
  const seen = async (amounts: Amounts): Promise<void> => {
    await untilEvent(watch, ({ object }) => JSON.stringify(object.status.hard) === JSON.stringify(amounts))
  }
  const updated = await collection.replace(
    'status',
    (quota) => Object.assign(quota, { status: { hard: small } }),
    '/status',
  )
  expect(updated.status.hard).toEqual(small)
  await seen(small)

  const large = { cpu: '1', memory: '1Gi' }
  expect((await collection.patch('status', { spec: { hard: large } }, 'strategic-merge')).spec.hard).toEqual(large)
  const patched = await collection.patch('status/status', { status: { hard: large } }, 'strategic-merge')
  expect([patched.spec.hard, patched.status.hard]).toEqual([large, large])
  await seen(large)
  expect((await collection.get('status/status')).status.hard).toEqual(large)

  const wrong = { cpu: '2', memory: '2Gi' }
  const again = await collection.patch('status/status', { status: { hard: wrong } }, 'strategic-merge')
  expect([again.spec.hard, again.status.hard]).toEqual([large, wrong])
  await seen(wrong)
  watch.close()
  await eventually('the status that the controller finds', async () => {
    const { spec, status } = await collection.get('status')
    expect(spec.hard).toEqual(large)
    return status.hard.cpu === '1' && status.hard.memory === '1Gi'
  })
})
