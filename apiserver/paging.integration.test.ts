/** Lists in pages while the store forgets, and watches whose kind goes away. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { type RawClient, rawClient } from '../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'
import { createEtcdStorage } from './storage/etcd.ts'
import type { Storage } from './storage/storage.ts'

let plane: TestControlPlane
let api: RawClient
let storage: Storage
const never = new AbortController().signal
const configMaps = '/api/v1/namespaces/default/configmaps'

beforeAll(async () => {
  plane = await startControlPlane()
  api = await rawClient(plane)
  storage = createEtcdStorage({ servers: [plane.etcd.url] }, systemClock)
}, 60_000)
afterAll(async () => {
  storage?.close()
  await plane?.close()
})

/** Written into the store behind the server's back, which is faster than asking for each. */
async function fill(count: number): Promise<void> {
  const put = async (index: number): Promise<void> => {
    const name = `many-${String(index).padStart(5, '0')}`
    const metadata = { name, namespace: 'default', uid: name, creationTimestamp: '2026-01-01T00:00:00Z' }
    const value = Buffer.from(JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata }))
    await storage.put(`/registry/configmaps/default/${name}`, value, { expectedRevision: 0 }, never)
  }
  for (let start = 0; start < count; start += 500) {
    await Promise.all(Array.from({ length: 500 }, async (_, i) => await put(start + i)))
  }
}

test('LIST of 10,000 objects comes in pages of one state, whatever is written meanwhile', async () => {
  await fill(10_000)
  const names = new Set<string>()
  const revisions = new Set<string>()
  let token = ''
  let pages = 0
  do {
    const { code, json } = await api.send(`${configMaps}?limit=2000&continue=${token}`)
    expect(code).toBe(200)
    for (const { metadata } of json.items) names.add(metadata.name)
    revisions.add(json.metadata.resourceVersion)
    token = json.metadata.continue ?? ''
    expect(json.metadata.remainingItemCount ?? 0).toBe(Math.max(0, 10_000 - 2_000 * ++pages))
    await api.send(configMaps, { method: 'POST', body: { metadata: { name: `zz-late-${pages}` } } })
  } while (token !== '')
  expect(revisions.size).toBe(1)
  expect([...names].filter((name) => name.startsWith('many-'))).toHaveLength(10_000)
  expect([...names].filter((name) => name.startsWith('zz-late-'))).toEqual([])
}, 120_000)

test('a page of a state that is forgotten is gone, and its token goes on with the present one', async () => {
  const first = (await api.send(`${configMaps}?limit=10`)).json
  await api.send(configMaps, { method: 'POST', body: { metadata: { name: 'zz-after' } } })
  await storage.compact(await storage.currentRevision(never), never)
  const gone = await api.send(`${configMaps}?limit=10&continue=${first.metadata.continue}`)
  expect(gone).toMatchObject({ code: 410, json: { reason: 'Expired' } })
  const { continue: token } = gone.json.metadata
  expect(token).toBeTruthy()
  const next = await api.send(`${configMaps}?limit=20000&continue=${token}`)
  expect(next.code).toBe(200)
  // Goes on after the first page, at the state of now.
  expect(next.json.items[0].metadata.name > first.items[9].metadata.name).toBe(true)
  expect(Number(next.json.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion))
}, 120_000)

test('a watch ends when its kind is removed, after it has told of the last deletion', async () => {
  const names = { plural: 'goners', singular: 'goner', kind: 'Goner', listKind: 'GonerList' }
  const schema = { openAPIV3Schema: { type: 'object' } }
  const versions = [{ name: 'v1', served: true, storage: true, schema }]
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const metadata = { name: 'goners.test.example' }
  const spec = { group: 'test.example', scope: 'Cluster', names, versions }
  const body = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec }
  expect(await api.send(definitions, { method: 'POST', body })).toMatchObject({ code: 201 })
  const path = '/apis/test.example/v1/goners'
  await expect.poll(async () => (await api.send(path)).code, { timeout: 45_000 }).toBe(200)
  const goner = { apiVersion: 'test.example/v1', kind: 'Goner', metadata: { name: 'a' } }
  expect(await api.send(path, { method: 'POST', body: goner })).toMatchObject({ code: 201 })
  const watch = await api.watch(`${path}?watch=true`)
  expect(await watch.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } })
  await api.send(`${definitions}/goners.test.example`, { method: 'DELETE' })
  let event = await watch.next()
  while (event.type === 'MODIFIED') event = await watch.next()
  expect(event).toMatchObject({ type: 'DELETED', object: { metadata: { name: 'a' } } })
  await expect(watch.next()).rejects.toThrow(/ended/)
  watch.close()
  await expect.poll(async () => (await api.send(path)).code, { timeout: 45_000 }).toBe(404)
}, 60_000)
