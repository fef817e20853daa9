import { expect, test } from 'vitest'
import { createPodInfo } from '../cache/pod-info.ts'
import { defaultPlugins } from '../framework/profile.ts'
import { makeNode, makePod, type PodOptions } from '../testing.ts'
import { nodeChanges } from './cluster-event.ts'
import { SchedulingQueue } from './scheduling-queue.ts'

const info = (options: PodOptions) => createPodInfo(makePod(options))

function setUp() {
  const time = { nowMs: 1_000_000 }
  const queue = new SchedulingQueue({ plugins: defaultPlugins.map(({ plugin }) => plugin), now: () => time.nowMs })
  const take = () => queue.tryTake()?.pod.pod.metadata.name
  return { time, queue, take }
}

function fail(queue: SchedulingQueue, plugin: string): void {
  const queued = queue.tryTake()
  if (queued !== undefined) queue.addUnschedulable(queued, new Set([plugin]))
}

test('SchedulingQueue hands out pods by priority, then in the order they came', () => {
  const { queue, take } = setUp()
  queue.add(info({ name: 'a', priority: 1 }))
  queue.add(info({ name: 'b', priority: 2 }))
  queue.add(info({ name: 'c', priority: 1 }))
  queue.add(info({ name: 'd', priority: 2 }))
  expect([take(), take(), take(), take(), take()]).toEqual(['b', 'd', 'a', 'c', undefined])
})

test('SchedulingQueue holds back pods with scheduling gates until the gates are gone', () => {
  const { queue, take } = setUp()
  queue.add(info({ name: 'a', spec: { schedulingGates: [{ name: 'quota' }] } }))
  expect(take()).toBeUndefined()
  expect(queue.counts()).toMatchObject({ gated: 1, unschedulable: 0 })
  queue.add(info({ name: 'a' }))
  expect(take()).toBe('a')
})

test('SchedulingQueue wakes a pod only for events that concern the plugin that turned it down', () => {
  const { queue, take } = setUp()
  queue.add(info({ name: 'a', cpu: '2' }))
  fail(queue, 'NodeResourcesFit')
  const old = makeNode({ name: 'n', cpu: '1' })
  const labelled = makeNode({ name: 'n', cpu: '1', labels: { disk: 'ssd' } })
  queue.onEvent({ type: 'nodeUpdated', node: labelled, changes: nodeChanges(old, labelled) })
  expect(queue.counts().unschedulable).toBe(1)
  const grown = makeNode({ name: 'n', cpu: '4' })
  queue.onEvent({ type: 'nodeUpdated', node: grown, changes: nodeChanges(old, grown) })
  expect(queue.counts().unschedulable).toBe(0)
  expect(take()).toBe('a')
})

test('SchedulingQueue does not wake a pod for a label that still does not match', () => {
  const { queue } = setUp()
  queue.add(info({ name: 'a', spec: { nodeSelector: { disk: 'ssd' } } }))
  fail(queue, 'NodeAffinity')
  const change = (disk: string) => {
    const node = makeNode({ name: 'n', labels: { disk } })
    queue.onEvent({ type: 'nodeUpdated', node, changes: new Set(['labels']) })
  }
  change('hdd')
  expect(queue.counts().unschedulable).toBe(1)
  change('ssd')
  expect(queue.counts().unschedulable).toBe(0)
})

test('SchedulingQueue tries a pod again after five minutes without any event', () => {
  const { queue, take, time } = setUp()
  queue.add(info({ name: 'a' }))
  fail(queue, 'NodeResourcesFit')
  time.nowMs += 299_000
  queue.flush()
  expect(take()).toBeUndefined()
  time.nowMs += 1_000
  queue.flush()
  expect(take()).toBe('a')
})

test('SchedulingQueue doubles the wait after errors from one to ten seconds', () => {
  const { queue, time } = setUp()
  queue.add(info({ name: 'a' }))
  const waits: number[] = []
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const queued = queue.tryTake()
    if (queued === undefined) throw new Error('nothing to take')
    queue.addFailed(queued)
    let waited = 0
    for (; queue.counts().active === 0; waited += 1) {
      time.nowMs += 1_000
      queue.flush()
    }
    waits.push(waited)
  }
  expect(waits).toEqual([1, 2, 4, 8, 10, 10])
})

test('SchedulingQueue forgets deleted pods', () => {
  const { queue, take } = setUp()
  queue.add(info({ name: 'a' }))
  queue.delete('default/a')
  expect(take()).toBeUndefined()
})

test('SchedulingQueue.whenReady() resolves when a pod comes in', async () => {
  const { queue, take } = setUp()
  const ready = queue.whenReady(new AbortController().signal)
  queue.add(info({ name: 'a' }))
  await ready
  expect(take()).toBe('a')
})
