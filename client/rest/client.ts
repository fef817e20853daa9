/** A typed client of the Kubernetes API. Every failure of the server is a `StatusError`. */

import { isJsonObject } from '../../apimachinery/json.ts'
import { fromStatus, StatusError } from '../../apimachinery/status.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { ClientConfig } from './kubeconfig.ts'
import { type ResourceRef, resourcePath } from './resource-refs.ts'
import { type Answer, type Request, Transport } from './transport.ts'
import { decodeWatch, type WatchEvent } from './watch.ts'

export type ObjectName = { readonly namespace?: string | undefined; readonly name: string }
export type ListOptions = {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan'
}
export type WatchOptions = Omit<ListOptions, 'limit' | 'continue'> & {
  readonly allowWatchBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
}
export type List<T> = {
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items: readonly T[]
}
export type Patch = {
  readonly type: 'json' | 'merge' | 'strategic' | 'apply'
  readonly body: unknown
  readonly subresource?: string
  readonly fieldManager?: string
  readonly force?: boolean
}
export type DeleteOptions = {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}
export type WriteOptions = { readonly fieldManager?: string; readonly dryRun?: boolean }

/** What a client needs of a transport. */
export type Sender = Pick<Transport, 'send' | 'close'>

/** A request that is no watch is given up after this long. */
const requestLimitMs = 60_000

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

/** Makes a client; it connects at the first request. */
export function createClient(config: ClientConfig): Client {
  return new Client(new Transport(config))
}

export class Client {
  readonly #transport: Sender

  constructor(transport: Sender) {
    this.#transport = transport
  }

  async get<T, D>(ref: ResourceRef<T, D>, at: ObjectName, signal: AbortSignal): Promise<T> {
    return await this.#object<T>({ method: 'GET', path: resourcePath(ref, at) }, signal)
  }

  /** One page, or everything when `limit` is absent. */
  async list<T, D>(ref: ResourceRef<T, D>, options: ListOptions, signal: AbortSignal): Promise<List<T>> {
    const { namespace, ...query } = options
    const path = resourcePath(ref, { namespace }) + queryText(query)
    const list = await this.#object<List<Record<string, unknown>>>({ method: 'GET', path }, signal)
    // Items of a list carry no type of their own on the wire.
    const apiVersion = ref.group === '' ? ref.version : `${ref.group}/${ref.version}`
    const items = (list.items ?? []).map((item) => ({ ...item, apiVersion, kind: ref.kind }))
    return { metadata: list.metadata, items: items as unknown as readonly T[] }
  }

  async create<T, D extends object>(
    ref: ResourceRef<T, D>,
    object: D | T,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = resourcePath(ref, { namespace: namespaceOf(object) }) + queryText(writeQuery(options))
    return await this.#object<T>(jsonRequest('POST', path, object), signal)
  }

  /** Replaces the object; a stale `resourceVersion` is answered with `Conflict`. */
  async update<T, D>(ref: ResourceRef<T, D>, object: T, signal: AbortSignal, options: WriteOptions = {}): Promise<T> {
    const path = resourcePath(ref, nameOf(object)) + queryText(writeQuery(options))
    return await this.#object<T>(jsonRequest('PUT', path, object), signal)
  }

  async updateStatus<T, D>(
    ref: ResourceRef<T, D>,
    object: T,
    signal: AbortSignal,
    options: WriteOptions = {},
  ): Promise<T> {
    const path = resourcePath(ref, { ...nameOf(object), subresource: 'status' }) + queryText(writeQuery(options))
    return await this.#object<T>(jsonRequest('PUT', path, object), signal)
  }

  async patch<T, D>(ref: ResourceRef<T, D>, at: ObjectName, patch: Patch, signal: AbortSignal): Promise<T> {
    const { type, body, subresource, fieldManager, force } = patch
    const path = resourcePath(ref, { ...at, ...(subresource === undefined ? {} : { subresource }) })
    const query = queryText({ fieldManager, force })
    return await this.#object<T>(jsonRequest('PATCH', path + query, body, patchTypes[type]), signal)
  }

