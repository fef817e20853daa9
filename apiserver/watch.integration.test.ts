/** What watches are on the wire: paths, forms, bookmarks, WebSockets, and clients that are too slow. */
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type RawClient, type RawEvent, rawClient } from '../test/fixtures/api-client.ts'
import type { Issued } from '../test/fixtures/certificates.ts'
import { startControlPlane, type TestControlPlane } from '../test/fixtures/control-plane.ts'

let plane: TestControlPlane
let api: RawClient
let admin: Issued
const configMaps = '/api/v1/namespaces/default/configmaps'

beforeAll(async () => {
  plane = await startControlPlane({ flags: ['--disable-admission-plugins=ServiceAccount'] })
  admin = await plane.authority.issue('test-admin', ['system:masters'])
  api = await rawClient(plane, admin)
  for (const name of ['a', 'b']) await create(name, { color: 'red' })
})
afterAll(async () => await plane.close())

async function create(name: string, labels: object = {}, data: object = {}): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data }
  expect((await api.send(configMaps, { method: 'POST', body })).code).toBe(201)
}

/** The events of a watch that ends by itself. */
async function events(path: string): Promise<RawEvent[]> {
  const watch = await api.watch(path)
  const seen: RawEvent[] = []
  for (;;) {
    try {
      seen.push(await watch.next())
    } catch (error) {
      if (error instanceof Error && error.message === 'the watch has ended') return seen
      throw error
    }
  }
}

/** The one event of a watch that asks for a form of its own. */
async function onlyEvent(path: string, accept: string): Promise<RawEvent> {
  return (await api.send(path, { headers: { accept } })).json
}

test('GET /api/v1/watch/… watches a collection, a namespace or one object', async () => {
  const names = async (path: string): Promise<string[]> =>
    (await events(`/api/v1/watch/${path}?timeoutSeconds=3`)).map(({ object }) => object.metadata.name)
  const [all, one, namespace] = await Promise.all(
    ['namespaces/default/configmaps', 'namespaces/default/configmaps/a', 'namespaces/default'].map(names),
  )
  expect(all).toEqual(expect.arrayContaining(['a', 'b']))
  expect([one, namespace]).toEqual([['a'], ['default']])
  expect((await api.send('/api/v1/watch/configmaps/a')).code).toBe(404)
  expect((await api.send('/api/v1/watch/namespaces/default/configmaps', { method: 'POST' })).code).toBe(405)
  expect((await api.send('/api/v1/watch')).code).toBe(500)
})

test('GET /api/v1/watch/… is the verb watch to the authorizer', async () => {
  const nobody = await rawClient(plane, await plane.authority.issue('nobody'))
  const { json } = await nobody.send('/api/v1/watch/namespaces/default/configmaps/a')
  expect(json.message).toContain('cannot watch resource "configmaps"')
})

test('a watch with bookmarks ends its state with one, and says where it got before it ends', async () => {
  const query = 'watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3Da'
  const [added, end] = await events(`${configMaps}?${query}&timeoutSeconds=3`)
  expect(added).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } })
  expect(end).toMatchObject({
    type: 'BOOKMARK',
    object: { kind: 'ConfigMap', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
  })
  const { resourceVersion } = end?.object.metadata ?? {}
  const later = events(`${configMaps}?${query}&timeoutSeconds=5&resourceVersion=${resourceVersion}`)
  await create('moves-the-revision')
  const [last, ...more] = await later
  expect(more).toEqual([])
  expect(last?.type).toBe('BOOKMARK')
  expect(last?.object.metadata.annotations).toBeUndefined()
  expect(Number(last?.object.metadata.resourceVersion)).toBeGreaterThan(Number(resourceVersion))
})

test('a watch that cannot begin says so in an event', async () => {
  const future = `${configMaps}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=999999`
  const [event] = await events(future)
  expect(event).toMatchObject({ type: 'ERROR', object: { reason: 'Timeout', code: 504 } })
  expect(event?.object.message).toMatch(/^Timeout: Too large resource version: 999999, current: \d+$/)
})

