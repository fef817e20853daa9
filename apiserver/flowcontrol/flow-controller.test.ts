import { expect, test } from 'vitest'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/flowcontrol/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import { type FlowSeat, OverloadedError, type SeatRequest } from '../http/flow-control.ts'
import { parseRequestInfo } from '../http/request-info.ts'
import { FlowController } from './flow-controller.ts'

const kindless = { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', status: {} } as const
const meta = (name: string) => ({ name, uid: `${name}-uid`, resourceVersion: '1', creationTimestamp: '' })

function level(name: string, limited: object): PriorityLevelConfiguration {
  const response = { type: 'Queue', queuing: { queues: 4, handSize: 1, queueLengthLimit: 2 } }
  const spec = {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 10,
      lendablePercent: 0,
      borrowingLimitPercent: 0,
      limitResponse: response,
      ...limited,
    },
  }
  return { ...kindless, kind: 'PriorityLevelConfiguration', metadata: meta(name), spec }
}

function schema(name: string, levelName: string, user: string): FlowSchema {
  const rules = [
    {
      subjects: [{ kind: 'User', user: { name: user } }],
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    },
  ]
  const spec = { priorityLevelConfiguration: { name: levelName }, matchingPrecedence: 500, rules }
  return { ...kindless, kind: 'FlowSchema', metadata: meta(name), spec }
}

/** A clock whose sleepers wake when the test moves it. */
function createClock(): Clock & { readonly pass: (ms: number) => Promise<void> } {
  let nowMs = 1_000_000
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = []
  return {
    now: () => nowMs,
    sleep: async (ms, signal) =>
      await new Promise<void>((resolve, reject) => {
        const aborted = (): void => reject(signal.reason)
        signal.addEventListener('abort', aborted, { once: true })
        const wake = (): void => {
          signal.removeEventListener('abort', aborted)
          resolve()
        }
        sleepers.push({ atMs: nowMs + ms, wake })
      }),
    pass: async (ms) => {
      const untilMs = nowMs + ms
      while (nowMs < untilMs) {
        nowMs += Math.min(100, untilMs - nowMs)
        const due = sleepers.filter(({ atMs }) => atMs <= nowMs)
        sleepers = sleepers.filter(({ atMs }) => atMs > nowMs)
        for (const { wake } of due) wake()
        for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      }
    },
  }
}

function setUp(serverSeats = 15) {
  const clock = createClock()
  const controller = new FlowController({ clock, serverSeats, storedObjects: () => undefined })
  // Ten shares of fifteen: `one` has ten seats of fifteen, catch-all five.
  controller.configure([level('one', {})], [schema('of-alice', 'one', 'alice')])
  const request = (name = 'alice', url = '/api/v1/pods/x', more: Partial<SeatRequest> = {}): SeatRequest => ({
    user: { name, groups: ['system:authenticated'] },
    info: parseRequestInfo('GET', url),
    url,
    arrivedMs: clock.now(),
    timeoutMs: 60_000,
    isLongRunning: false,
    lifetime: new AbortController(),
    ...more,
  })
  return { clock, controller, request }
}

function seat(started: FlowSeat | undefined | Promise<FlowSeat>): FlowSeat {
  if (started === undefined || started instanceof Promise) throw new TypeError('not seated at once')
  return started
}

test('start() says with every answer which schema and level it was, by uid', () => {
  const { controller, request } = setUp()
  expect(seat(controller.start(request())).headers).toEqual({
    'x-kubernetes-pf-flowschema-uid': 'of-alice-uid',
    'x-kubernetes-pf-prioritylevel-uid': 'one-uid',
  })
})

test('start() knows exempt and catch-all before anyone has written them', () => {
  const { controller, request } = setUp()
  const admin = { name: 'admin', groups: ['system:masters'] }
  expect(seat(controller.start(request('bob'))).headers['x-kubernetes-pf-flowschema-uid']).toBe('')
  for (let at = 0; at < 100; at++) seat(controller.start({ ...request(), user: admin }))
  expect(controller.levels.get('exempt')?.queues.executing).toBe(100)
  expect(controller.levels.get('catch-all')?.queues.executing).toBe(1)
})

