/** Kinds of the core group: config maps, nodes, pods and their templates, services and endpoints. */
import { expect, test } from 'vitest'
import type { RawAnswer } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { runsThroughLifecycle } from './lifecycle.ts'
import { addHollowNode } from './nodes.ts'
import { type Collection, collectionAt, expectLater, expectResourceVersion, untilEvent } from './operations.ts'
import { type Labels, podObject, podSpec, untilRunning } from './workloads.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()
addHollowNode(cluster)

async function startCollection(resource: string): Promise<{ namespace: string; items: Collection; all: Collection }> {
  const namespace = await cluster.namespace()
  const items = collectionAt(cluster, `/api/v1/namespaces/${namespace}/${resource}`)
  return { namespace, items, all: collectionAt(cluster, `/api/v1/${resource}`) }
}

test('[sig-node] ConfigMap should run through a ConfigMap lifecycle [Conformance]', async () => {
  const { items, all } = await startCollection('configmaps')
  const selector = 'test-configmap-static=true'
  const configMap = { apiVersion: 'v1', kind: 'ConfigMap', data: { valueName: 'value' } }
  const { resourceVersion } = (await items.list()).metadata
  const watch = await items.watch(selector, resourceVersion)
  const created = await items.create({
    ...configMap,
    metadata: { name: 'life', labels: { 'test-configmap-static': 'true' } },
  })
  expectResourceVersion(created)
  expect((await watch.next()).type).toBe('ADDED')
  const patched = await items.patch(
    'life',
    { metadata: { labels: { 'test-configmap': 'patched' } }, data: { valueName: 'value1' } },
    'strategic-merge',
  )
  expectLater(created, patched)
  expect((await watch.next()).type).toBe('MODIFIED')
  expect(await items.get('life')).toMatchObject({
    metadata: { labels: { 'test-configmap-static': 'true', 'test-configmap': 'patched' } },
    data: { valueName: 'value1' },
  })
  const { items: found } = await all.list(selector)
  expect(found.map(({ data }: Json) => data)).toEqual([{ valueName: 'value1' }])
  await items.removeAll(selector)
  expect((await watch.next()).type).toBe('DELETED')
  watch.close()
  expect((await items.list(selector)).items).toEqual([])
})

test('[sig-node] Node Lifecycle should run through the lifecycle of a node [Conformance]', async () => {
  await runsThroughLifecycle(
    collectionAt(cluster, '/api/v1/nodes'),
    (name, labels) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { unschedulable: true } }),
    ['fake-node-1', 'fake-node-2'],
  )
})

const template = (name: string, labels: Labels = {}): object => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name, labels },
  template: { spec: podSpec() },
})

test('[sig-node] PodTemplates should delete a collection of pod templates [Conformance]', async () => {
  const { items } = await startCollection('podtemplates')
  for (const name of ['set-1', 'set-2', 'set-3']) await items.create(template(name, { set: 'true' }))
  expect((await items.list('set=true')).items).toHaveLength(3)
  await items.removeAll('set=true')
  expect((await items.list('set=true')).items).toEqual([])
})

test('[sig-node] PodTemplates should replace a pod template [Conformance]', async () => {
  const { items } = await startCollection('podtemplates')
  await items.create(template('replaced'))
  const updated = await items.replace('replaced', ({ metadata }) => {
    metadata.annotations = { updated: 'true' }
  })
  expect(updated.metadata.annotations).toEqual({ updated: 'true' })
})

test('[sig-node] PodTemplates should run the lifecycle of PodTemplates [Conformance]', async () => {
  const { items, all } = await startCollection('podtemplates')
  const created = await items.create(template('life', { 'podtemplate-static': 'true' }))
  expectResourceVersion(created)
  const patched = await items.patch('life', { metadata: { labels: { podtemplate: 'patched' } } }, 'strategic-merge')
  expectLater(created, patched)
  expect((await items.get('life')).metadata.labels).toMatchObject({ podtemplate: 'patched' })
  expect((await all.list('podtemplate=patched,podtemplate-static=true')).items).toHaveLength(1)
  await items.remove('life')
  expect((await all.list('podtemplate=patched')).items).toEqual([])
})

test('[sig-node] Pods should delete a collection of pods [Conformance]', async () => {
  const { namespace, items } = await startCollection('pods')
  for (const name of ['set-1', 'set-2', 'set-3']) await items.create(podObject(name, { type: 'Testing' }))
  await untilRunning(cluster, namespace, 3)
  expect((await items.list('type=Testing')).items).toHaveLength(3)
  await items.removeAll('type=Testing')
  await items.empty('type=Testing')
})

test('[sig-node] Pods should patch a pod status [Conformance]', async () => {
  const { namespace, items } = await startCollection('pods')
  await items.create(podObject('status'))
  await untilRunning(cluster, namespace, 1)
  const status = { message: 'Patched by e2e test', reason: 'E2E' }
  const patched = await items.patch('status/status', { metadata: { annotations: { patchedstatus: 'true' } }, status })
  expect(patched).toMatchObject({ metadata: { annotations: { patchedstatus: 'true' } }, status })
})

