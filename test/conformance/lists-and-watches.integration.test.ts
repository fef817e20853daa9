/** Lists in chunks, watches, tables, and the version of the server. */
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { RawAnswer, RawWatch } from '../fixtures/api-client.ts'
import { eventually } from '../fixtures/process.ts'
import { conformanceCluster } from './fixture.ts'
import { type Collection, collectionAt } from './operations.ts'
import { podSpec } from './workloads.ts'

type Json = RawAnswer['json']

const cluster = conformanceCluster()

/** How many pod templates the chunked lists are made of; upstream takes 400. */
const templates = 120
let templatesPath = ''
const templateName = (index: number): string => `template-${String(index).padStart(4, '0')}`

beforeAll(async () => {
  templatesPath = `/api/v1/namespaces/${await cluster.namespace()}/podtemplates`
  const collection = collectionAt(cluster, templatesPath)
  const labels = { template: 'true' }
  const create = async (index: number): Promise<void> => {
    const template = { metadata: { labels }, template: { metadata: { labels }, spec: podSpec() } }
    await collection.create({ ...template, metadata: { name: templateName(index), labels } })
  }
  const few = 20
  for (let start = 0; start < templates; start += few) {
    await Promise.all(Array.from({ length: few }, async (_, at) => await create(start + at)))
  }
})

async function page(limit: number, token = ''): Promise<Json> {
  return await cluster.expectCode(200, `${templatesPath}?limit=${limit}&continue=${encodeURIComponent(token)}`)
}

/** Fails unless the page goes on where `found` others end, in order, and says truly what is left. Returns how many then are found. */
function expectPage(list: Json, limit: number, found: number): number {
  const { items, metadata } = list
  expect(items.length).toBeLessThanOrEqual(limit)
  expect(items.map((item: Json) => item.metadata.name)).toEqual(
    items.map((_: Json, at: number) => templateName(found + at)),
  )
  const next = found + Number(items.length)
  if (metadata.continue === undefined) expect(metadata.remainingItemCount).toBeUndefined()
  else expect(metadata.remainingItemCount).toBe(templates - next)
  return next
}

/** Follows the list to its end, all of it at one revision. */
async function expectRest(limit: number, first: Json, found: number): Promise<void> {
  let [count, { metadata }] = [found, first]
  const { resourceVersion } = metadata
  while (metadata.continue !== undefined) {
    const list = await page(limit, metadata.continue)
    expect(list.metadata.resourceVersion).toBe(resourceVersion)
    count = expectPage(list, limit, count)
    metadata = list.metadata
  }
  expect(count).toBe(templates)
}

test('[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]', async () => {
  for (const limit of [7, templates / 4, templates, templates + 1]) {
    const first = await page(limit)
    await expectRest(limit, first, expectPage(first, limit, 0))
  }
  const all = await cluster.expectCode(200, templatesPath)
  expect(expectPage(all, templates, 0)).toBe(templates)
  expect(all.metadata.continue).toBeUndefined()
})

test('[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Slow] [Conformance]', async () => {
  const limit = templates / 10
  const first = await page(limit)
  const found = expectPage(first, limit, 0)
  const path = `${templatesPath}?limit=${limit}&continue=${encodeURIComponent(first.metadata.continue)}`
  // Upstream's test waits for the server's own compaction; until something changes the state of the token is the present one.
  await collectionAt(cluster, templatesPath).patch(templateName(0), { metadata: { annotations: { changed: 'yes' } } })
  const { resourceVersion } = (await cluster.expectCode(200, templatesPath)).metadata
  const compaction = { method: 'POST', body: JSON.stringify({ revision: resourceVersion }) }
  expect((await fetch(`${cluster.plane().etcd.url}/v3/kv/compaction`, compaction)).status).toBe(200)
  const expired = await eventually('the end of the token', async () => {
    const { code, json } = await cluster.send(path)
    return code === 410 && json
  })
  expect(expired).toMatchObject({ kind: 'Status', reason: 'Expired' })
  expect(expired.metadata.continue).toMatch(/./)
  const second = await page(limit, expired.metadata.continue)
  expect(second.items).toHaveLength(limit)
  expect(second.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion)
  await expectRest(limit, second, expectPage(second, limit, found))
})

test('[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]', async () => {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { nonResourceAttributes: { path: '/', verb: 'get' } },
  }
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const answer = await cluster.expectCode(406, path, { method: 'POST', body, headers })
  expect(answer).toMatchObject({ kind: 'Status', code: 406, reason: 'NotAcceptable' })
})

test('[sig-api-machinery] server version should find the server version [Conformance]', async () => {
  const { major, minor, gitVersion } = await cluster.expectCode(200, '/version')
  expect(major).toMatch(/^[1-9]\d*$/)
  expect(minor).toMatch(/^[1-9]\d*$/)
  expect(gitVersion).toMatch(new RegExp(`^v${major}\\.${minor}\\.`))
})

type Watched = {
  readonly configMaps: Collection
  readonly create: (name: string, label: string) => Promise<Json>
  readonly touch: (name: string) => Promise<Json>
}

const selectorOf = (label: string): string => `watch-this=${label}`
/** Long enough for an event that must not come. */
const silenceMs = 1_000

async function watchedNamespace(): Promise<Watched> {
  const configMaps = collectionAt(cluster, `/api/v1/namespaces/${await cluster.namespace()}/configmaps`)
  let touches = 0
  return {
    configMaps,
    create: async (name, label) =>
      await configMaps.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, labels: { 'watch-this': label } },
      }),
    touch: async (name) => {
      touches += 1
      return await configMaps.patch(name, { data: { mutation: String(touches) } })
    },
  }
}