test('start() makes the eleventh request wait for one of ten seats, and refuses when the queue is full', async () => {
  const { controller, request } = setUp()
  const seats = Array.from({ length: 10 }, () => seat(controller.start(request())))
  const waiting = controller.start(request())
  expect(waiting).toBeInstanceOf(Promise)
  void controller.start(request())
  expect(() => controller.start(request())).toThrow(OverloadedError)
  seats[0]?.finish()
  await expect(waiting).resolves.toMatchObject({ headers: { 'x-kubernetes-pf-prioritylevel-uid': 'one-uid' } })
})

test('start() lets a request wait for a quarter of its time, and no longer', async () => {
  const { clock, controller, request } = setUp()
  const stop = new AbortController()
  const running = controller.run(stop.signal).catch(() => {})
  const seats = Array.from({ length: 10 }, () => seat(controller.start(request())))
  let outcome = 'waiting'
  const waiting = Promise.resolve(controller.start(request('alice', '/api/v1/pods/x', { timeoutMs: 8_000 }))).catch(
    (error: unknown) => {
      outcome = error instanceof OverloadedError ? error.message : 'something else'
    },
  )
  await clock.pass(1_900)
  expect(outcome).toBe('waiting')
  await clock.pass(300)
  await waiting
  expect(outcome).toBe('Too many requests, please try again later.')
  expect(controller.levels.get('one')?.queues.waiting).toBe(0)
  for (const one of seats) one.finish()
  expect(controller.levels.get('one')?.queues.isIdle).toBe(true)
  stop.abort(new Error('done'))
  await running
})

test('start() lets go of a client that goes away while it waits', async () => {
  const { controller, request } = setUp()
  for (let at = 0; at < 10; at++) seat(controller.start(request()))
  const client = new AbortController()
  const waiting = controller.start(request('alice', '/api/v1/pods/x', { lifetime: client }))
  client.abort(new Error('the client went away'))
  await expect(waiting).rejects.toThrow('the client went away')
  expect(controller.levels.get('one')?.queues.waiting).toBe(0)
})

test('start() counts a watch only until it has begun, and other streams not at all', () => {
  const { controller, request } = setUp()
  const long = { isLongRunning: true }
  const watch = seat(controller.start(request('alice', '/api/v1/pods?watch=1', long)))
  expect(controller.levels.get('one')?.queues.executing).toBe(1)
  watch.finish()
  watch.finish()
  expect(controller.levels.get('one')?.queues.executing).toBe(0)
  expect(controller.start(request('alice', '/api/v1/namespaces/a/pods/x/log', long))).toBeUndefined()
})

test('configure() lets a level that is gone finish what it has, and forgets it then', () => {
  const { controller, request } = setUp()
  const last = seat(controller.start(request()))
  controller.configure([], [])
  expect(controller.levels.get('one')?.quiescing).toBe(true)
  expect(seat(controller.start(request())).headers['x-kubernetes-pf-prioritylevel-uid']).toBe('')
  last.finish()
  expect(controller.levels.has('one')).toBe(false)
})

test('configure() ignores schemas whose level is not there', () => {
  const { controller, request } = setUp()
  controller.configure([level('one', {})], [schema('of-alice', 'two', 'alice')])
  seat(controller.start(request()))
  expect(controller.levels.get('catch-all')?.queues.executing).toBe(1)
})

test('run() lends idle seats to a level that needs more than its own', async () => {
  const { clock, controller, request } = setUp(20)
  const lender = level('lender', { lendablePercent: 100 })
  const borrower = level('one', { borrowingLimitPercent: 100 })
  controller.configure([lender, borrower], [schema('of-alice', 'one', 'alice')])
  const own = controller.levels.get('one')?.limits?.nominal ?? 0
  const stop = new AbortController()
  const running = controller.run(stop.signal).catch(() => {})
  const started = Array.from({ length: own + 3 }, () => controller.start(request()) ?? []).map((one) =>
    Promise.resolve(one),
  )
  let seated = 0
  for (const one of started) void one.then(() => (seated += 1))
  // Demand is smoothed: two periods.
  await clock.pass(10_200)
  expect(controller.levels.get('one')?.current).toBeGreaterThan(own)
  expect(seated).toBeGreaterThan(own)
  stop.abort(new Error('done'))
  await running
})
