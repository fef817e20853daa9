import { expect, test } from 'vitest'
import { type Arrival, type Flight, type QueueConfig, QueueSet } from './queue-set.ts'
import { SeatDemand } from './seat-demand.ts'
import { Traffic } from './traffic.ts'
import { oneSeat, type Work } from './work.ts'

const queues: QueueConfig = { type: 'queue', queues: 8, handSize: 2, queueLengthLimit: 5 }
const reject: QueueConfig = { type: 'reject', queues: 0, handSize: 0, queueLengthLimit: 0 }

/** A queue set with a clock that the test moves. */
function setUp(config: QueueConfig, limit: number) {
  let nowMs = 0
  const held: { readonly atMs: number; readonly release: () => void }[] = []
  const later = (ms: number, release: () => void): void => void held.push({ atMs: nowMs + ms, release })
  const set = new QueueSet({ demand: new SeatDemand(0), later, now: () => nowMs })
  set.configure(config, limit)
  const traffic = new Traffic('schema')
  return {
    set,
    traffic,
    start: (distinguisher = '', work: Work = oneSeat): Flight | string => {
      const arrival: Arrival = { traffic, distinguisher, work, subject: {} }
      return set.start(arrival)
    },
    pass: (ms: number): void => {
      nowMs += ms
      for (const { release } of held
        .splice(0)
        .filter(({ atMs, release }) => atMs <= nowMs || !held.push({ atMs, release }))) {
        release()
      }
    },
  }
}

function flight(started: Flight | string): Flight {
  if (typeof started === 'string') throw new TypeError(`refused: ${started}`)
  return started
}

test('start() without queues refuses what has no seat', () => {
  const { set, start, traffic } = setUp(reject, 2)
  const first = flight(start())
  expect(flight(start()).state).toBe('executing')
  expect(start()).toBe('concurrency-limit')
  set.finish(first)
  expect(flight(start()).state).toBe('executing')
  expect(traffic.rejected['concurrency-limit']).toBe(1)
})

test('start() lets everything go on when nothing is limited, and counts it', () => {
  const { set, start, traffic } = setUp({ ...reject, type: 'exempt' }, 0)
  const flights = Array.from({ length: 50 }, () => flight(start()))
  expect(flights.every(({ state }) => state === 'executing')).toBe(true)
  expect(traffic.executing).toBe(50)
  for (const one of flights) set.finish(one)
  expect(set.isIdle).toBe(true)
  expect(set.seatsInUse).toBe(0)
})

test('start() makes requests wait for a seat, and refuses them when the queues of their hand are full', () => {
  const { set, start } = setUp(queues, 1)
  const running = flight(start('a'))
  const waiting = Array.from({ length: 10 }, () => flight(start('a')))
  expect(waiting.every(({ state }) => state === 'waiting')).toBe(true)
  expect(start('a')).toBe('queue-full')
  let dispatched = 0
  for (const one of waiting) one.onDispatch = () => (dispatched += 1)
  set.finish(running)
  expect(dispatched).toBe(1)
  expect(set.waiting).toBe(9)
})

test('finish() hands seats out by turns: a flow with one request does not wait behind a flood', () => {
  const { set, start, pass } = setUp({ ...queues, queues: 64, handSize: 1, queueLengthLimit: 100 }, 1)
  let running = flight(start('flood'))
  const order: string[] = []
  const note = (name: string): void => {
    const one = flight(start(name))
    one.onDispatch = () => {
      order.push(name)
      running = one
    }
  }
  for (let at = 0; at < 20; at++) note('flood')
  note('single')
  for (let at = 0; at < 4; at++) {
    pass(10)
    set.finish(running)
  }
  expect(order.indexOf('single')).toBeLessThan(2)
  expect(order.indexOf('single')).toBeGreaterThanOrEqual(0)
})

test('finish() shares seats between flows by their seconds, not by their number of requests', () => {
  const { set, start, pass } = setUp({ ...queues, queues: 64, handSize: 1, queueLengthLimit: 1_000 }, 1)
  const seconds: Record<string, number> = { slow: 0, brief: 0 }
  let running: { readonly flight: Flight; readonly name: string } | undefined
  const note = (name: string): void => {
    const one = flight(start(name))
    const begin = (): void => {
      running = { flight: one, name }
    }
    if (one.state === 'executing') begin()
    else one.onDispatch = begin
  }
  for (let at = 0; at < 200; at++) {
    note('slow')
    note('brief')
  }
  for (let at = 0; at < 200; at++) {
    const now = running
    if (now === undefined) throw new TypeError('nothing runs')
    const ms = now.name === 'slow' ? 50 : 10
    pass(ms)
    seconds[now.name] = (seconds[now.name] ?? 0) + ms
    set.finish(now.flight)
  }
  const share = (seconds['slow'] ?? 0) / ((seconds['slow'] ?? 0) + (seconds['brief'] ?? 0))
  expect(share).toBeGreaterThan(0.4)
  expect(share).toBeLessThan(0.6)
})

