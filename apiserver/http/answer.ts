/** What is written to a client: Node's response of either HTTP version, and what every answer of this server carries. */
import type { AuditTrail } from '../audit/trail.ts'
import type { ApiResponse } from './api-request.ts'
import type { RawResponse } from './transport.ts'

type Headers = Readonly<Record<string, string | number | readonly string[]>>
type Event = 'drain' | 'close' | 'error'
type Listener = (error?: Error) => void
/** Both of Node's classes have these methods; their overloads differ. */
type NodeResponse = ApiResponse & { readonly statusCode: number }

/** The answer to one request. */
export class Answer implements ApiResponse {
  readonly #response: NodeResponse
  readonly #warnings: readonly string[]
  readonly #trail: AuditTrail | undefined
  readonly #common: Record<string, string>
  #more: Headers = {}
  #bytes = 0

  constructor(response: RawResponse, auditId: string, warnings: readonly string[], trail: AuditTrail | undefined) {
    this.#response = response as unknown as NodeResponse
    this.#common = { 'cache-control': 'no-cache, private', 'audit-id': auditId }
    this.#warnings = warnings
    this.#trail = trail
  }

  /** Of the body, so far. */
  get bytes(): number {
    return this.#bytes
  }

  get code(): number {
    return this.#response.statusCode
  }

  get headersSent(): boolean {
    return this.#response.headersSent
  }

  get writableEnded(): boolean {
    return this.#response.writableEnded
  }

  /** A header that goes with the answer, whatever it will be. */
  carry(name: string, value: string): void {
    this.#common[name] = value
  }

  /** What flow control says about the request. */
  carryAll(headers: Headers): void {
    this.#more = headers
  }

  writeHead(code: number, headers: Headers): unknown {
    this.#trail?.started(code)
    const all = { ...this.#common, ...this.#more, ...headers }
    if (this.#warnings.length > 0) all['warning'] ??= this.#warnings.map(formatWarning)
    return this.#response.writeHead(code, all)
  }

  flushHeaders(): void {
    this.#response.flushHeaders()
  }

  write(chunk: Buffer | string): boolean {
    this.#bytes += Buffer.byteLength(chunk)
    return this.#response.write(chunk)
  }

  end(chunk?: Buffer | string): unknown {
    if (chunk === undefined) return this.#response.end()
    this.#bytes += Buffer.byteLength(chunk)
    return this.#response.end(chunk)
  }

  destroy(): unknown {
    return this.#response.destroy()
  }

  on(event: Event, listener: Listener): unknown {
    return this.#response.on(event, listener)
  }

  once(event: Event, listener: Listener): unknown {
    return this.#response.once(event, listener)
  }

  off(event: Event, listener: Listener): unknown {
    return this.#response.off(event, listener)
  }
}

/** RFC 7234 §5.5: `299 - "text"`. */
function formatWarning(text: string): string {
  const quoted = text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')
  return `299 - "${quoted}"`
}
