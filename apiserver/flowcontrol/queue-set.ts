/**
 * Fair queuing for one priority level. Every queue gets the same number of seats per second as long as it has use for them:
 * `R` is the seat-seconds that an always busy queue would have got since the start, and a queue's `nextDispatchR` is the
 * reading of `R` at which its next request is due. The queue whose oldest request would be done first goes first.
 * Source: KEP-1040, upstream's fairqueuing/queueset.
 *
 * Upstream walks over all queues with every request; here sums are kept, and a choice is made only when there is one.
 * `R` is a double: it keeps microseconds for decades, so there are no epochs.
 */

import type { SeatDemand } from './seat-demand.ts'
import { dealHand, hashFlow } from './shuffle-sharding.ts'
import type { RejectReason, Traffic } from './traffic.ts'
import { type Work, widthOf } from './work.ts'

/** What a request is expected to take, in seconds, until it is known. */
const estimatedServiceSeconds = 0.003
/** Flows whose hands are remembered, per FlowSchema; there is a flow per user or namespace. */
const maxHands = 1_024

export type QueueConfig = {
  /** `exempt`: nothing is limited. `reject`: no queues. */
  readonly type: 'exempt' | 'reject' | 'queue'
  readonly queues: number
  readonly handSize: number
  readonly queueLengthLimit: number
}

/** One request on its way through. */
export type Flight = {
  readonly traffic: Traffic
  readonly distinguisher: string
  readonly initialSeats: number
  readonly width: number
  finalSeats: number
  additionalMs: number
  /** Seat-seconds. */
  readonly totalWork: number
  readonly finalWork: number
  readonly queue: Queue | undefined
  readonly arrivalMs: number
  readonly arrivalR: number
  startMs: number
  state: 'waiting' | 'executing' | 'done'
  /** Called when the request may go on. */
  onDispatch: (() => void) | undefined
  /** For dumps. */
  readonly subject: object
}

export type Queue = {
  index: number
  readonly waiting: Flight[]
  readonly executing: Set<Flight>
  nextDispatchR: number
  seatsInUse: number
  waitingWork: number
}

export type Arrival = {
  readonly traffic: Traffic
  readonly distinguisher: string
  readonly work: Work
  readonly subject: object
}

export type QueueSetOptions = {
  readonly demand: SeatDemand
  /** Runs `release` after so many milliseconds. */
  readonly later: (ms: number, release: () => void) => void
  readonly now: () => number
}

/** The queues of one priority level, and the seats they share. */
export class QueueSet {
  readonly #options: QueueSetOptions
  #config: QueueConfig = { type: 'reject', queues: 0, handSize: 0, queueLengthLimit: 0 }
  #limit = 0
  readonly #queues: Queue[] = []
  readonly #withoutQueue = new Set<Flight>()
  /** Queues with requests that wait or execute. */
  #busyQueues = 0
  #currentR = 0
  #syncedMs: number
  #robin = 0
  #arrivals = 0
  #seatsInUse = 0
  #seatsWaiting = 0
  #executing = 0
  #waiting = 0
  dispatched = 0
  rejected = 0
  cancelled = 0

  constructor(options: QueueSetOptions) {
    this.#options = options
    this.#syncedMs = options.now()
  }

  get waiting(): number {
    return this.#waiting
  }

  get executing(): number {
    return this.#executing
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#executing === 0
  }

  get currentR(): number {
    return this.#currentR
  }

  get queues(): readonly Queue[] {
    return this.#queues
  }

  get executingWithoutQueue(): ReadonlySet<Flight> {
    return this.#withoutQueue
  }

