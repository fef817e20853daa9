/** Namespaces: what can be changed in them, and that nothing is left in them when they go. */
import { expect, test } from 'vitest'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { addHollowNode } from './nodes.ts'
import { collectionAt } from './operations.ts'
import { podObject, untilRunning } from './workloads.ts'

const cluster = conformanceCluster()
addHollowNode(cluster)
const namespaces = collectionAt(cluster, '/api/v1/namespaces')
const inNamespace = (name: string, resource: string): ReturnType<typeof collectionAt> =>
  collectionAt(cluster, `/api/v1/namespaces/${name}/${resource}`)
const finalizer = 'example.com/hold'

test('[sig-api-machinery] Namespaces [Serial] should apply a finalizer to a Namespace [Conformance]', async () => {
  const name = await cluster.namespace()
  const finalize = async (change: (finalizers: readonly string[]) => readonly string[]): Promise<string[]> => {
    const body = await namespaces.get(name)
    body.spec.finalizers = change(body.spec.finalizers)
    const path = `/api/v1/namespaces/${name}/finalize`
    return (await cluster.expectCode(200, path, { method: 'PUT', body })).spec.finalizers
  }
  expect((await namespaces.get(name)).spec.finalizers).toEqual(['kubernetes'])
  expect(await finalize((before) => [...before, finalizer])).toEqual(['kubernetes', finalizer])
  expect(await finalize((before) => before.filter((one) => one !== finalizer))).toEqual(['kubernetes'])
})

test('[sig-api-machinery] Namespaces [Serial] should apply an update to a Namespace [Conformance]', async () => {
  const name = await cluster.namespace()
  const updated = await namespaces.replace(name, ({ metadata }) => {
    metadata.labels[name] = 'updated'
  })
  expect(updated.metadata.labels).toEqual({ [name]: 'updated', 'kubernetes.io/metadata.name': name })
})

test('[sig-api-machinery] Namespaces [Serial] should apply changes to a namespace status [Conformance]', async () => {
  const name = await cluster.namespace()
  expect((await namespaces.get(`${name}/status`)).status.phase).toBe('Active')
  const condition = { type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'Patched by a test' }
  const patched = await namespaces.patch(`${name}/status`, {
    metadata: { annotations: { patchedstatus: 'true' } },
    status: { conditions: [condition] },
  })
  expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' })
  expect(patched.status.conditions.at(-1)).toMatchObject(condition)
  const next = { ...condition, type: 'StatusUpdate', message: 'Updated by a test' }
  const updated = await namespaces.replace(name, ({ status }) => status.conditions.push(next), '/status')
  expect(updated.status.conditions).toHaveLength(patched.status.conditions.length + 1)
  expect(updated.status.conditions.at(-1)).toMatchObject(next)
})

test('[sig-api-machinery] Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted [Conformance]', async () => {
  const name = await cluster.namespace()
  await inNamespace(name, 'pods').create(podObject('test-pod'))
  await untilRunning(cluster, name, 1)
  await namespaces.remove(name)
  await namespaces.gone(name)
  await namespaces.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  expect((await inNamespace(name, 'pods').list()).items).toEqual([])
})

test('[sig-api-machinery] Namespaces [Serial] should ensure that all services are removed when a namespace is deleted [Conformance]', async () => {
  const name = await cluster.namespace()
  const spec = { selector: { foo: 'bar', baz: 'blah' }, ports: [{ port: 80, targetPort: 80 }] }
  await inNamespace(name, 'services').create({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec })
  await namespaces.remove(name)
  await namespaces.gone(name)
  await namespaces.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  expect((await inNamespace(name, 'services').list()).items).toEqual([])
})

test('[sig-api-machinery] Namespaces [Serial] should patch a Namespace [Conformance]', async () => {
  const name = await cluster.namespace()
  await namespaces.patch(name, { metadata: { labels: { testLabel: 'testValue' } } }, 'strategic-merge')
  expect((await namespaces.get(name)).metadata.labels).toMatchObject({ testLabel: 'testValue' })
})

test('[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first [Conformance]', async () => {
  const name = await cluster.namespace()
  const pods = inNamespace(name, 'pods')
  const configMaps = inNamespace(name, 'configmaps')
  await pods.create({ ...podObject('test-pod'), metadata: { name: 'test-pod', finalizers: [finalizer] } })
  await untilRunning(cluster, name, 1)
  await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kept' }, data: { key: 'value' } })
  await namespaces.remove(name)
  await eventually('the report that content is left', async () => {
    const { status } = await namespaces.get(name)
    const left = status.conditions?.some(({ type }: { type: string }) => type === 'NamespaceDeletionContentFailure')
    return status.phase === 'Terminating' && left
  })
  expect((await pods.get('test-pod')).metadata.deletionTimestamp).toBeDefined()
  expect((await configMaps.get('kept')).data).toEqual({ key: 'value' })
  await pods.replace('test-pod', ({ metadata }) => {
    metadata.finalizers = []
  })
  await pods.gone('test-pod')
  await namespaces.gone(name)
})