test('start() lets a request wider than all seats go on alone', () => {
  const { set, start } = setUp(queues, 4)
  const small = flight(start('a'))
  const wide = flight(start('b', { ...oneSeat, initialSeats: 10 }))
  expect(wide.state).toBe('waiting')
  set.finish(small)
  expect(wide.state).toBe('executing')
  expect(flight(start('c')).state).toBe('waiting')
})

test('finish() keeps the seats of a write while its watchers are told', () => {
  const { set, start, pass } = setUp(queues, 5)
  const write = flight(start('a', { initialSeats: 1, finalSeats: 5, additionalMs: 20 }))
  set.finish(write)
  expect(set.executing).toBe(0)
  expect(set.seatsInUse).toBe(5)
  const next = flight(start('b'))
  expect(next.state).toBe('waiting')
  pass(20)
  expect(next.state).toBe('executing')
  expect(set.seatsInUse).toBe(1)
})

test('cancel() takes a waiting request out, and only a waiting one', () => {
  const { set, start, traffic } = setUp(queues, 1)
  const running = flight(start('a'))
  const waiting = flight(start('a'))
  set.cancel(waiting, 'time-out')
  set.cancel(waiting, 'time-out')
  set.cancel(running, 'time-out')
  expect(traffic.rejected['time-out']).toBe(1)
  expect(traffic.inQueueRequests).toBe(0)
  expect(set.waiting).toBe(0)
  expect(running.state).toBe('executing')
})

test('configure() with more seats lets the waiting go on; with fewer queues the rest go when they are empty', () => {
  const { set, start } = setUp(queues, 1)
  const flights = Array.from({ length: 8 }, (_, at) => flight(start(String(at))))
  expect(set.waiting).toBe(7)
  expect(set.configure({ ...queues, queues: 2 }, 8)).toBe(true)
  expect(set.waiting).toBe(0)
  expect(set.queues.length).toBe(8)
  for (const one of flights) set.finish(one)
  expect(set.queues.length).toBeLessThan(8)
  expect(set.queues.map(({ index }) => index)).toEqual(set.queues.map((_, at) => at))
  expect(set.isIdle).toBe(true)
})

test('currentR is the seat-seconds of an always busy queue', () => {
  const { set, start, pass } = setUp({ ...queues, queues: 64, handSize: 1 }, 4)
  for (const name of ['a', 'b']) for (let at = 0; at < 5; at++) start(name)
  pass(1_000)
  start('c')
  // Two busy queues share four seats for a second.
  expect(set.currentR).toBeCloseTo(2, 6)
})

test('counts come back to nothing after any sequence of starts, cancels and finishes', () => {
  const { set, start, pass, traffic } = setUp({ ...queues, queueLengthLimit: 3 }, 4)
  let seed = 7
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  const alive: Flight[] = []
  for (let step = 0; step < 5_000; step++) {
    const dice = random()
    if (dice < 0.5) {
      const work =
        dice < 0.05
          ? { initialSeats: 1, finalSeats: 3, additionalMs: 7 }
          : { ...oneSeat, initialSeats: 1 + Math.floor(random() * 3) }
      const started = start(String(Math.floor(random() * 6)), work)
      if (typeof started !== 'string') alive.push(started)
    } else if (alive.length > 0) {
      const [one] = alive.splice(Math.floor(random() * alive.length), 1)
      if (one?.state === 'waiting') set.cancel(one, 'time-out')
      else if (one !== undefined) set.finish(one)
    }
    pass(Math.floor(random() * 4))
  }
  for (const one of alive) set.cancel(one, 'time-out')
  for (const one of alive) set.finish(one)
  pass(100)
  expect([set.waiting, set.executing, set.seatsInUse, set.seatsWaiting]).toEqual([0, 0, 0, 0])
  expect([traffic.executing, traffic.executingSeats, traffic.inQueueRequests, traffic.inQueueSeats]).toEqual([
    0, 0, 0, 0,
  ])
  expect(
    set.queues.every(({ waiting, executing, seatsInUse }) => waiting.length + executing.size + seatsInUse === 0),
  ).toBe(true)
})
