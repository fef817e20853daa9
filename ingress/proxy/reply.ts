/** One way to answer a client, over HTTP/1.1 and HTTP/2. */
import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import { type HeaderList, headerObject } from './headers.ts'

/** The answer under way. */
export type Reply = {
  /** `headers` without those that only concern one hop. */
  readonly head: (status: number, reason: string, headers: HeaderList) => void
  /** Sends the head although no body has come. */
  readonly flush: () => void
  /** `false`: wait for `onDrain`. */
  readonly write: (chunk: Buffer) => boolean
  readonly onDrain: (listener: () => void) => void
  /** With trailers, where the client can have them. */
  readonly end: (trailers: HeaderList) => void
  /** The client sees that the answer is not whole. */
  readonly abort: () => void
  readonly hasHead: () => boolean
  /** What follows on the connection cannot be trusted: it ends with this answer. */
  readonly distrust: () => void
  /** Told once: the answer is out, or the client is gone. */
  readonly onClose: (listener: (isWhole: boolean) => void) => void
}

/** RFC 9112 section 4. */
const printable = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

/** Answers over HTTP/1.1. `mustClose` says whether the connection is to end with this answer. */
export function http1Reply(response: ServerResponse, mustClose: () => boolean, onDistrust: () => void): Reply {
  let isDistrusted = false
  return {
    head: (status, reason, headers) => {
      const list = isDistrusted || mustClose() ? [...headers, 'Connection', 'close'] : [...headers]
      // Empty: the usual words for the status.
      response.statusMessage = printable.test(reason) ? reason : ''
      response.writeHead(status, list)
    },
    flush: () => response.flushHeaders(),
    write: (chunk) => response.write(chunk),
    onDrain: (listener) => {
      response.on('drain', listener)
    },
    end: (trailers) => {
      if (trailers.length > 0) response.addTrailers(pairs(trailers))
      response.end()
    },
    abort: () => {
      response.destroy()
    },
    hasHead: () => response.headersSent,
    distrust: () => {
      isDistrusted = true
      onDistrust()
    },
    onClose: (listener) => {
      response.once('close', () => listener(response.writableFinished))
    },
  }
}

/** Answers over HTTP/2. */
export function http2Reply(stream: ServerHttp2Stream): Reply {
  let hasBody = false
  let head: Record<string, string | string[] | number> | undefined
  const send = (options: { readonly endStream: boolean }): void => {
    if (head === undefined || stream.headersSent || stream.destroyed) return
    try {
      stream.respond(head, { ...options, waitForTrailers: !options.endStream })
    } catch {
      // Headers of a backend that HTTP/2 cannot say.
      stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    }
  }
  return {
    head: (status, _reason, headers) => {
      head = { ...headerObject(headers), ':status': status }
    },
    flush: () => send({ endStream: false }),
    write: (chunk) => {
      hasBody = true
      send({ endStream: false })
      // A HEAD's answer ended with its head.
      return stream.destroyed || stream.closed || stream.writableEnded ? true : stream.write(chunk)
    },
    onDrain: (listener) => {
      stream.on('drain', listener)
    },
    end: (trailers) => {
      if (stream.destroyed || stream.closed) return
      // An answer without body ends with its head: gRPC tells errors so.
      send({ endStream: !hasBody && trailers.length === 0 })
      // Without trailers an empty frame ends the stream.
      stream.once('wantTrailers', () => stream.sendTrailers(headerObject(trailers)))
      stream.end()
      // A body that nobody reads would keep the stream for ever: it is read to its end and dropped.
      stream.unpipe()
      stream.resume()
    },
    abort: () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    distrust: () => {},
    hasHead: () => stream.headersSent || head !== undefined,
    onClose: (listener) => {
      stream.once('close', () => listener(stream.rstCode === constants.NGHTTP2_NO_ERROR))
    },
  }
}

function pairs(list: HeaderList): [string, string][] {
  return list.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, list[at + 1] ?? '']] : []))
}

/** Answers with a short text of our own. */
export function replyText(reply: Reply, status: number, text: string, headers: HeaderList = []): void {
  const body = Buffer.from(`${text}\n`)
  reply.head(status, '', [
    'Content-Type',
    'text/plain; charset=utf-8',
    'X-Content-Type-Options',
    'nosniff',
    'Content-Length',
    String(body.length),
    ...headers,
  ])
  reply.write(body)
  reply.end([])
}