test('[sig-node] Pods should run through the lifecycle of Pods and PodStatus [Conformance]', async () => {
  const { namespace, items } = await startCollection('pods')
  const selector = 'test-pod-static=true'
  const { resourceVersion } = (await items.list(selector)).metadata
  const watch = await items.watch(selector, resourceVersion)
  await items.create(podObject('pod-test', { 'test-pod-static': 'true' }))
  const [running] = await untilRunning(cluster, namespace, 1)
  expectResourceVersion(running)
  await untilEvent(watch, ({ object }) => object.status.phase === 'Running')
  const container = { name: 'main', image: 'example.com/image:2' }
  await items.patch(
    'pod-test',
    {
      metadata: { labels: { 'test-pod': 'patched' } },
      spec: { terminationGracePeriodSeconds: 1, containers: [container] },
    },
    'strategic-merge',
  )
  await untilEvent(watch, ({ type, object }) => type === 'MODIFIED' && object.metadata.labels['test-pod'] === 'patched')
  const patched = await items.get('pod-test')
  expect(patched.metadata.labels).toMatchObject({ 'test-pod': 'patched' })
  expect(patched.spec.containers).toEqual([expect.objectContaining(container)])
  expectLater(running, patched)

  expect((await items.get('pod-test/status')).status.conditions).toContainEqual(
    expect.objectContaining({ type: 'Ready', status: 'True' }),
  )
  const unready = await items.replace(
    'pod-test',
    ({ status }) => {
      for (const condition of status.conditions) if (condition.type === 'Ready') condition.status = 'False'
    },
    '/status',
  )
  expect(unready.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False' }))
  await items.removeAll(selector, { gracePeriodSeconds: 1 })
  await untilEvent(watch, ({ type }) => type === 'DELETED')
  watch.close()
  await items.gone('pod-test')
})

test('[sig-network] Endpoints should test the lifecycle of an Endpoint [Conformance]', async () => {
  const { items, all } = await startCollection('endpoints')
  const selector = 'test-endpoint-static=true'
  const subset = (ip: string, name: string, port: number): object => ({
    addresses: [{ ip }],
    ports: [{ name, port, protocol: 'TCP' }],
  })
  const watch = await items.watch(selector, (await items.list(selector)).metadata.resourceVersion)
  const created = await items.create({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'testservice', labels: { 'test-endpoint-static': 'true' } },
    subsets: [subset('10.0.0.24', 'http', 80)],
  })
  expectResourceVersion(created)
  expect((await watch.next()).type).toBe('ADDED')
  expect((await all.list(selector)).items).toHaveLength(1)
  await items.replace('testservice', ({ metadata }) => Object.assign(metadata.labels, { 'test-service': 'updated' }))
  expect((await watch.next()).type).toBe('MODIFIED')
  expect((await items.get('testservice')).metadata.labels).toMatchObject({ 'test-service': 'updated' })
  const subsets = [subset('10.0.0.25', 'http-test', 8080)]
  const patched = await items.patch(
    'testservice',
    { metadata: { labels: { 'test-service': 'patched' } }, subsets },
    'strategic-merge',
  )
  expectLater(created, patched)
  expect((await watch.next()).type).toBe('MODIFIED')
  const read = await items.get('testservice')
  expect(read.metadata.labels).toMatchObject({ 'test-service': 'patched' })
  expect(read.subsets).toEqual(subsets)
  await items.removeAll(selector)
  expect((await watch.next()).type).toBe('DELETED')
  watch.close()
  await items.gone('testservice')
})

const service = (name: string, labels: Labels, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, labels },
  spec: { ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 80 }], ...spec },
})

test('[sig-network] Services should complete a service status lifecycle [Conformance]', async () => {
  const { items, all } = await startCollection('services')
  const selector = 'test-service-static=true'
  const watch = await items.watch(selector, (await all.list(selector)).metadata.resourceVersion)
  const spec = { type: 'LoadBalancer', loadBalancerClass: 'example.com/internal-vip' }
  await items.create(service('status', { 'test-service-static': 'true' }, spec))
  expect((await watch.next()).type).toBe('ADDED')
  expect((await items.get('status/status')).status).toEqual({ loadBalancer: {} })

  const loadBalancer = { ingress: [{ ip: '203.0.113.1' }] }
  await items.patch('status/status', { metadata: { annotations: { patchedstatus: 'true' } }, status: { loadBalancer } })
  const patched = await watch.next()
  expect(patched.object.metadata.annotations).toEqual({ patchedstatus: 'true' })
  expect(patched.object.status.loadBalancer).toEqual({ ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] })
  const condition = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' }
  await items.replace(
    'status',
    ({ status }) => {
      status.conditions = [...(status.conditions ?? []), { ...condition, lastTransitionTime: null }]
    },
    '/status',
  )
  const updated = await watch.next()
  expect(updated.object.metadata.annotations).toEqual({ patchedstatus: 'true' })
  expect(updated.object.status.conditions).toEqual([expect.objectContaining(condition)])

  await items.patch('status', { metadata: { labels: { 'test-service': 'patched' } } }, 'strategic-merge')
  expect((await watch.next()).object.metadata.labels).toMatchObject({ 'test-service': 'patched' })
  await items.remove('status')
  await untilEvent(watch, ({ type }) => type === 'DELETED')
  watch.close()
})

test('[sig-network] Services should delete a collection of services [Conformance]', async () => {
  const { items } = await startCollection('services')
  for (const name of ['e2e-svc-1', 'e2e-svc-2']) await items.create(service(name, { set: 'goes' }, {}))
  await items.create(service('e2e-svc-3', { set: 'stays' }, {}))
  expect((await items.list()).items).toHaveLength(3)
  await items.removeAll('set=goes')
  await eventually('only one service', async () => (await items.list()).items.length === 1)
  expect((await items.list()).items[0].metadata.name).toBe('e2e-svc-3')
})
