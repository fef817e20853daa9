import { expect, test } from 'vitest'
import { systemClock } from '../component-base/clock.ts'
import { silentLogger } from '../component-base/logger.ts'
import { ClusterCache } from './cache/cluster-cache.ts'
import { createPodInfo, type PodInfo } from './cache/pod-info.ts'
import { defaultPlugins, defaultProfile } from './framework/profile.ts'
import { Nominator } from './queue/nominator.ts'
import { SchedulingQueue } from './queue/scheduling-queue.ts'
import { type Effects, Scheduler } from './scheduler.ts'
import { makeNode, makePod, noListers, type PodOptions } from './testing.ts'

/** A scheduler whose effects are written down, and end when the test says so. */
function setUp(overrides: Partial<Effects> = {}) {
  const log: string[] = []
  const cache = new ClusterCache()
  const queue = new SchedulingQueue({ plugins: defaultPlugins.map(({ plugin }) => plugin), now: systemClock.now })
  const bound = new Set<string>()
  const effects: Effects = {
    bind: async (pod, node) => {
      bound.add(pod.uid)
      log.push(`bind ${pod.key} ${node.name}`)
    },
    reportUnschedulable: async (pod, message) => {
      log.push(`${pod.key}: ${message}`)
    },
    reportError: async (pod, error) => {
      log.push(`${pod.key}: error ${error instanceof Error ? error.message : ''}`)
    },
    preempt: async (_pod, { victims }) => {
      log.push(`evict ${victims.map(({ key }) => key).join(' ')}`)
    },
    ...overrides,
  }
  const scheduler = new Scheduler({
    cache,
    queue,
    nominator: new Nominator(),
    profiles: new Map([['default-scheduler', defaultProfile]]),
    listers: noListers,
    effects,
    metrics: { observeAttempt: () => {}, observeScheduled: () => {}, observeError: () => {} },
    clock: systemClock,
    random: () => 0,
    logger: silentLogger,
    isWaiting: ({ uid }) => !bound.has(uid),
  })
  const stop = new AbortController()
  const ended = scheduler.run(stop.signal).catch(() => undefined)
  const add = (options: PodOptions): PodInfo => {
    const pod = createPodInfo(makePod(options))
    queue.add(pod)
    return pod
  }
  const settle = async () => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
  }
  const end = async () => {
    stop.abort()
    await ended
  }
  return { log, cache, queue, add, settle, end }
}

test('Scheduler counts a pod on its node before the binding is confirmed', async () => {
  const { log, cache, add, settle, end } = setUp()
  cache.setNode(makeNode({ name: 'n', cpu: '1' }))
  add({ name: 'a', cpu: '1' })
  add({ name: 'b', cpu: '1' })
  await settle()
  expect(log).toEqual([
    'bind default/a n',
    'default/b: 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  ])
  await end()
})

test('Scheduler gives the room back when a binding fails, and reports why', async () => {
  const { log, cache, add, settle, end } = setUp({
    bind: async () => {
      throw new Error('no such node')
    },
  })
  cache.setNode(makeNode({ name: 'n', cpu: '1' }))
  add({ name: 'a', cpu: '1' })
  await settle()
  expect(log).toEqual(['default/a: error no such node'])
  expect(cache.podCount).toBe(0)
  await end()
})

test('Scheduler says that there are no nodes at all', async () => {
  const { log, add, settle, end } = setUp()
  add({ name: 'a' })
  await settle()
  expect(log).toEqual(['default/a: no nodes available to schedule pods'])
  await end()
})

test('Scheduler places the preemptor when its victim has gone while the eviction was still under way', async () => {
  let finish = () => {}
  const evicted = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { log, cache, queue, add, settle, end } = setUp({ preempt: () => evicted })
  cache.setNode(makeNode({ name: 'n', cpu: '1' }))
  const victim = createPodInfo(makePod({ name: 'low', cpu: '1', nodeName: 'n' }))
  cache.setPod(victim, 'n')
  add({ name: 'high', cpu: '1', priority: 9 })
  await settle()
  cache.deletePod(victim.uid)
  queue.onEvent({ type: 'assignedPodDeleted', pod: victim })
  await settle()
  expect(log).toEqual(['default/high: 0/1 nodes are available: 1 Insufficient cpu.'])
  finish()
  await settle()
  expect(log.at(-1)).toBe('bind default/high n')
  await end()
})