  /** Returns the object, or a `Status` when it is gone at once. */
  async delete<T, D>(
    ref: ResourceRef<T, D>,
    at: ObjectName,
    options: DeleteOptions,
    signal: AbortSignal,
  ): Promise<unknown> {
    return await this.#object(jsonRequest('DELETE', resourcePath(ref, at), deleteBody(options)), signal)
  }

  async deleteCollection<T, D>(
    ref: ResourceRef<T, D>,
    list: ListOptions,
    options: DeleteOptions,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { namespace, ...query } = list
    const path = resourcePath(ref, { namespace }) + queryText(query)
    return await this.#object(jsonRequest('DELETE', path, deleteBody(options)), signal)
  }

  /** POST to a subresource such as `binding`, `eviction` or `token`. */
  async createSubresource<Result>(
    ref: ResourceRef<never, never> | ResourceRef<unknown, never>,
    at: ObjectName & { readonly subresource: string },
    body: unknown,
    signal: AbortSignal,
  ): Promise<Result> {
    return await this.#object<Result>(jsonRequest('POST', resourcePath(ref, at), body), signal)
  }

  /** Ends when the server ends it (about every five to ten minutes); throws `StatusError` on 410 and the like. */
  async *watch<T, D>(
    ref: ResourceRef<T, D>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const { namespace, ...query } = options
    const path = resourcePath(ref, { namespace }) + queryText({ ...query, watch: true })
    const answer = await this.#transport.send({ method: 'GET', path }, signal)
    if (answer.status !== 200) throw await errorOf(answer)
    yield* decodeWatch<T>(answer.body)
  }

  /** Any request: for discovery and for kinds that are known only at run time. */
  async raw<Result>(request: Request, signal: AbortSignal): Promise<Result> {
    return await this.#object<Result>(request, signal)
  }

  close(): void {
    this.#transport.close()
  }

  async #object<Result>(request: Request, signal: AbortSignal): Promise<Result> {
    return await withDeadline(signal, requestLimitMs, async (limit) => {
      const answer = await this.#transport.send(request, limit)
      if (answer.status < 200 || answer.status > 299) throw await errorOf(answer)
      // The boundary of the wire: the server answers with the kind that was asked for.
      return JSON.parse(await textOf(answer)) as Result
    })
  }
}

async function textOf(answer: Answer): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

async function errorOf(answer: Answer): Promise<StatusError> {
  const text = await textOf(answer)
  try {
    const status: unknown = JSON.parse(text)
    if (isJsonObject(status) && status['kind'] === 'Status') return fromStatus(status, answer.status)
  } catch {
    // Not JSON: a proxy or a plain 404 answered; its text is the message.
  }
  const reason = answer.status === 404 ? 'NotFound' : answer.status === 429 ? 'TooManyRequests' : ''
  return new StatusError(reason, text.trim() || `status ${answer.status}`, undefined, answer.status)
}

function jsonRequest(
  method: Request['method'],
  path: string,
  body: unknown,
  contentType = 'application/json',
): Request {
  return { method, path, headers: { 'content-type': contentType }, body: JSON.stringify(body) }
}

function deleteBody(options: DeleteOptions): unknown {
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...options }
}

function writeQuery({ fieldManager, dryRun }: WriteOptions): Record<string, string | undefined> {
  return { fieldManager, dryRun: dryRun === true ? 'All' : undefined }
}

function queryText(query: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  if (given.length === 0) return ''
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString()}`
}

function metadataOf(object: unknown): { readonly namespace?: string; readonly name?: string } {
  const metadata = isJsonObject(object) ? object['metadata'] : undefined
  return isJsonObject(metadata) ? (metadata as { namespace?: string; name?: string }) : {}
}

function namespaceOf(object: unknown): string | undefined {
  return metadataOf(object).namespace
}

function nameOf(object: unknown): ObjectName {
  const { namespace, name } = metadataOf(object)
  return { namespace, name: name ?? '' }
}
