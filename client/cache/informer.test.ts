import { expect, test } from 'vitest'
import { silentLogger } from '../../component-base/logger.ts'
import { Client } from '../rest/client.ts'
import { configMaps } from '../rest/resource-refs.ts'
import type { Answer, Request } from '../rest/transport.ts'
import { createInformer } from './informer.ts'

type Reply = { readonly status?: number; readonly body: AsyncIterable<Buffer> }

/** A server that answers the requests it is sent, in order; beyond the last it never answers. */
function server(replies: readonly Reply[]): { readonly client: Client; readonly requests: Request[] } {
  const requests: Request[] = []
  const send = async (request: Request, signal: AbortSignal): Promise<Answer> => {
    const reply = replies[requests.length]
    requests.push(request)
    if (reply === undefined) {
      return await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    return { status: reply.status ?? 200, headers: {}, body: reply.body }
  }
  return { client: new Client({ send, close: () => {} }), requests }
}

const object = (name: string, version: string, uid = name): unknown => ({
  metadata: { name, namespace: 'ns', uid, resourceVersion: version },
})
async function* text(value: unknown): AsyncGenerator<Buffer> {
  yield Buffer.from(JSON.stringify(value))
}
async function* lines(...events: readonly unknown[]): AsyncGenerator<Buffer> {
  for (const event of events) yield Buffer.from(`${JSON.stringify(event)}\n`)
}
const list = (version: string, ...items: unknown[]): Reply => ({
  body: text({ kind: 'ConfigMapList', metadata: { resourceVersion: version }, items }),
})
const immediate = { now: () => 0, sleep: async (): Promise<void> => await Promise.resolve() }

/** Runs an informer against the replies until the server is asked once more than it has answers. */
async function follow(
  replies: readonly Reply[],
): Promise<{ readonly changes: readonly string[]; readonly paths: readonly string[] }> {
  const { client, requests } = server(replies)
  const informer = createInformer({ client, ref: configMaps, clock: immediate, logger: silentLogger, random: () => 0 })
  const changes: string[] = []
  informer.onChange(({ type, object: { metadata } }) =>
    changes.push(`${type} ${metadata.name} ${metadata.resourceVersion}`),
  )
  const stop = new AbortController()
  const running = informer.run(stop.signal).catch(() => {})
  while (requests.length <= replies.length) await new Promise((resolve) => setImmediate(resolve))
  stop.abort(new Error('end of test'))
  await running
  return { changes, paths: requests.map(({ path }) => path) }
}

test('run() lists, then watches from there and tells every change', async () => {
  const { changes, paths } = await follow([
    list('5', object('a', '3')),
    {
      body: lines(
        { type: 'ADDED', object: object('b', '6') },
        { type: 'MODIFIED', object: object('a', '7') },
        { type: 'DELETED', object: object('b', '8') },
      ),
    },
  ])
  expect(changes).toEqual(['added a 3', 'added b 6', 'updated a 7', 'deleted b 8'])
  expect(paths[1]).toContain('resourceVersion=5')
  expect(paths[2]).toContain('resourceVersion=8')
})

test('run() keeps and tells what `transform` leaves of an object, from lists and from the watch', async () => {
  const { client, requests } = server([
    list('5', object('a', '3')),
    { body: lines({ type: 'ADDED', object: object('b', '6') }, { type: 'DELETED', object: object('a', '7') }) },
  ])
  const informer = createInformer({
    ...{ client, ref: configMaps, clock: immediate, logger: silentLogger, random: () => 0 },
    transform: (whole) => ({ ...whole, data: { kept: whole.metadata.name } }),
  })
  const told: unknown[] = []
  informer.onChange(({ type, object }) => told.push([type, object.data]))
  const stop = new AbortController()
  const running = informer.run(stop.signal).catch(() => {})
  while (requests.length < 3) await new Promise((resolve) => setImmediate(resolve))
  stop.abort(new Error('end of test'))
  await running
  expect(informer.list().map(({ data }) => data)).toEqual([{ kept: 'b' }])
  expect(told).toEqual([
    ['added', { kept: 'a' }],
    ['added', { kept: 'b' }],
    ['deleted', { kept: 'a' }],
  ])
})

test('run() goes on from a bookmark without listing again', async () => {
  const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '40' } } }
  const { paths } = await follow([list('5'), { body: lines(bookmark) }])
  expect(paths[2]).toMatch(/watch=true/)
  expect(paths[2]).toContain('resourceVersion=40')
})

test('run() lists again after 410 and tells only what is different', async () => {
  const expired = { type: 'ERROR', object: { kind: 'Status', reason: 'Expired', message: 'too old', code: 410 } }
  const { changes, paths } = await follow([
    list('5', object('same', '1'), object('gone', '2'), object('changed', '3'), object('reborn', '4', 'one')),
    { body: lines(expired) },
    list('90', object('same', '1'), object('changed', '80'), object('reborn', '85', 'two')),
  ])
  expect(paths[2]).not.toContain('watch=true')
  expect(changes.slice(4).toSorted()).toEqual([
    'added reborn 85',
    'deleted gone 2',
    'deleted reborn 4',
    'updated changed 80',
  ])
})

test('run() does not list again when the connection breaks inside a watch', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield Buffer.from(`${JSON.stringify({ type: 'ADDED', object: object('a', '6') })}\n`)
    throw new Error('reset')
  }
  const { paths } = await follow([list('5'), { body: broken() }])
  expect(paths[2]).toContain('resourceVersion=6')
})

test('whenSeen() is true once the cache is that new, and false when it takes too long', async () => {
  const { client } = server([list('5')])
  const informer = createInformer({ client, ref: configMaps, clock: immediate, logger: silentLogger })
  const stop = new AbortController()
  const running = informer.run(stop.signal).catch(() => {})
  await informer.whenSynced(stop.signal)
  expect(await informer.whenSeen('5', 1_000, stop.signal)).toBe(true)
  expect(await informer.whenSeen('6', 5, stop.signal)).toBe(false)
  stop.abort(new Error('end of test'))
  await running
})
