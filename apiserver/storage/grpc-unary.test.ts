import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { UnaryChannel } from './grpc-unary.ts'
import { CompactedError, UnavailableError } from './storage.ts'

const never = new AbortController().signal
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

type Answerer = (stream: ServerHttp2Stream, message: Buffer, session: ServerHttp2Session) => void

/** A gRPC server of one method, on Node's own HTTP/2. */
async function serve(
  answer: Answerer,
  settings: Settings = {},
  // Long, so that a busy machine is not taken for a broken server.
  timeoutMs = 30_000,
): Promise<{ readonly channel: UnaryChannel; readonly server: Http2Server }> {
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer({ settings })
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      expect(headers).toMatchObject({ ':method': 'POST', ':path': '/test.Echo/Call', te: 'trailers' })
      if (stream.session !== undefined)
        answer(stream, Buffer.concat(chunks).subarray(5), stream.session as ServerHttp2Session)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const channel = new UnaryChannel({ servers: [`127.0.0.1:${port}`], tls: {}, clock: systemClock, timeoutMs })
  closers.push(() => {
    channel.close()
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { channel, server }
}

function reply(
  stream: ServerHttp2Stream,
  message: Buffer,
  trailers: Readonly<Record<string, string>> = { 'grpc-status': '0' },
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.once('wantTrailers', () => stream.sendTrailers(trailers))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([head, message]))
}

const call = async (channel: UnaryChannel, message: Buffer, signal = never, repeatable = false): Promise<Buffer> =>
  await channel.call('/test.Echo/Call', message, repeatable, signal)

test('UnaryChannel carries many calls at once, each with its own answer', async () => {
  const { channel } = await serve((stream, message) => setTimeout(() => reply(stream, message), Math.random() * 20))
  const sent = Array.from({ length: 200 }, (_, at) => Buffer.from(`message ${at}`))
  const answers = await Promise.all(sent.map(async (message) => await call(channel, message)))
  expect(answers.map(String)).toEqual(sent.map(String))
})

test('UnaryChannel carries messages larger than every window, both ways and side by side', async () => {
  const { channel } = await serve((stream, message) => reply(stream, message))
  const large = [1, 2, 3].map((fill) => Buffer.alloc(3 * 1024 * 1024 + fill, fill))
  const answers = await Promise.all(large.map(async (message) => await call(channel, message)))
  expect(answers.map((answer, at) => answer.equals(large[at] ?? Buffer.alloc(0)))).toEqual([true, true, true])
})

test('UnaryChannel gives more than the receive window back over time', async () => {
  const { channel } = await serve((stream) => reply(stream, Buffer.alloc(5 * 1024 * 1024)))
  for (let round = 0; round < 6; round++) expect((await call(channel, Buffer.alloc(1))).length).toBe(5 * 1024 * 1024)
})

test('UnaryChannel turns a status into an error of the storage', async () => {
  const { channel } = await serve((stream, message) => {
    if (message.toString() === 'trailers') {
      reply(stream, Buffer.alloc(0), { 'grpc-status': '11', 'grpc-message': 'required revision has been compacted' })
    } else {
      // An answer without a body has its status in the only headers.
      stream.respond({ ':status': 200, 'grpc-status': '14', 'grpc-message': 'no%20leader' }, { endStream: true })
    }
  })
  await expect(call(channel, Buffer.from('trailers'))).rejects.toThrow(CompactedError)
  await expect(call(channel, Buffer.from('headers'))).rejects.toThrow(new UnavailableError('no leader'))
})

test('UnaryChannel gives up a call when its signal aborts, and the others go on', async () => {
  const { channel } = await serve((stream, message) => {
    if (message.toString() !== 'forever') setTimeout(() => reply(stream, message), 30)
  })
  const stop = new AbortController()
  const given = call(channel, Buffer.from('forever'), stop.signal)
  const other = call(channel, Buffer.from('other'))
  setTimeout(() => stop.abort(new Error('the client went away')), 10)
  await expect(given).rejects.toThrow('the client went away')
  expect(String(await other)).toBe('other')
})

test('UnaryChannel repeats only what may be repeated when the connection breaks', async () => {
  let calls = 0
  const { channel } = await serve((stream, message, session) => {
    calls += 1
    if (calls % 2 === 1) session.destroy()
    else reply(stream, message)
  })
  expect(String(await call(channel, Buffer.from('again'), never, true))).toBe('again')
  await expect(call(channel, Buffer.from('once'))).rejects.toThrow(UnavailableError)
})

test('UnaryChannel ends the calls of a connection that goes away, and makes a new one', async () => {
  const { channel } = await serve((stream, message, session) => {
    session.goaway()
    setTimeout(() => reply(stream, message), 20)
  })
  for (const text of ['first', 'second']) expect(String(await call(channel, Buffer.from(text)))).toBe(text)
})

test('UnaryChannel takes a connection on which nothing comes back for broken', async () => {
  const { channel } = await serve(() => {}, {}, 1_000)
  await expect(call(channel, Buffer.from('x'))).rejects.toThrow('etcd does not answer')
})

test('UnaryChannel says that nobody answers', async () => {
  const channel = new UnaryChannel({ servers: ['127.0.0.1:1'], tls: {}, clock: systemClock, timeoutMs: 200 })
  closers.push(() => channel.close())
  await expect(call(channel, Buffer.from('x'))).rejects.toThrow('etcd does not answer')
})

test('UnaryChannel keeps to the number of calls that the server takes at once', async () => {
  let open = 0
  let most = 0
  const { channel } = await serve(
    (stream, message) => {
      open += 1
      most = Math.max(most, open)
      setTimeout(() => {
        open -= 1
        reply(stream, message)
      }, 5)
    },
    { maxConcurrentStreams: 3 },
  )
  await call(channel, Buffer.from('the settings come with the first answer'))
  const sent = Array.from({ length: 20 }, (_, at) => Buffer.from(`message ${at}`))
  const answers = await Promise.all(sent.map(async (message) => await call(channel, message)))
  expect(answers.map(String)).toEqual(sent.map(String))
  expect(most).toBeLessThanOrEqual(3)
})

test('UnaryChannel sends again what the server has refused unseen, whatever it is', async () => {
  let calls = 0
  const { channel } = await serve((stream, message) => {
    calls += 1
    if (calls === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM)
    else reply(stream, message)
  })
  expect(String(await call(channel, Buffer.from('again')))).toBe('again')
  expect(calls).toBe(2)
})

test('UnaryChannel gives up calls that wait for their turn, and refuses what was given up before', async () => {
  const { channel } = await serve(
    (stream, message) => {
      if (message.toString() !== 'forever') reply(stream, message)
    },
    { maxConcurrentStreams: 1 },
  )
  await call(channel, Buffer.from('settings'))
  const [first, second] = [new AbortController(), new AbortController()]
  const blocking = call(channel, Buffer.from('forever'), first.signal)
  const waiting = call(channel, Buffer.from('waits'), second.signal)
  const last = call(channel, Buffer.from('last'))
  setTimeout(() => second.abort(new Error('gave up waiting')), 20)
  await expect(waiting).rejects.toThrow('gave up waiting')
  first.abort(new Error('gave up'))
  await expect(blocking).rejects.toThrow('gave up')
  expect(String(await last)).toBe('last')
  await expect(call(channel, Buffer.from('x'), second.signal)).rejects.toThrow('gave up waiting')
})

test('UnaryChannel does not repeat a write that was under way when the server vanished', async () => {
  let calls = 0
  const { channel } = await serve((_stream, _message, session) => {
    calls += 1
    session.destroy()
  })
  const writes = await Promise.allSettled(
    Array.from({ length: 50 }, async () => await call(channel, Buffer.alloc(100_000))),
  )
  expect(writes.every(({ status }) => status === 'rejected')).toBe(true)
  // Calls that waited for the connection go over a new one; none goes twice.
  expect(calls).toBeLessThanOrEqual(50)
})
