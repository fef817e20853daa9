/** The request and response that every handler of the API server sees, whatever HTTP version carried them. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { ProtobufEncoder } from './protobuf-answer.ts'
import type { RequestInfo, UserInfo } from './request-info.ts'

/** How long someone waits for an answer. The signal may be made only when it is asked for: do not ask without need. */
export type Lifetime = { readonly signal: AbortSignal }

/** What is known before anyone is authenticated. */
export type IncomingRequest = {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** Name, value, name, value …: tells repeated headers from commas inside of one. */
  readonly rawHeaders?: readonly string[]
  /** Adds a `Warning: 299` header to the answer. */
  readonly warn?: (text: string) => void
  /** The same value for all requests of one connection: what follows from its certificate can be cached by it. */
  readonly connection: TLSSocket
}

/** What handlers tell of a request that is audited. */
export type AuditNotes = {
  /** With a level: only where bodies are recorded. */
  readonly annotate: (key: string, value: string, level?: 'Request') => void
  /** The object that a write brings, decoded. */
  readonly requestObject: (object: object) => void
  /** The answer, as JSON. */
  readonly response: (json: Buffer) => void
}

/** An authenticated and authorized request. */
export type ApiRequest = {
  readonly incoming: IncomingRequest
  readonly info: RequestInfo
  readonly user: UserInfo
  readonly query: URLSearchParams
  /** Reads the whole body, the same each time; refuses more than 3 MiB. */
  readonly body: () => Promise<Buffer>
  /** The body as it arrives, for proxies; not to be mixed with `body`. */
  readonly stream: Readable
  /** Adds a `Warning: 299` header to the answer. */
  readonly warn: (text: string) => void
  /** Absent where nothing is recorded. */
  readonly audit?: AuditNotes | undefined
  /** Makes protobuf of answers for those who want it. */
  readonly protobuf: ProtobufEncoder
  /** For watches: says that what there was has been sent, so that from now on little work is left. */
  readonly begun?: (() => void) | undefined
  /** Aborts when the client goes away, the request times out, or the server stops. */
  readonly signal: AbortSignal
}

/** The part of Node's two response classes that handlers use. */
export type ApiResponse = {
  readonly headersSent: boolean
  readonly writableEnded: boolean
  writeHead(code: number, headers: Record<string, string | number | readonly string[]>): unknown
  /** Sends the headers without waiting for the first bytes of the body. */
  flushHeaders(): void
  write(chunk: Buffer | string): boolean
  end(chunk?: Buffer | string): unknown
  /** Ends the connection or the stream, so that half an answer is not taken for a whole one. */
  destroy(): unknown
  on(event: 'drain' | 'close' | 'error', listener: (error?: Error) => void): unknown
  once(event: 'drain' | 'close' | 'error', listener: (error?: Error) => void): unknown
  off(event: 'drain' | 'close' | 'error', listener: (error?: Error) => void): unknown
}
