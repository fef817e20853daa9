/** CustomResourceDefinitions as objects, the kinds they serve, and what watches of those see. */
import { expect, test } from 'vitest'
import { anything, type Definition, definition, definitionsPath, establish } from './custom-definitions.ts'
import { conformanceCluster } from './fixture.ts'
import { collectionAt, expectDiscovered, expectLater, expectResourceVersion } from './operations.ts'

const cluster = conformanceCluster()
const { expectCode, send } = cluster
const definitions = collectionAt(cluster, definitionsPath)
const group = 'definitions.example.com'

/** A kind outside of namespaces that takes everything. */
function clusterKind(kind: string, schema: object = anything): Definition {
  return definition(group, kind, [{ name: 'v1', schema }], { scope: 'Cluster' })
}

test('[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition creating/deleting custom resource definition objects works [Conformance]', async () => {
  const kind = clusterKind('Simple')
  await establish(cluster, kind)
  const served = `/apis/${group}/v1/simples`
  expect((await expectCode(200, served)).kind).toBe('SimpleList')
  await definitions.remove(kind.metadata.name)
  await definitions.gone(kind.metadata.name)
  expect((await send(served)).code).toBe(404)
})

test('[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition listing custom resource definition objects works [Conformance]', async () => {
  const kinds = Array.from({ length: 10 }, (_, index) => clusterKind(`Listed${String.fromCharCode(97 + index)}`))
  const labels = { list: 'these' }
  const created = new Map<string, unknown>()
  for (const kind of kinds) {
    const made = await definitions.create({ ...kind, metadata: { ...kind.metadata, labels } })
    created.set(made.metadata.name, made.spec)
  }
  const remaining = clusterKind('Remaining')
  await establish(cluster, remaining)
  const { items } = await definitions.list('list=these')
  expect(items).toHaveLength(10)
  for (const { metadata, spec } of items) expect(spec).toEqual(created.get(metadata.name))
  await definitions.removeAll('list=these')
  await definitions.empty('list=these')
  await definitions.get(remaining.metadata.name)
})

test('[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works [Conformance]', async () => {
  const kind = clusterKind('Status')
  await establish(cluster, kind)
  const { name } = kind.metadata
  const whole = await definitions.get(name)
  expect((await definitions.get(`${name}/status`)).spec).toEqual(whole.spec)
  const updated = { type: 'Updated', status: 'True', message: 'updated' }
  await definitions.replace(name, ({ status }) => status.conditions.push(updated), '/status')
  const conditions = async (): Promise<unknown> => (await definitions.get(`${name}/status`)).status.conditions
  expect(await conditions()).toContainEqual(expect.objectContaining(updated))
  // As upstream's program does it: a condition of a message alone.
  const path = '/status/conditions'
  const patched = await definitions.patch(
    `${name}/status`,
    [{ op: 'add', path, value: [{ message: 'patched' }] }],
    'json',
  )
  const shown = expect.objectContaining({ type: '', status: '', message: 'patched' })
  expect(patched.status.conditions).toContainEqual(shown)
  expect(await conditions()).toContainEqual(shown)
})

test('[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] should include custom resource definition resources in discovery documents [Conformance]', async () => {
  const resources = ['customresourcedefinitions', 'customresourcedefinitions/status']
  await expectDiscovered(cluster, { group: 'apiextensions.k8s.io', version: 'v1', resources })
})

test('[sig-api-machinery] CustomResourceDefinition resources [Privileged:ClusterAdmin] custom resource defaulting for requests and from storage works [Conformance]', async () => {
  const properties = { a: { type: 'string' }, b: { type: 'string' } }
  const kind = clusterKind('Defaulted', { type: 'object', properties })
  await establish(cluster, kind)
  const objects = collectionAt(cluster, `/apis/${group}/v1/defaulteds`)
  const body = (name: string): object => ({ apiVersion: `${group}/v1`, kind: 'Defaulted', metadata: { name } })
  const first = await objects.create(body('cr-1'))
  expectResourceVersion(first)
  expect([first.a, first.b]).toEqual([undefined, undefined])

  const path = (property: string): string => `/spec/versions/0/schema/openAPIV3Schema/properties/${property}/default`
  await definitions.patch(kind.metadata.name, [{ op: 'add', path: path('a'), value: 'A' }], 'json')
  expect((await objects.get('cr-1')).a).toBe('A')
  const second = await objects.create(body('cr-2'))
  expect(second.a).toBe('A')

  await definitions.patch(
    kind.metadata.name,
    [
      { op: 'remove', path: path('a') },
      { op: 'add', path: path('b'), value: 'B' },
    ],
    'json',
  )
  // `a` was stored with the second object; the first only showed it.
  expect(await objects.get('cr-2')).toMatchObject({ a: 'A', b: 'B' })
  const again = await objects.get('cr-1')
  expect([again.a, again.b]).toEqual([undefined, 'B'])
  expectLater(first, second)
})

test('[sig-api-machinery] CustomResourceDefinition Watch [Privileged:ClusterAdmin] CustomResourceDefinition Watch watch on custom resource definition objects [Conformance]', async () => {
  await establish(cluster, clusterKind('Watched'))
  const path = `/apis/${group}/v1/watcheds`
  const objects = collectionAt(cluster, path)
  const names = ['name1', 'name2']
  const watches = await Promise.all(
    names.map(async (name) => await cluster.watch(`${path}?watch=1&fieldSelector=metadata.name%3D${name}`)),
  )
  const made = []
  for (const name of names) {
    const content = { num: { num1: 9223372036854775000, num2: 1000000 } }
    made.push(await objects.create({ apiVersion: `${group}/v1`, kind: 'Watched', metadata: { name }, content }))
  }
  const patch = [{ op: 'add', path: '/dummy', value: 'test' }]
  for (const name of names) await objects.patch(name, patch, 'json')
  for (const name of names) await objects.remove(name)
  // Each watch sees its own object alone, or these would not follow each other.
  for (const [index, watch] of watches.entries()) {
    expect(await watch.next()).toEqual({ type: 'ADDED', object: made[index] })
    const metadata = { name: names[index] }
    expect(await watch.next()).toMatchObject({ type: 'MODIFIED', object: { metadata, dummy: 'test' } })
    expect(await watch.next()).toMatchObject({ type: 'DELETED', object: { metadata, dummy: 'test' } })
    watch.close()
  }
})
