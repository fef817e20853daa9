/**
 * A client's connection of HTTP/2 that carries nothing but unary calls: one message out; one message and trailers back. What is
 * sent in one turn of the event loop leaves in one write; Node's own client writes, and wakes the other side, for each call.
 *
 * Source: RFC 9113, as far as gRPC needs it.
 */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions as TlsOptions } from 'node:tls'
import type { Clock } from '../../component-base/clock.ts'
import { decodeHeaders } from './hpack.ts'
import {
  createFrameReader,
  type Frame,
  frame,
  frameFlags,
  frameHead,
  frameTypes,
  initialWindowBytes,
  largestWindowBytes,
  preface,
  readSettings,
  settingIds,
  settingsFrame,
  unpadded,
  windowUpdateFrame,
} from './http2-frames.ts'
import { UnavailableError } from './storage.ts'

export type Http2Options = {
  /** `http://` or `https://`, with the port. */
  readonly url: URL
  readonly tls: TlsOptions
  readonly clock: Clock
  /** A connection on which a call waits longer than this for its answer is as good as broken. */
  readonly timeoutMs: number
}

/** What came back: headers and trailers in one map. */
export type Answer = { readonly headers: ReadonlyMap<string, string>; readonly body: Buffer }

/** The other side has done nothing about the call: it may be sent again whatever it is (RFC 9113 §8.7). */
export class UnsentError extends UnavailableError {}

type Call = {
  readonly startedMs: number
  /** The encoded headers. */
  readonly block: Buffer
  /** 0: not sent yet. */
  stream: number
  readonly headers: Map<string, string>
  readonly chunks: Buffer[]
  /** What is not sent yet. */
  rest: Buffer
  /** Bytes that the other side takes on this stream. */
  window: number
  readonly settle: (outcome: Answer | Error) => void
}

/** Answers may be pages of a list; this much may be under way. */
const receiveWindowBytes = 16 * 1024 * 1024
const largestFrameBytes = 1024 * 1024
const smallestFrameBytes = 16_384
/** Up to here it is cheaper to copy than to hand over many pieces. */
const copiedBytes = 128 * 1024
const refusedCode = 7
const cancelCode = 8

/** One connection. `usable` turns false when it breaks, is told to go away or has no stream left. */
export class Http2Connection {
  readonly #socket: Socket
  readonly #options: Http2Options
  readonly #calls = new Map<number, Call>()
  /** Calls beyond what the other side takes at once. */
  readonly #queue = new Set<Call>()
  /** Streams that wait for room in a window. */
  readonly #blocked = new Set<number>()
  readonly #ended = new AbortController()
  #outgoing: Buffer[] = []
  #isFlushing = false
  #nextStream = 1
  #isDraining = false
  #sendWindow = initialWindowBytes
  #streamWindow = initialWindowBytes
  #maxStreams = Number.POSITIVE_INFINITY
  #maxFrame = smallestFrameBytes
  #received = 0
  #block: { readonly stream: number; readonly flags: number; readonly parts: Buffer[] } | undefined

  private constructor(socket: Socket, options: Http2Options) {
    this.#socket = socket
    this.#options = options
    const read = createFrameReader((one) => this.#take(one))
    socket.on('data', (bytes: Buffer) => {
      try {
        read(bytes)
      } catch (error) {
        this.destroy(new UnavailableError('etcd sent what is not HTTP/2', { cause: error }))
      }
    })
    socket.on('error', (error) => this.destroy(new UnavailableError('the connection to etcd broke', { cause: error })))
    socket.on('close', () => this.destroy(new UnavailableError('etcd closed the connection')))
    this.#write(
      preface,
      settingsFrame([
        [settingIds.headerTableSize, 0],
        [settingIds.enablePush, 0],
        [settingIds.initialWindowSize, largestWindowBytes],
        [settingIds.maxFrameSize, largestFrameBytes],
      ]),
      windowUpdateFrame(0, receiveWindowBytes - initialWindowBytes),
    )
  }

  /** Connects; rejects with `UnavailableError` when nobody answers within the time limit. */
  static async open(options: Http2Options): Promise<Http2Connection> {
    const socket = await openSocket(options)
    const connection = new Http2Connection(socket, options)
    // Ends with the connection, whose end every call hears of by itself.
    void connection.#watchOver().catch(() => {})
    return connection
  }

  get usable(): boolean {
    return !this.#isDraining && !this.#ended.signal.aborted && this.#nextStream < largestWindowBytes
  }

