/** Writing answers: headers, pretty printing, YAML, gzip, `Status`. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { stringify as toYaml } from 'yaml'
import type { JsonObject } from '../../apimachinery/json.ts'
import { type StatusError, toStatus } from '../../apimachinery/status.ts'
import type { ApiRequest, ApiResponse } from './api-request.ts'
import type { OverloadedError } from './flow-control.ts'
import type { OutputForm } from './negotiation.ts'
import { type ProtobufEncoder, protobufAnswerType } from './protobuf-answer.ts'

const compress = promisify(gzip)
/** Source: upstream's `defaultGzipThresholdBytes`. */
const gzipFromBytes = 128 * 1024
const newline = Buffer.from('\n')
const nothing = Buffer.alloc(0)
/** Longer bodies are written in parts of this size. */
const partBytes = 256 * 1024

/** Sends an encoded JSON object as the client wants it. */
export async function sendJson(
  request: ApiRequest,
  response: ApiResponse,
  code: number,
  json: Buffer,
  form: OutputForm,
): Promise<void> {
  request.audit?.response(json)
  if (form.format === 'protobuf') {
    const bytes = request.protobuf(json)
    // What has no protobuf form is answered in JSON; the content type says so.
    if (bytes === undefined) await sendJson(request, response, code, json, { ...form, format: 'json' })
    else await send(request, response, code, protobufAnswerType, bytes)
  } else if (form.format === 'yaml') {
    await send(request, response, code, 'application/yaml', Buffer.from(yamlText(JSON.parse(json.toString('utf8')))))
  } else if (form.pretty) {
    const text = `${JSON.stringify(JSON.parse(json.toString('utf8')), undefined, 2)}\n`
    await send(request, response, code, 'application/json', Buffer.from(text))
  } else if (json.length < partBytes) await send(request, response, code, 'application/json', asLine(json))
  else await send(request, response, code, 'application/json', json, {}, newline)
}

/** The bytes with a newline behind. */
function asLine(json: Buffer): Buffer {
  const line = Buffer.allocUnsafe(json.length + 1)
  line.set(json)
  line[json.length] = 0x0a
  return line
}

/** YAML as Go writes it: keys in order, and quotes around what readers of YAML 1.1 would take for something else. */
function yamlText(value: unknown): string {
  return toYaml(value, { version: '1.1', sortMapEntries: true, indentSeq: false, aliasDuplicateObjects: false })
}

/** Sends an object that is not encoded yet. */
export async function sendObject(
  request: ApiRequest,
  response: ApiResponse,
  code: number,
  object: object,
  form: OutputForm,
): Promise<void> {
  await sendJson(request, response, code, Buffer.from(JSON.stringify(object)), form)
}

/** Sends bytes, compressed when they are many and the client can read it. `tail` is sent behind `body`, which it spares a copy. */
export async function send(
  request: Pick<ApiRequest, 'incoming' | 'signal'>,
  response: ApiResponse,
  code: number,
  contentType: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
  tail: Buffer = nothing,
): Promise<void> {
  const { incoming } = request
  if (body.length < gzipFromBytes || !acceptsGzip(incoming.headers['accept-encoding'])) {
    const length = body.length + tail.length
    response.writeHead(code, { ...headers, 'content-type': contentType, 'content-length': length })
    if (incoming.method === 'HEAD') response.end()
    else if (length <= partBytes) response.end(body)
    else await writeInParts(response, [...partsOf(body), tail], request.signal)
    return
  }
  const compressed = await compress(tail.length === 0 ? body : Buffer.concat([body, tail]), { level: 1 })
  response.writeHead(code, {
    ...headers,
    'content-type': contentType,
    'content-encoding': 'gzip',
    vary: headers['vary'] ?? 'Accept-Encoding',
    'content-length': compressed.length,
  })
  response.end(compressed)
}

/**
 * A long body in parts, each when the connection has taken the one before: the client reads while the next is encrypted, and
 * other requests have their turn.
 */
async function writeInParts(response: ApiResponse, parts: readonly Buffer[], signal: AbortSignal): Promise<void> {
  const connection = { isClosed: false, wake: (): void => {} }
  const closed = (): void => {
    connection.isClosed = true
    connection.wake()
  }
  // A client that does not read is not waited for beyond the time limit; half a body must not pass for a whole one.
  const cut = (): void => {
    response.destroy()
    closed()
  }
  response.once('close', closed)
  response.on('drain', () => connection.wake())
  if (signal.aborted) cut()
  signal.addEventListener('abort', cut, { once: true })
  // By itself, so that Node does not copy headers and body together first.
  response.flushHeaders()
  for (const part of parts) {
    if (connection.isClosed) break
    const takesMore = response.write(part)
    if (!takesMore && !connection.isClosed) {
      await new Promise<void>((resolve) => {
        connection.wake = resolve
      })
    }
  }
  signal.removeEventListener('abort', cut)
  if (!connection.isClosed) response.end()
}

function partsOf(body: Buffer): readonly Buffer[] {
  const count = Math.ceil(body.length / partBytes)
  return Array.from({ length: count }, (_, index) => body.subarray(index * partBytes, (index + 1) * partBytes))
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return header !== undefined && /(?:^|,)\s*gzip\s*(?:;|,|$)/.test(String(header))
}

/** Sends an error in the form that the answer would have had; `metadata` is that of the `Status` object. */
export function sendStatus(
  response: ApiResponse,
  error: StatusError,
  metadata: JsonObject,
  form: OutputForm,
  protobuf: ProtobufEncoder,
): void {
  const status = { ...toStatus(error), metadata }
  const { contentType, body } = encodeStatus(status, form, protobuf)
  const retryAfter = error.details?.retryAfterSeconds
  response.writeHead(error.code, {
    'content-type': contentType,
    'content-length': body.length,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  })
  response.end(body)
}

type Encoded = { readonly contentType: string; readonly body: Buffer }

function encodeStatus(status: object, { format, pretty }: OutputForm, protobuf: ProtobufEncoder): Encoded {
  if (format === 'yaml') return { contentType: 'application/yaml', body: Buffer.from(yamlText(status)) }
  const encoded = format === 'protobuf' ? protobuf(Buffer.from(JSON.stringify(status))) : undefined
  if (encoded !== undefined) return { contentType: protobufAnswerType, body: encoded }
  const text = `${JSON.stringify(status, undefined, pretty ? 2 : undefined)}\n`
  return { contentType: 'application/json', body: Buffer.from(text) }
}

/** Sends 429 in upstream's words, which are no `Status`. */
export function sendOverloaded(response: ApiResponse, { message, retryAfterSeconds, headers }: OverloadedError): void {
  response.writeHead(429, {
    ...headers,
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'retry-after': String(retryAfterSeconds),
  })
  response.end(`${message}\n`)
}

/** Sends plain text, as upstream does outside of the API groups. */
export function sendText(response: ApiResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
  response.end(text)
}
