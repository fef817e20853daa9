/** One connection's requests, and watches of both versions of HTTP. */
import { connect as connectHttp2 } from 'node:http2'
import { Agent, request as httpsRequest } from 'node:https'
import { wholeLines } from './lines.ts'

/** Unchecked, because tests reach into answers of every kind. */
type Parsed = ReturnType<typeof JSON.parse>

export type Answer = { readonly code: number; readonly json: Parsed }
export type Sending = { readonly method: string; readonly path: string; readonly body?: object; readonly type?: string }

export const token = 'faults'
const answerLimitMs = 30_000
const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }

/** A connection that is kept and made again when it breaks. */
export function createConnection(port: number): {
  readonly send: (sending: Sending) => Promise<Answer>
  readonly close: () => void
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  return {
    send: async (sending) => await send(agent, port, sending),
    close: () => agent.destroy(),
  }
}

/** Rejects when no whole answer comes. */
async function send(agent: Agent, port: number, { method, path, body, type }: Sending): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
    const contentType = type ?? 'application/json'
    const sent = httpsRequest({
      ...{ host: '127.0.0.1', port, agent, method, path, timeout: answerLimitMs },
      headers: {
        ...headers,
        ...(bytes === undefined ? {} : { 'content-type': contentType, 'content-length': bytes.length }),
      },
    })
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error('no answer')))
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('aborted', () => reject(new Error('the answer broke off')))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const isJson = String(response.headers['content-type']).startsWith('application/json')
        resolve({ code: response.statusCode ?? 0, json: isJson ? JSON.parse(text) : { message: text } })
      })
    })
    sent.end(bytes)
  })
}

export type Protocol = 'http/1.1' | 'h2'

/** The lines of a watch; ends when the stream does, whatever ended it. */
export async function* watchLines(
  protocol: Protocol,
  port: number,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<{ readonly code: number; readonly line: string }> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  signal.addEventListener('abort', end, { once: true })
  try {
    const stream = protocol === 'h2' ? openHttp2(port, path, stop.signal) : openHttp1(port, path, stop.signal)
    const { code, input } = await stream
    for await (const line of wholeLines(input)) yield { code, line }
  } catch {
    // The server is away, or the run is over.
  } finally {
    signal.removeEventListener('abort', end)
    stop.abort()
  }
}

type Opened = { readonly code: number; readonly input: AsyncIterable<Uint8Array | string> }

async function openHttp1(port: number, path: string, signal: AbortSignal): Promise<Opened> {
  return await new Promise((resolve, reject) => {
    const sent = httpsRequest({
      host: '127.0.0.1',
      port,
      path,
      headers,
      agent: false,
      rejectUnauthorized: false,
      signal,
    })
    sent.on('error', reject)
    sent.on('response', (response) => {
      response.on('error', () => {})
      resolve({ code: response.statusCode ?? 0, input: response })
    })
    sent.end()
  })
}

async function openHttp2(port: number, path: string, signal: AbortSignal): Promise<Opened> {
  return await new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    const destroy = (): void => session.destroy()
    signal.addEventListener('abort', destroy, { once: true })
    session.on('error', reject)
    session.on('close', () => reject(new Error('closed')))
    const stream = session.request({ ...headers, ':path': path })
    stream.on('error', reject)
    stream.on('close', destroy)
    stream.on('response', (answer) => resolve({ code: Number(answer[':status']), input: stream }))
  })
}