  /** Sends an encoded header block and a body; rejects with `UnavailableError` or the reason of `signal`. */
  async request(block: Buffer, body: Buffer, signal: AbortSignal): Promise<Answer> {
    return await new Promise((resolve, reject) => {
      if (signal.aborted || this.#ended.signal.aborted) {
        reject(signal.aborted ? signal.reason : new UnsentError('the connection to etcd has ended'))
        return
      }
      const abandon = (): void => this.#cancel(call, signal.reason)
      const settle = (outcome: Answer | Error): void => {
        signal.removeEventListener('abort', abandon)
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      const call: Call = {
        startedMs: this.#options.clock.now(),
        block,
        stream: 0,
        headers: new Map(),
        chunks: [],
        rest: body,
        window: 0,
        settle,
      }
      signal.addEventListener('abort', abandon)
      this.#queue.add(call)
      this.#openQueued()
    })
  }

  /** Fails all calls with `reason` and closes the connection. */
  destroy(reason: Error): void {
    if (this.#ended.signal.aborted) return
    this.#ended.abort(reason)
    this.#socket.destroy()
    this.#refuseQueued()
    for (const stream of [...this.#calls.keys()]) this.#settle(stream, reason)
  }

  /** Opens streams for calls that wait, as many as the other side takes. */
  #openQueued(): void {
    for (const call of this.#queue) {
      if (this.#calls.size >= this.#maxStreams) return
      this.#queue.delete(call)
      call.stream = this.#nextStream
      call.window = this.#streamWindow
      this.#nextStream += 2
      this.#calls.set(call.stream, call)
      this.#write(frameHead(frameTypes.headers, frameFlags.endHeaders, call.stream, call.block.length), call.block)
      this.#send(call.stream)
    }
  }

  #refuseQueued(): void {
    const queued = [...this.#queue]
    this.#queue.clear()
    for (const call of queued) call.settle(new UnsentError('the connection to etcd is ending'))
  }

  async #watchOver(): Promise<void> {
    const { clock, timeoutMs } = this.#options
    for (;;) {
      await clock.sleep(1_000, this.#ended.signal)
      const [oldest] = this.#calls.values()
      if (oldest !== undefined && oldest.startedMs + timeoutMs < clock.now()) {
        this.destroy(new UnavailableError('etcd does not answer'))
      }
    }
  }

  #settle(stream: number, outcome: Answer | Error): void {
    const call = this.#calls.get(stream)
    if (call === undefined) return
    this.#calls.delete(stream)
    this.#blocked.delete(stream)
    call.settle(outcome)
    this.#openQueued()
    if (this.#isDraining && this.#calls.size === 0) this.destroy(new UnavailableError('etcd has gone away'))
  }

  #cancel(call: Call, reason: unknown): void {
    const error = reason instanceof Error ? reason : new UnavailableError('the call was given up')
    if (this.#queue.delete(call)) {
      call.settle(error)
      return
    }
    const code = Buffer.alloc(4)
    code.writeUInt32BE(cancelCode)
    this.#write(frame(frameTypes.resetStream, 0, call.stream, code))
    this.#settle(call.stream, error)
  }

  /** Everything of one turn of the event loop in one write. */
  #write(...parts: readonly Buffer[]): void {
    this.#outgoing.push(...parts)
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => {
      this.#isFlushing = false
      const outgoing = this.#outgoing
      this.#outgoing = []
      if (this.#socket.destroyed) return
      const bytes = outgoing.reduce((sum, { length }) => sum + length, 0)
      if (bytes <= copiedBytes) {
        this.#socket.write(Buffer.concat(outgoing, bytes))
        return
      }
      this.#socket.cork()
      for (const part of outgoing) this.#socket.write(part)
      this.#socket.uncork()
    })
  }

  /** Sends of a call's body what the windows allow. */
  #send(stream: number): void {
    const call = this.#calls.get(stream)
    if (call === undefined) return
    for (;;) {
      const room = Math.min(call.rest.length, this.#maxFrame, this.#sendWindow, call.window)
      if (room <= 0 && call.rest.length > 0) {
        this.#blocked.add(stream)
        return
      }
      const isLast = room === call.rest.length
      this.#write(
        frameHead(frameTypes.data, isLast ? frameFlags.endStream : 0, stream, room),
        call.rest.subarray(0, room),
      )
      call.rest = call.rest.subarray(room)
      call.window -= room
      this.#sendWindow -= room
      if (isLast) return
    }
  }

  #resume(): void {
    const waiting = [...this.#blocked]
    this.#blocked.clear()
    for (const stream of waiting) this.#send(stream)
  }

  #take(one: Frame): void {
    switch (one.type) {
      case frameTypes.data:
        this.#takeData(one)
        break
      case frameTypes.headers:
        this.#block = { stream: one.stream, flags: one.flags, parts: [unpadded(one) ?? malformed()] }
        this.#takeBlock(one)
        break
      case frameTypes.continuation:
        this.#block?.parts.push(one.payload)
        this.#takeBlock(one)
        break
      case frameTypes.settings:
        this.#takeSettings(one)
        break
      case frameTypes.windowUpdate:
        this.#takeWindow(one)
        break
      case frameTypes.ping:
        if ((one.flags & frameFlags.ack) === 0) this.#write(frame(frameTypes.ping, frameFlags.ack, 0, one.payload))
        break
      case frameTypes.resetStream:
        this.#takeReset(one)
        break
      case frameTypes.goAway:
        this.#takeGoAway(one)
        break
    }
  }

