import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { ApiResponse } from './api-request.ts'
import { send } from './respond.ts'

/** An answer whose connection takes `room` writes and then nothing more. */
function slowResponse(room: number) {
  const events = new EventEmitter()
  const seen = { bytes: 0, writes: 0, isEnded: false, isDestroyed: false }
  const response = Object.assign(events, {
    headersSent: true,
    writableEnded: false,
    writeHead: () => undefined,
    flushHeaders: () => undefined,
    write: (chunk: Buffer | string) => {
      seen.bytes += chunk.length
      seen.writes += 1
      const hasRoom = seen.writes <= room
      if (hasRoom) setImmediate(() => events.emit('drain'))
      return false
    },
    end: () => {
      seen.isEnded = true
    },
    destroy: () => {
      seen.isDestroyed = true
    },
  }) as unknown as ApiResponse
  return { response, seen }
}

describe('send()', () => {
  const body = Buffer.alloc(1_000_000, 'x')
  const incoming = { method: 'GET', url: '/', headers: {} } as never
  it('writes a long body in parts, each when the connection has taken the one before', async () => {
    const { response, seen } = slowResponse(100)
    const { signal } = new AbortController()
    await send({ incoming, signal }, response, 200, 'application/json', body, {}, Buffer.from('\n'))
    expect(seen).toEqual({ bytes: body.length + 1, writes: 5, isEnded: true, isDestroyed: false })
  })
  it('does not wait for a client that does not read beyond its time', async () => {
    const { response, seen } = slowResponse(2)
    const abort = new AbortController()
    const sending = send({ incoming, signal: abort.signal }, response, 200, 'application/json', body)
    setImmediate(() => setImmediate(() => setImmediate(() => abort.abort(new Error('too late')))))
    await sending
    expect(seen).toMatchObject({ isEnded: false, isDestroyed: true })
    expect(seen.bytes).toBeLessThan(body.length)
  })
  it('ends with the connection of a client that goes away', async () => {
    const { response, seen } = slowResponse(0)
    const sending = send({ incoming, signal: new AbortController().signal }, response, 200, 'application/json', body)
    setImmediate(() => (response as unknown as EventEmitter).emit('close'))
    await sending
    expect(seen).toMatchObject({ writes: 1, isEnded: false })
  })
})
