/** A closed loop of requests over many connections: each sends its next request when the last one is answered. */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { createAnswerReader } from './answer-reader.ts'

/** Where to send requests and as whom. */
export type Server = { readonly url: URL; readonly token: string }

export type Load = {
  readonly connections: number
  /** The request with this number, complete; `undefined`: there are no more. */
  readonly request: (index: number) => Buffer | undefined
  /** Stops to send after this time. */
  readonly durationMs?: number
}

export type LoadResult = {
  readonly latenciesMs: readonly number[]
  readonly seconds: number
  readonly bytes: number
  /** Answers other than 2xx, by code. */
  readonly refused: ReadonlyMap<number, number>
}

/** Renders one request of HTTP/1.1. */
export function requestBytes(
  { url, token }: Server,
  method: string,
  path: string,
  body?: string,
  type?: string,
): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${url.host}`,
    ...(token === '' ? [] : [`Authorization: Bearer ${token}`]),
    'Accept: application/json',
    'User-Agent: kubets-bench',
    ...(body === undefined
      ? []
      : [`Content-Type: ${type ?? 'application/json'}`, `Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`)
}

/** Opens a TLS connection that speaks `protocol`; the certificate is not checked, a benchmark trusts its command line. */
export async function openConnection({ url }: Server, protocol: 'http/1.1' | 'h2'): Promise<TLSSocket> {
  const socket = connect({
    host: url.hostname,
    port: Number(url.port === '' ? 443 : url.port),
    ALPNProtocols: [protocol],
    rejectUnauthorized: false,
  })
  socket.setNoDelay(true)
  await once(socket, 'secureConnect')
  return socket
}

/** Puts the load on the server and measures each request. */
export async function runLoad(server: Server, { connections, request, durationMs }: Load): Promise<LoadResult> {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => await openConnection(server, 'http/1.1')),
  )
  const latenciesMs: number[] = []
  const refused = new Map<number, number>()
  let bytes = 0
  let next = 0
  const startMs = performance.now()
  const endMs = startMs + (durationMs ?? Number.POSITIVE_INFINITY)
  await Promise.all(
    sockets.map(
      async (socket) =>
        await new Promise<void>((resolve, reject) => {
          let sentMs = 0
          const send = (): void => {
            const wire = performance.now() < endMs ? request(next++) : undefined
            if (wire === undefined) {
              resolve()
              return
            }
            sentMs = performance.now()
            socket.write(wire)
          }
          socket.on(
            'data',
            createAnswerReader((code, size) => {
              latenciesMs.push(performance.now() - sentMs)
              bytes += size
              if (code < 200 || code > 299) refused.set(code, (refused.get(code) ?? 0) + 1)
              send()
            }),
          )
          socket.once('error', reject)
          socket.once('close', () => reject(new Error('the server closed a connection')))
          send()
        }),
    ),
  )
  const seconds = (performance.now() - startMs) / 1000
  for (const socket of sockets) socket.removeAllListeners('close').destroy()
  return { latenciesMs, seconds, bytes, refused }
}

/** One request and its whole answer. */
export async function ask(
  server: Server,
  method: string,
  path: string,
  body?: string,
): Promise<{ code: number; body: string }> {
  const socket = await openConnection(server, 'http/1.1')
  try {
    return await new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.on(
        'data',
        createAnswerReader((code, _bytes, text) => resolve({ code, body: text }), true),
      )
      socket.write(requestBytes(server, method, path, body))
    })
  } finally {
    socket.destroy()
  }
}