test('a watch tells tables and metadata in the version asked for, and no YAML', async () => {
  const path = `${configMaps}?watch=true&timeoutSeconds=3&fieldSelector=metadata.name%3Da`
  const [table, partial] = await Promise.all([
    onlyEvent(path, 'application/json;as=Table;v=v1beta1;g=meta.k8s.io'),
    onlyEvent(path, 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'),
  ])
  expect(table.object).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1beta1' })
  expect(partial.object).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' })
  const yaml = await api.send(path, { headers: { accept: 'application/yaml' } })
  expect(yaml.code).toBe(406)
  expect(yaml.text).toContain('application/json;stream=watch')
})

test('a watch with a selector sees objects come and go', async () => {
  const watch = await api.watch(`${configMaps}?watch=true&labelSelector=color%3Dblue&resourceVersion=0`)
  const patch = async (color: string): Promise<void> => {
    const body = { metadata: { labels: { color } } }
    await api.send(`${configMaps}/b`, { method: 'PATCH', body, contentType: 'application/merge-patch+json' })
  }
  await patch('blue')
  expect((await watch.next()).type).toBe('ADDED')
  await patch('green')
  const { type, object } = await watch.next()
  expect(type).toBe('DELETED')
  // The last state that matched, at the revision of the change.
  expect(object.metadata.labels.color).toBe('blue')
  const { json } = await api.send(`${configMaps}/b`)
  expect(object.metadata.resourceVersion).toBe(json.metadata.resourceVersion)
  watch.close()
})

test('a watch over a WebSocket sends one message per event, in text or binary', async () => {
  const open = (path: string, headers: Record<string, string> = {}): WebSocket =>
    new WebSocket(`wss://127.0.0.1:${plane.port}${path}`, {
      ca: plane.authority.cert,
      cert: admin.cert,
      key: admin.key,
      origin: 'https://console',
      headers,
    })
  const path = `${configMaps}?watch=true&fieldSelector=metadata.name%3Da&timeoutSeconds=3`
  const first = async (socket: WebSocket): Promise<{ data: Buffer; isBinary: boolean }> =>
    await new Promise((resolve, reject) => {
      socket.on('error', reject)
      socket.on('message', (data, isBinary) => resolve({ data: data as Buffer, isBinary }))
    })
  const text = open(path)
  const json = await first(text)
  expect(json.isBinary).toBe(false)
  expect(JSON.parse(json.data.toString())).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } })
  await new Promise((resolve) => text.once('close', resolve))
  const protobuf = await first(open(path, { accept: 'application/vnd.kubernetes.protobuf' }))
  expect(protobuf.isBinary).toBe(true)
  // WatchEvent { type: "ADDED", … }, without the length that frames it in a body.
  expect(protobuf.data.subarray(0, 7).toString('latin1')).toBe('\n\x05ADDED')
})

test('a watch over a WebSocket is refused with a Status like any other', async () => {
  const socket = new WebSocket(`wss://127.0.0.1:${plane.port}${configMaps}?watch=true&limit=x`, {
    ca: plane.authority.cert,
    cert: admin.cert,
    key: admin.key,
  })
  const code = await new Promise((resolve) => {
    socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode))
    socket.on('error', () => {})
  })
  expect(code).toBe(400)
})

test('a watcher that does not read is cut off, and others are not', async () => {
  const socket = connect({
    host: '127.0.0.1',
    port: plane.port,
    ca: plane.authority.cert,
    cert: admin.cert,
    key: admin.key,
  })
  await new Promise((resolve) => socket.once('secureConnect', resolve))
  socket.write(`GET ${configMaps}?watch=true&resourceVersion=0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  socket.pause()
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const reader = await api.watch(`${configMaps}?watch=true&labelSelector=big`)
  const data = { text: 'x'.repeat(1_000_000) }
  const before = process.memoryUsage().rss
  for (let at = 0; at < 30; at++) {
    await create(`big-${at}`, { big: '' }, data)
    expect((await reader.next()).object.metadata.name).toBe(`big-${at}`)
  }
  reader.close()
  expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024)
  // What had been sent before is still on its way; the last object is not.
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
  })
  socket.resume()
  await ended
  expect(seen).not.toContain('"name":"big-29"')
}, 120_000)