  #takeData(one: Frame): void {
    this.#received += one.payload.length
    if (this.#received > receiveWindowBytes / 2) {
      this.#write(windowUpdateFrame(0, this.#received))
      this.#received = 0
    }
    this.#calls.get(one.stream)?.chunks.push(unpadded(one) ?? malformed())
    if ((one.flags & frameFlags.endStream) !== 0) this.#finish(one.stream)
  }

  /** A header block may go on in further frames; its end is that of the first frame's stream. */
  #takeBlock({ flags }: Frame): void {
    if (this.#block === undefined || (flags & frameFlags.endHeaders) === 0) return
    const { stream, flags: first, parts } = this.#block
    this.#block = undefined
    const headers = this.#calls.get(stream)?.headers
    for (const [name, value] of decodeHeaders(Buffer.concat(parts))) headers?.set(name, value)
    if ((first & frameFlags.endStream) !== 0) this.#finish(stream)
  }

  #finish(stream: number): void {
    const call = this.#calls.get(stream)
    if (call === undefined) return
    const [only, more] = call.chunks
    const body = only !== undefined && more === undefined ? only : Buffer.concat(call.chunks)
    this.#settle(stream, { headers: call.headers, body })
  }

  #takeSettings({ flags, payload }: Frame): void {
    if ((flags & frameFlags.ack) !== 0) return
    const settings = readSettings(payload)
    this.#maxFrame = settings.get(settingIds.maxFrameSize) ?? this.#maxFrame
    const window = settings.get(settingIds.initialWindowSize) ?? this.#streamWindow
    // The change counts for streams that are open, too (RFC 9113 §6.9.2).
    for (const call of this.#calls.values()) call.window += window - this.#streamWindow
    this.#streamWindow = window
    this.#maxStreams = settings.get(settingIds.maxConcurrentStreams) ?? this.#maxStreams
    this.#write(frame(frameTypes.settings, frameFlags.ack, 0))
    this.#resume()
    this.#openQueued()
  }

  #takeWindow({ stream, payload }: Frame): void {
    const increment = payload.readUInt32BE(0) & largestWindowBytes
    const call = this.#calls.get(stream)
    if (stream === 0) this.#sendWindow += increment
    else if (call !== undefined) call.window += increment
    this.#resume()
  }

  #takeReset({ stream, payload }: Frame): void {
    const isRefused = payload.readUInt32BE(0) === refusedCode
    const text = 'etcd broke off the call'
    this.#settle(stream, isRefused ? new UnsentError(text) : new UnavailableError(text))
  }

  /** Calls that the other side has not looked at will never be answered; the others may be. */
  #takeGoAway({ payload }: Frame): void {
    this.#isDraining = true
    this.#refuseQueued()
    const last = payload.readUInt32BE(0) & largestWindowBytes
    for (const stream of [...this.#calls.keys()]) {
      if (stream > last) this.#settle(stream, new UnsentError('etcd is going away'))
    }
    if (this.#calls.size === 0) this.destroy(new UnavailableError('etcd has gone away'))
  }
}

function malformed(): never {
  throw new UnavailableError('etcd sent a malformed frame')
}

async function openSocket({ url, tls, clock, timeoutMs }: Http2Options): Promise<Socket> {
  const isSecure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(url.port === '' ? 2379 : url.port)
  const socket = isSecure ? connectTls({ ...tls, host, port, ALPNProtocols: ['h2'] }) : connectTcp({ host, port })
  const waiting = new AbortController()
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(isSecure ? 'secureConnect' : 'connect', resolve)
      socket.once('error', reject)
      void clock.sleep(timeoutMs, waiting.signal).then(
        () => reject(new Error(`no connection within ${timeoutMs} ms`)),
        () => {}, // connected in time
      )
    })
  } catch (error) {
    socket.destroy()
    throw new UnavailableError('etcd does not answer', { cause: error })
  } finally {
    waiting.abort()
  }
  socket.removeAllListeners('error')
  socket.setNoDelay(true)
  return socket
}
