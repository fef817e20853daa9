/** A SPDY/3.1 connection to the runtime's streaming server: upgrade, streams, half-close. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { constants, createDeflate } from 'node:zlib'
import { forgiveLateWrites } from '../../component-base/late-writes.ts'
import { HttpError } from './http-error.ts'
import {
  controlFrame,
  controlTypes,
  dataFrame,
  headerBlock,
  maxFrameBytes,
  synStreamPayload,
  takeFrames,
} from './spdy-frames.ts'

export type StreamHandlers = {
  readonly onData: (bytes: Buffer) => void
  readonly onEnd: () => void
}
export type SpdyStream = {
  /** False when the connection is full: wait for `drain`. */
  readonly write: (bytes: Uint8Array) => boolean
  readonly end: () => void
}

/** Asks for an upgrade to SPDY. Resolves with the raw socket behind the 101. */
export async function upgradeToSpdy(
  url: URL,
  protocols: readonly string[],
): Promise<{ readonly socket: Socket; readonly head: Buffer }> {
  const request: ClientRequest = httpRequest(url, {
    method: 'POST',
    agent: false,
    headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': [...protocols] },
  })
  return await new Promise((resolve, reject) => {
    request.once('upgrade', (_: IncomingMessage, socket: Socket, head: Buffer) => {
      // The client may still write when a container has said its last word.
      forgiveLateWrites(socket)
      resolve({ socket, head })
    })
    request.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => reject(new HttpError(response.statusCode ?? 500, Buffer.concat(chunks).toString())))
    })
    request.once('error', reject)
    request.end()
  })
}

/** Streams over one upgraded socket. The runtime's SPDY has no flow control of its own; TCP holds back whom it must. */
export class SpdyConnection {
  readonly #socket: Socket
  readonly #streams = new Map<number, StreamHandlers>()
  readonly #compressor = createDeflate({ flush: constants.Z_SYNC_FLUSH })
  #pending: Promise<void> = Promise.resolve()
  #nextId = 1
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket, head: Buffer, onClose: () => void) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => this.#receive(bytes))
    socket.once('close', () => {
      const open = [...this.#streams.values()]
      this.#streams.clear()
      for (const stream of open) stream.onEnd()
      this.#compressor.close()
      onClose()
    })
    socket.on('error', () => socket.destroy())
    if (head.length > 0) this.#receive(head)
  }

  /** Opens a stream of ours; what is written before the runtime has answered is delivered all the same. */
  async open(headers: Readonly<Record<string, string>>, handlers: StreamHandlers): Promise<SpdyStream> {
    const id = this.#nextId
    this.#nextId += 2
    this.#streams.set(id, handlers)
    // Header blocks share one compression state: they must be compressed in the order in which they are sent.
    const sent = this.#pending.then(async () => {
      const block = await this.#compress(headerBlock(headers))
      this.#socket.write(controlFrame(controlTypes.synStream, synStreamPayload(id, block)))
    })
    this.#pending = sent
    await sent
    return {
      write: (bytes) => this.#write(id, bytes),
      end: () => {
        this.#socket.write(dataFrame(id, new Uint8Array(), true))
      },
    }
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }

  #write(id: number, bytes: Uint8Array): boolean {
    let room = true
    for (let at = 0; at < bytes.length; at += maxFrameBytes) {
      room = this.#socket.write(dataFrame(id, bytes.subarray(at, at + maxFrameBytes), false))
    }
    return room
  }

  async #compress(block: Buffer): Promise<Buffer> {
    const chunks: Buffer[] = []
    const collect = (chunk: Buffer) => chunks.push(chunk)
    this.#compressor.on('data', collect)
    try {
      await new Promise<void>((resolve, reject) => {
        this.#compressor.write(block, (error) => (error ? reject(error) : undefined))
        this.#compressor.flush(constants.Z_SYNC_FLUSH, resolve)
      })
    } finally {
      this.#compressor.off('data', collect)
    }
    return Buffer.concat(chunks)
  }

  #receive(bytes: Buffer): void {
    const { frames, rest } = takeFrames(this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]))
    this.#rest = rest
    for (const frame of frames) {
      if (frame.type === 'data') {
        if (frame.bytes.length > 0) this.#streams.get(frame.streamId)?.onData(frame.bytes)
        if (frame.fin) this.#end(frame.streamId)
        continue
      }
      if (frame.control === controlTypes.ping) this.#socket.write(controlFrame(controlTypes.ping, frame.payload))
      if (frame.control === controlTypes.reset) this.#end(frame.payload.readUInt32BE(0) & 0x7f_ff_ff_ff)
      if (frame.control === controlTypes.synReply && (frame.flags & 1) === 1) this.#end(frame.payload.readUInt32BE(0))
      if (frame.control === controlTypes.goAway) this.#socket.end()
    }
  }

  #end(id: number): void {
    const stream = this.#streams.get(id)
    this.#streams.delete(id)
    stream?.onEnd()
  }
}
