/**
 * Watchers over HTTP/2 that only count: the few frames a watch needs, written by hand, because Node's own client costs more per
 * event than the server that is measured. Source: RFC 9113 §4 and §6, RFC 7541 §6.2.2 (literals without indexing).
 */
import type { TLSSocket } from 'node:tls'
import { openConnection, type Server } from './load.ts'

const frameType = { data: 0, headers: 1, resetStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const
const largestWindow = 2 ** 31 - 1
const initialWindow = 65_535
const newline = 0x0a

export type Watchers = {
  /** Events that arrived at all watchers together. */
  readonly events: () => number
  /** Streams that the server ended. */
  readonly ended: () => number
  readonly close: () => void
}

/** Opens `count` watches of `path`, up to `perConnection` on one connection. */
export async function openWatchers(
  server: Server,
  { path, count, perConnection }: { readonly path: string; readonly count: number; readonly perConnection: number },
): Promise<Watchers> {
  const tally = { events: 0, ended: 0 }
  const sockets: TLSSocket[] = []
  for (let opened = 0; opened < count; opened += perConnection) {
    const socket = await openConnection(server, 'h2')
    sockets.push(socket)
    socket.on('data', createFrameCounter(socket, tally))
    socket.on('error', () => {})
    socket.write(opening())
    const streams = Math.min(perConnection, count - opened)
    for (let at = 0; at < streams; at++) socket.write(watchRequest(server, path, at * 2 + 1))
  }
  return {
    events: () => tally.events,
    ended: () => tally.ended,
    close: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Counts lines of DATA frames, which are the events of a watch in JSON, and answers what keeps a connection alive. */
export function createFrameCounter(
  socket: { write: (bytes: Buffer) => unknown },
  tally: { events: number; ended: number },
): (data: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let unacknowledged = 0
  return (data) => {
    const all = rest.length === 0 ? data : Buffer.concat([rest, data])
    let at = 0
    while (all.length - at >= 9) {
      const length = all.readUIntBE(at, 3)
      const end = at + 9 + length
      if (end > all.length) break
      const type = all[at + 3]
      const flags = all[at + 4] ?? 0
      if (type === frameType.data) {
        for (
          let line = all.indexOf(newline, at + 9);
          line !== -1 && line < end;
          line = all.indexOf(newline, line + 1)
        ) {
          tally.events++
        }
        unacknowledged += length
        if ((flags & 1) === 1) tally.ended++
      } else if (type === frameType.settings && (flags & 1) === 0) {
        socket.write(frame(frameType.settings, 1, 0))
      } else if (type === frameType.ping && (flags & 1) === 0) {
        socket.write(frame(frameType.ping, 1, 0, Buffer.from(all.subarray(at + 9, end))))
      } else if (type === frameType.resetStream) {
        tally.ended++
      }
      at = end
    }
    if (unacknowledged > 2 ** 28) {
      socket.write(windowUpdate(0, unacknowledged))
      unacknowledged = 0
    }
    rest = at < all.length ? Buffer.from(all.subarray(at)) : Buffer.alloc(0)
  }
}

/** The preface, windows as large as they get. */
function opening(): Buffer {
  const settings = Buffer.alloc(6)
  settings.writeUInt16BE(4, 0) // SETTINGS_INITIAL_WINDOW_SIZE
  settings.writeUInt32BE(largestWindow, 2)
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(frameType.settings, 0, 0, settings),
    windowUpdate(0, largestWindow - initialWindow),
  ])
}

function watchRequest({ url, token }: Server, path: string, stream: number): Buffer {
  const headers = [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', url.host],
    [':path', path],
    ['accept', 'application/json'],
    ...(token === '' ? [] : [['authorization', `Bearer ${token}`]]),
  ]
  const block = Buffer.concat(headers.flatMap(([name = '', value = '']) => [Buffer.of(0), text(name), text(value)]))
  const endStreamAndHeaders = 0x5
  return frame(frameType.headers, endStreamAndHeaders, stream, block)
}

/** A string literal without Huffman coding; its length as an integer with a prefix of seven bits. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes])
  const length = [127]
  let left = bytes.length - 127
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128)
  return Buffer.concat([Buffer.from([...length, left]), bytes])
}

function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(increment)
  return frame(frameType.windowUpdate, 0, stream, payload)
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
