import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../../component-base/clock.ts'
import { silentLogger } from '../../component-base/logger.ts'
import { createMemoryStorage } from './memory.ts'
import type { CacheEvent } from './resource-cache.ts'
import type { Storage } from './storage.ts'
import { WatchCache } from './watch-cache.ts'

type Running = { readonly storage: Storage; readonly caches: WatchCache; readonly stop: () => Promise<void> }
const never = new AbortController().signal

async function start(storage: Storage = createMemoryStorage(), clock: Clock = systemClock): Promise<Running> {
  const caches = new WatchCache({ storage, clock, logger: silentLogger })
  caches.cache('/registry/pods')
  caches.cache('/registry/services/specs')
  const end = new AbortController()
  const running = caches.run(end.signal)
  await caches.reach(0)
  return {
    storage,
    caches,
    stop: async () => {
      end.abort()
      await running
    },
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}

async function put(storage: Storage, key: string, labels: object = {}): Promise<number> {
  const name = key.split('/').at(-1)
  const value = Buffer.from(JSON.stringify({ kind: 'Pod', apiVersion: 'v1', metadata: { name, labels } }))
  const found = await storage.get(key, never)
  const { revision } = await storage.put(key, value, { expectedRevision: found?.modRevision ?? 0 }, never)
  return revision
}

test('WatchCache fresh() waits for writes that are already in the store', async () => {
  const { storage, caches, stop } = await start()
  const revision = await put(storage, '/registry/pods/default/a')
  await caches.fresh()
  const entry = caches.cache('/registry/pods').get('/registry/pods/default/a')
  expect(entry?.revision).toBe(revision)
  expect(entry?.object.metadata.resourceVersion).toBe(String(revision))
  await stop()
})

test('WatchCache fresh() is not held up by writes that are none of its own', async () => {
  const { storage, caches, stop } = await start()
  await storage.put('/coreos.com/network/subnets/10.244.1.0-24', Buffer.from('{}'), { expectedRevision: 0 }, never)
  const wanted = await storage.currentRevision(never)
  await caches.fresh()
  expect(caches.seen).toBeGreaterThanOrEqual(wanted)
  await stop()
})

test('WatchCache fresh() asks once for all who come before the question leaves, and anew for whoever comes later', async () => {
  const memory = createMemoryStorage()
  const questions: (() => void)[] = []
  const { caches, stop } = await start({
    ...memory,
    currentRevision: async (signal) => {
      const revision = await memory.currentRevision(signal)
      await new Promise<void>((resolve) => questions.push(resolve))
      return revision
    },
  })
  const early = [caches.fresh(), caches.fresh()]
  await until(() => questions.length > 0)
  await put(memory, '/registry/pods/default/late')
  const late = caches.fresh()
  expect(questions).toHaveLength(1)
  questions[0]?.()
  await Promise.all(early)
  await until(() => questions.length > 1)
  questions[1]?.()
  await late
  expect(caches.cache('/registry/pods').get('/registry/pods/default/late')).toBeDefined()
  await stop()
})

test('WatchCache reach() gives up on revisions of the future', async () => {
  let nowMs = 0
  const clock: Clock = {
    now: () => nowMs,
    sleep: async (ms, signal) => {
      nowMs += ms
      await systemClock.sleep(0, signal)
    },
  }
  const { caches, stop } = await start(createMemoryStorage(), clock)
  await expect(caches.reach(1_000_000)).rejects.toThrow('Too large resource version: 1000000, current: 1')
  await stop()
})

test('WatchCache keeps kinds apart, also those with two segments', async () => {
  const { storage, caches, stop } = await start()
  await put(storage, '/registry/pods/default/a')
  await put(storage, '/registry/services/specs/default/b')
  await put(storage, '/registry/unknown/c')
  await caches.fresh()
  expect(caches.cache('/registry/pods').size).toBe(1)
  expect(caches.cache('/registry/services/specs').size).toBe(1)
  await stop()
})

test('WatchCache lists again when the history is gone, and ends the watches', async () => {
  const memory = createMemoryStorage()
  let cut: () => void = () => {}
  const flaky: Storage = {
    ...memory,
    async *watch(prefix, from, signal) {
      const both = new AbortController()
      cut = () => both.abort(new Error('cut'))
      try {
        yield* memory.watch(prefix, from, AbortSignal.any([signal, both.signal]))
      } catch (error) {
        if (signal.aborted) throw error
        const { CompactedError } = await import('./storage.ts')
        throw new CompactedError(from)
      }
    },
  }
  const { caches, stop } = await start(flaky)
  await put(memory, '/registry/pods/default/a')
  await caches.fresh()
  let resets = 0
  const onNothing = (): void => {}
  caches.cache('/registry/pods').observe({
    onEvent: onNothing,
    onBatchEnd: onNothing,
    onBookmark: onNothing,
    onReset: () => {
      resets += 1
    },
  })
  cut()
  await put(memory, '/registry/pods/default/b')
  await caches.fresh()
  expect(caches.cache('/registry/pods').size).toBe(2)
  expect(resets).toBe(1)
  await stop()
})

test('ResourceCache eventsAfter() replays what came after a revision, and knows what it forgot', async () => {
  const { storage, caches, stop } = await start()
  const first = await put(storage, '/registry/pods/default/a')
  await put(storage, '/registry/pods/default/a', { x: 'y' })
  await storage.delete('/registry/pods/default/a', await caches.fresh(), never)
  await caches.fresh()
  const cache = caches.cache('/registry/pods')
  const shape = ({ type, previous }: CacheEvent): object => ({ type, had: previous !== undefined })
  expect(cache.eventsAfter(first)?.map(shape)).toEqual([
    { type: 'MODIFIED', had: true },
    { type: 'DELETED', had: true },
  ])
  expect(cache.eventsAfter(0)).toBeUndefined()
  await stop()
})

test('ResourceCache list() is sorted and confined to its prefix', async () => {
  const { storage, caches, stop } = await start()
  for (const key of ['b/x', 'a/z', 'a/y', 'a-b/x']) await put(storage, `/registry/pods/${key}`)
  await caches.fresh()
  const keys = (prefix: string): string[] =>
    caches
      .cache('/registry/pods')
      .list(prefix)
      .map(({ key }) => key.slice(15))
  expect(keys('/registry/pods/')).toEqual(['a-b/x', 'a/y', 'a/z', 'b/x'])
  expect(keys('/registry/pods/a/')).toEqual(['a/y', 'a/z'])
  await stop()
})