  /** Takes a new configuration; queues that are too many go when they are empty. Returns whether hands must be dealt anew. */
  configure(config: QueueConfig, limit: number): boolean {
    this.#sync(this.#options.now())
    const redeal = config.queues !== this.#config.queues || config.handSize !== this.#config.handSize
    this.#config = config
    this.#limit = limit
    for (let index = this.#queues.length; index < config.queues; index++) this.#queues.push(newQueue(index))
    this.#dispatchAll()
    return redeal
  }

  /** Lets a request go on, makes it wait, or says why not. */
  start(arrival: Arrival): Flight | RejectReason {
    const nowMs = this.#options.now()
    this.#sync(nowMs)
    const flight = this.#config.type === 'queue' ? this.#enqueue(arrival, nowMs) : this.#startAtOnce(arrival, nowMs)
    if (typeof flight === 'string') this.rejected += 1
    return flight
  }

  /** Takes a waiting request out of its queue. */
  cancel(flight: Flight, reason: RejectReason): void {
    const { queue } = flight
    if (flight.state !== 'waiting' || queue === undefined) return
    this.#sync(this.#options.now())
    queue.waiting.splice(queue.waiting.indexOf(flight), 1)
    this.#leaveQueue(flight, queue)
    flight.state = 'done'
    flight.traffic.rejected[reason] += 1
    this.rejected += 1
    this.cancelled += 1
    if (!isBusy(queue)) this.#busyQueues -= 1
    boundNextDispatch(queue)
    this.#noteDemand()
  }

  /** The request is done; its seats are free now, or after its additional latency. */
  finish(flight: Flight): void {
    if (flight.state !== 'executing') return
    const nowMs = this.#options.now()
    this.#sync(nowMs)
    flight.state = 'done'
    this.#executing -= 1
    flight.traffic.executing -= 1
    const { queue } = flight
    if (queue === undefined) this.#withoutQueue.delete(flight)
    else {
      queue.executing.delete(flight)
      if (!isBusy(queue)) this.#busyQueues -= 1
      // What it really took, instead of what was expected.
      const serviceSeconds = (nowMs - flight.startMs) / 1000
      queue.nextDispatchR -= flight.initialSeats * (estimatedServiceSeconds - serviceSeconds)
      boundNextDispatch(queue)
    }
    if (flight.additionalMs <= 0) this.#release(flight)
    else {
      this.#options.later(flight.additionalMs, () => {
        this.#sync(this.#options.now())
        this.#release(flight)
        this.#dispatchAll()
      })
    }
    this.#dispatchAll()
  }

  #startAtOnce(arrival: Arrival, nowMs: number): Flight | RejectReason {
    const flight = this.#newFlight(arrival, undefined, nowMs)
    if (!this.#hasRoomFor(flight.width)) {
      arrival.traffic.rejected['concurrency-limit'] += 1
      return 'concurrency-limit'
    }
    this.#withoutQueue.add(flight)
    this.#execute(flight, nowMs)
    this.#noteDemand()
    return flight
  }

  #enqueue(arrival: Arrival, nowMs: number): Flight | RejectReason {
    const { traffic } = arrival
    const queue = this.#chooseQueue(traffic, arrival.distinguisher)
    if (this.#seatsInUse >= this.#limit && queue.waiting.length >= this.#config.queueLengthLimit) {
      traffic.rejected['queue-full'] += 1
      boundNextDispatch(queue)
      return 'queue-full'
    }
    const flight = this.#newFlight(arrival, queue, nowMs)
    if (!isBusy(queue)) {
      queue.nextDispatchR = this.#currentR
      this.#busyQueues += 1
    }
    queue.waiting.push(flight)
    queue.waitingWork += flight.totalWork
    this.#waiting += 1
    this.#seatsWaiting += flight.width
    traffic.inQueueRequests += 1
    traffic.inQueueSeats += flight.width
    boundNextDispatch(queue)
    traffic.queueLength.observe(queue.waiting.length)
    this.#noteDemand()
    this.#dispatchAll(queue)
    return flight
  }

  /** The queue of the flow's hand with the least work in it. Where to begin looking changes, so that none is preferred. */
  #chooseQueue(traffic: Traffic, distinguisher: string): Queue {
    const hand = this.#handOf(traffic, distinguisher)
    const offset = this.#arrivals++ % hand.length
    let best: Queue | undefined
    for (let at = 0; at < hand.length; at++) {
      const queue = this.#queues[hand[(offset + at) % hand.length] ?? 0]
      if (queue !== undefined && (best === undefined || queue.waitingWork < best.waitingWork)) best = queue
    }
    if (best === undefined) throw new TypeError('a hand without queues')
    return best
  }

  #handOf({ schema, hands }: Traffic, distinguisher: string): readonly number[] {
    const known = hands.get(distinguisher)
    if (known !== undefined) return known
    const { queues, handSize } = this.#config
    const hand = dealHand(hashFlow(schema, distinguisher), queues, handSize)
    if (hands.size >= maxHands) hands.clear()
    hands.set(distinguisher, hand)
    return hand
  }

  #newFlight({ traffic, distinguisher, work, subject }: Arrival, queue: Queue | undefined, nowMs: number): Flight {
    const finalWork = (work.finalSeats * work.additionalMs) / 1000
    return {
      traffic,
      distinguisher,
      subject,
      initialSeats: work.initialSeats,
      width: widthOf(work),
      finalSeats: work.finalSeats,
      additionalMs: work.additionalMs,
      totalWork: work.initialSeats * estimatedServiceSeconds + finalWork,
      finalWork,
      queue,
      arrivalMs: nowMs,
      arrivalR: this.#currentR,
      startMs: 0,
      state: 'waiting',
      onDispatch: undefined,
    }
  }

  /** `only` is the queue to which a request was just added. */
  #dispatchAll(only?: Queue): void {
    while (this.#waiting > 0 && this.#seatsInUse < this.#limit) {
      // With one request waiting there is nothing to choose.
      const isOnly = this.#waiting === 1 && only?.waiting.length === 1
      const queue = isOnly ? only : this.#nextQueue()
      if (!this.#dispatchFrom(queue)) return
    }
  }

  #dispatchFrom(queue: Queue): boolean {
    const flight = queue.waiting[0]
    if (flight === undefined) throw new TypeError('the chosen queue is empty')
    if (!this.#hasRoomFor(flight.width)) {
      flight.traffic.noAccommodation += 1
      return false
    }
    queue.waiting.shift()
    this.#robin = queue.index
    this.#leaveQueue(flight, queue)
    if (flight.finalSeats > this.#limit) {
      flight.finalSeats = this.#limit
      flight.additionalMs = (flight.finalWork * 1000) / this.#limit
    }
    queue.executing.add(flight)
    queue.seatsInUse += flight.width
    this.#execute(flight, this.#options.now())
    queue.nextDispatchR += flight.totalWork
    boundNextDispatch(queue)
    this.#noteDemand()
    flight.onDispatch?.()
    return true
  }

  #leaveQueue(flight: Flight, queue: Queue): void {
    queue.waitingWork = queue.waiting.length === 0 ? 0 : queue.waitingWork - flight.totalWork
    this.#waiting -= 1
    this.#seatsWaiting -= flight.width
    flight.traffic.inQueueRequests -= 1
    flight.traffic.inQueueSeats -= flight.width
  }

  #execute(flight: Flight, nowMs: number): void {
    flight.state = 'executing'
    flight.startMs = nowMs
    flight.traffic.executing += 1
    flight.traffic.executingSeats += flight.width
    flight.traffic.dispatched += 1
    this.#executing += 1
    this.#seatsInUse += flight.width
    this.dispatched += 1
  }

  /** Where the oldest request would be done first; at a tie, the next after the last one. */
  #nextQueue(): Queue {
    const count = this.#queues.length
    let best: Queue | undefined
    let earliest = Number.POSITIVE_INFINITY
    for (let step = 1; step <= count; step++) {
      const queue = this.#queues[(this.#robin + step) % count]
      const oldest = queue?.waiting[0]
      if (queue === undefined || oldest === undefined) continue
      const finishR = queue.nextDispatchR + oldest.totalWork
      if (finishR < earliest) {
        earliest = finishR
        best = queue
      }
    }
    if (best === undefined) throw new TypeError('no queue has a request')
    return best
  }

  #hasRoomFor(seats: number): boolean {
    if (this.#config.type === 'exempt') return true
    // What is wider than everything has its turn alone.
    if (seats > this.#limit) return this.#executing === 0
    return this.#seatsInUse + seats <= this.#limit
  }

  #release(flight: Flight): void {
    this.#seatsInUse -= flight.width
    flight.traffic.executingSeats -= flight.width
    this.#noteDemand()
    const { queue } = flight
    if (queue === undefined) return
    queue.seatsInUse -= flight.width
    if (this.#queues.length > this.#config.queues && !isBusy(queue)) this.#removeQueue(queue)
  }

  #removeQueue(queue: Queue): void {
    // Several seats may linger; the first to be released has removed the queue.
    if (this.#queues[queue.index] !== queue) return
    this.#queues.splice(queue.index, 1)
    for (let at = queue.index; at < this.#queues.length; at++) {
      const moved = this.#queues[at]
      if (moved !== undefined) moved.index = at
    }
    if (this.#robin >= queue.index) this.#robin -= 1
  }

  /** Advances `R` by what an always busy queue has got since the last time. */
  #sync(nowMs: number): void {
    const passed = nowMs - this.#syncedMs
    if (passed <= 0) return
    this.#syncedMs = nowMs
    if (this.#busyQueues === 0) return
    const seats = Math.min(this.#seatsInUse + this.#seatsWaiting, this.#limit)
    this.#currentR += ((seats / this.#busyQueues) * passed) / 1000
  }

  #noteDemand(): void {
    this.#options.demand.set(this.#seatsInUse + this.#seatsWaiting, this.#syncedMs)
  }

  get seatsInUse(): number {
    return this.#seatsInUse
  }

  get seatsWaiting(): number {
    return this.#seatsWaiting
  }
}

function newQueue(index: number): Queue {
  return { index, waiting: [], executing: new Set(), nextDispatchR: 0, seatsInUse: 0, waitingWork: 0 }
}

function isBusy({ waiting, executing }: Queue): boolean {
  return waiting.length > 0 || executing.size > 0
}

/** A request is not due before it has come: a queue that uses less than its share gathers no claims. */
function boundNextDispatch(queue: Queue): void {
  const oldest = queue.waiting[0]
  if (oldest !== undefined && queue.nextDispatchR < oldest.arrivalR) queue.nextDispatchR = oldest.arrivalR
}