async function versionNow({ configMaps }: Watched): Promise<string> {
  return (await configMaps.list()).metadata.resourceVersion
}

/** Fails unless the next event has this type and object. */
async function expectEvent(watch: RawWatch, type: string, object: Json): Promise<void> {
  const event = await watch.next()
  expect(event.type).toBe(type)
  expect(event.object.metadata).toMatchObject({ name: object.metadata.name, uid: object.metadata.uid })
  expect(event.object.data).toEqual(object.data)
  if (type !== 'DELETED') expect(event.object.metadata.resourceVersion).toBe(object.metadata.resourceVersion)
}

/** Fails when an event comes. */
async function expectSilence(watch: RawWatch): Promise<void> {
  const next = watch.next().then(
    (event) => event.type,
    () => 'ended',
  )
  expect(await Promise.race([next, delay(silenceMs, 'silence')])).toBe('silence')
}

test('[sig-api-machinery] Watchers should observe add, update, and delete watch notifications on configmaps [Conformance]', async () => {
  const watched = await watchedNamespace()
  const from = await versionNow(watched)
  const open = async (selector: string): Promise<RawWatch> => await watched.configMaps.watch(selector, from)
  const a = await open(selectorOf('a'))
  const b = await open(selectorOf('b'))
  const both = await open('watch-this in (a,b)')
  const first = await watched.create('first', 'a')
  const changed = await watched.touch('first')
  const again = await watched.touch('first')
  await watched.configMaps.remove('first')
  for (const watch of [a, both]) {
    await expectEvent(watch, 'ADDED', first)
    await expectEvent(watch, 'MODIFIED', changed)
    await expectEvent(watch, 'MODIFIED', again)
    await expectEvent(watch, 'DELETED', again)
  }
  const second = await watched.create('second', 'b')
  await watched.configMaps.remove('second')
  // The first event of this watch: nothing of the other label came before.
  for (const watch of [b, both]) {
    await expectEvent(watch, 'ADDED', second)
    await expectEvent(watch, 'DELETED', second)
  }
  await expectSilence(a)
  for (const watch of [a, b, both]) watch.close()
})

test('[sig-api-machinery] Watchers should be able to start watching from a specific resource version [Conformance]', async () => {
  const watched = await watchedNamespace()
  await watched.create('from-version', 'from')
  const first = await watched.touch('from-version')
  const second = await watched.touch('from-version')
  await watched.configMaps.remove('from-version')
  const watch = await watched.configMaps.watch(selectorOf('from'), first.metadata.resourceVersion)
  await expectEvent(watch, 'MODIFIED', second)
  await expectEvent(watch, 'DELETED', second)
  watch.close()
})

test('[sig-api-machinery] Watchers should be able to restart watching from the last resource version observed by the previous watch [Conformance]', async () => {
  const watched = await watchedNamespace()
  const before = await watched.configMaps.watch(selectorOf('again'), await versionNow(watched))
  await expectEvent(before, 'ADDED', await watched.create('again', 'again'))
  const seen = await watched.touch('again')
  await expectEvent(before, 'MODIFIED', seen)
  before.close()
  const missed = await watched.touch('again')
  await watched.configMaps.remove('again')
  const after = await watched.configMaps.watch(selectorOf('again'), seen.metadata.resourceVersion)
  await expectEvent(after, 'MODIFIED', missed)
  await expectEvent(after, 'DELETED', missed)
  after.close()
})

test('[sig-api-machinery] Watchers should observe an object deletion if it stops meeting the requirements of the selector [Conformance]', async () => {
  const watched = await watchedNamespace()
  const watch = await watched.configMaps.watch(selectorOf('kept'), await versionNow(watched))
  const relabel = async (label: string): Promise<Json> =>
    await watched.configMaps.patch('label', { metadata: { labels: { 'watch-this': label } } })
  await expectEvent(watch, 'ADDED', await watched.create('label', 'kept'))
  const first = await watched.touch('label')
  await expectEvent(watch, 'MODIFIED', first)
  await relabel('other')
  await expectEvent(watch, 'DELETED', first)
  await watched.touch('label')
  await delay(silenceMs)
  const restored = await relabel('kept')
  // The next event: the change in between was not told.
  await expectEvent(watch, 'ADDED', restored)
  const third = await watched.touch('label')
  await expectEvent(watch, 'MODIFIED', third)
  await watched.configMaps.remove('label')
  await expectEvent(watch, 'DELETED', third)
  watch.close()
})

test('[sig-api-machinery] Watchers should receive events on concurrent watches in same order [Conformance]', async () => {
  const watched = await watchedNamespace()
  let resourceVersion = await versionNow(watched)
  const rounds = 30
  const stop = new AbortController()
  const writing = writeUntil(stop.signal, watched)
  const watches: RawWatch[] = []
  for (let round = 0; round < rounds; round += 1) {
    watches.push(await watched.configMaps.watch('', resourceVersion))
    const versions: string[] = []
    for (const watch of watches) versions.push((await watch.next()).object.metadata.resourceVersion)
    expect(new Set(versions).size).toBe(1)
    resourceVersion = versions[0] ?? ''
  }
  stop.abort()
  await writing
  for (const watch of watches) watch.close()
})

/** Creates, changes and deletes objects in turn, so that every kind of event comes. */
async function writeUntil(signal: AbortSignal, { create, touch, configMaps }: Watched): Promise<void> {
  for (let round = 0; !signal.aborted; round += 1) {
    const name = `written-${round}`
    await create(name, 'any')
    await touch(name)
    if (round > 0) await configMaps.remove(`written-${round - 1}`)
    await delay(5)
  }
}
