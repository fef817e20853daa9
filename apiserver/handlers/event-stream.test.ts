import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import type { ApiResponse } from '../http/api-request.ts'
import { type EventStream, httpEventStream } from './event-stream.ts'

type Fake = { readonly stream: EventStream; readonly written: Buffer[]; takesMore: boolean; readonly drain: () => void }

function fake(): Fake {
  const events = new EventEmitter()
  const written: Buffer[] = []
  const state = { takesMore: true, writableEnded: false }
  const response = Object.assign(events, {
    write: (chunk: Buffer) => {
      written.push(chunk)
      return state.takesMore
    },
    end: () => {
      state.writableEnded = true
    },
    get writableEnded() {
      return state.writableEnded
    },
  }) as unknown as ApiResponse
  return {
    stream: httpEventStream(response),
    written,
    get takesMore() {
      return state.takesMore
    },
    set takesMore(value) {
      state.takesMore = value
    },
    drain: () => void events.emit('drain'),
  }
}
const kilobyte = Buffer.alloc(1024, 'x')

test('httpEventStream() joins what waits, and splits what is much', () => {
  const { stream, written } = fake()
  for (let at = 0; at < 300; at++) stream.add(kilobyte)
  stream.flush()
  expect(written.length).toBeGreaterThan(1)
  expect(Buffer.concat(written)).toHaveLength(300 * 1024)
})

test('httpEventStream() waits for a client that does not read, and goes on where it was', () => {
  const client = fake()
  client.takesMore = false
  for (let at = 0; at < 300; at++) client.stream.add(kilobyte)
  client.stream.flush()
  expect(client.written).toHaveLength(1)
  client.takesMore = true
  client.drain()
  expect(Buffer.concat(client.written)).toHaveLength(300 * 1024)
  expect(client.stream.ended.aborted).toBe(false)
})

test('httpEventStream() gives up on a client that lets 16 MiB wait', () => {
  const client = fake()
  client.takesMore = false
  client.stream.add(kilobyte)
  client.stream.flush()
  for (let at = 0; at <= 16 * 1024 && !client.stream.ended.aborted; at++) client.stream.add(kilobyte)
  expect(client.stream.ended.aborted).toBe(true)
})

test('httpEventStream() does not count the state that was asked for', () => {
  const client = fake()
  client.takesMore = false
  for (let at = 0; at < 20 * 1024; at++) client.stream.add(kilobyte)
  client.stream.flush()
  client.stream.excuseWaiting()
  for (let at = 0; at < 10 * 1024; at++) client.stream.add(kilobyte)
  expect(client.stream.ended.aborted).toBe(false)
})
