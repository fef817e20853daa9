/**
 * Where the events of a watch go: the body of an answer, or the messages of a WebSocket. Both hold references to the events'
 * shared bytes and copy only what the connection takes at the moment, so that a thousand watchers that have just begun cost
 * no more than the state they are sent; a client that does not read is given up on.
 */
import type { WebSocket } from 'ws'
import type { ApiResponse } from '../http/api-request.ts'

/** A watcher that has this much waiting is too slow: it is cut off, and resumes or lists again. */
const maxWaitingBytes = 16 * 1024 * 1024
/** How much is joined into one write. */
const writeBytes = 128 * 1024
/** A WebSocket counts what it has not sent; beyond this it gets nothing more for now. */
const maxUnsentBytes = 256 * 1024

/** Takes the events of one watch. */
export type EventStream = {
  /** Aborts when nothing more can be sent. */
  readonly ended: AbortSignal
  /** Puts an event behind those that wait. */
  readonly add: (bytes: Buffer) => void
  /** Sends what the connection takes. */
  readonly flush: () => void
  /** What waits now is the state that was asked for: it does not count as being slow. */
  readonly excuseWaiting: () => void
  /** Sends what it can, and ends. */
  readonly end: () => void
}

/** What differs: `send` takes bytes and says whether the connection takes more. */
type Connection = {
  readonly send: (events: readonly Buffer[]) => boolean
  readonly close: () => void
}

/** Events as lines or frames of an HTTP body. */
export function httpEventStream(response: ApiResponse): EventStream {
  const queue = new EventQueue({
    send: (events) =>
      response.write(events.length === 1 && events[0] !== undefined ? events[0] : Buffer.concat(events)),
    close: () => {
      if (!response.writableEnded) response.end()
    },
  })
  response.on('drain', () => queue.resume())
  response.on('close', () => queue.end())
  response.on('error', () => queue.end())
  return queue
}

/** One WebSocket message per event, as text or binary. */
export function socketEventStream(socket: WebSocket, asText: boolean): EventStream {
  const queue = new EventQueue({
    send: (events) => {
      for (const event of events) socket.send(event, { binary: !asText }, () => queue.resume())
      return socket.bufferedAmount < maxUnsentBytes
    },
    close: () => socket.close(),
  })
  socket.on('close', () => queue.end())
  socket.on('error', () => queue.end())
  // Clients have nothing to say in a watch; upstream reads and forgets.
  socket.on('message', () => {})
  return queue
}

class EventQueue implements EventStream {
  readonly #connection: Connection
  readonly #end = new AbortController()
  #waiting: Buffer[] = []
  #first = 0
  #waitingBytes = 0
  #limit = maxWaitingBytes
  #blocked = false
  /** As the signal says; asking the signal costs more than sending, with thousands of watchers. */
  #isEnded = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get ended(): AbortSignal {
    return this.#end.signal
  }

  add(bytes: Buffer): void {
    if (this.#isEnded) return
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#blocked && this.#waitingBytes > this.#limit) this.end()
  }

  excuseWaiting(): void {
    this.#limit = this.#waitingBytes + maxWaitingBytes
  }

  resume(): void {
    this.#blocked = false
    this.flush()
  }

  flush(): void {
    while (!this.#blocked && this.#first < this.#waiting.length && !this.#isEnded) {
      this.#blocked = !this.#connection.send(this.#takeSome())
    }
  }

  #takeSome(): readonly Buffer[] {
    const some: Buffer[] = []
    let bytes = 0
    for (; this.#first < this.#waiting.length && bytes < writeBytes; this.#first++) {
      const event = this.#waiting[this.#first]
      if (event === undefined) continue
      some.push(event)
      bytes += event.length
    }
    this.#waitingBytes -= bytes
    if (this.#first === this.#waiting.length) {
      this.#waiting = []
      this.#first = 0
    } else if (this.#first > 1_000 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return some
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#end.abort()
    this.#waiting = []
    this.#connection.close()
  }
}
