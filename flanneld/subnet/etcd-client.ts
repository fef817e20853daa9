/**
 * The part of etcd's API that leases need, over its JSON gateway (`/v3/…`), which every etcd since 3.3
 * serves on its client port. Keys and values are base64 on that wire, numbers are texts.
 */
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { withDeadline } from '../../component-base/deadline.ts'
import {
  base64,
  EtcdError,
  type Event,
  type Fields,
  fieldsOf,
  grpcCodes,
  listOf,
  parseLine,
  prefixEnd,
  type Range,
  readEvents,
  readKeyValue,
  textOf,
} from './etcd-wire.ts'

/** How to reach etcd. PEM texts, not file names. */
export type EtcdConfig = {
  readonly endpoints: readonly string[]
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly username?: string
  readonly password?: string
}

const requestLimitMs = 10_000
const keepAliveMs = 30_000
/** Leases of 65,536 hosts fit several times. */
const maxAnswerLength = 256 << 20

/** etcd through its JSON gateway. */
export class EtcdClient {
  readonly #config: EtcdConfig
  #token: string | undefined
  #endpoint = 0

  constructor(config: EtcdConfig) {
    this.#config = config
  }

  /** All keys that start with `prefix`, or one key. */
  async range(key: string, isPrefix: boolean, signal: AbortSignal): Promise<Range> {
    const end = isPrefix ? { range_end: base64(prefixEnd(key)) } : {}
    const answer = await this.#call('/v3/kv/range', { key: base64(key), ...end }, signal)
    const header = fieldsOf(answer['header'])
    return { revision: textOf(header['revision']), items: listOf(answer['kvs']).map(readKeyValue) }
  }

  /** Creates a key unless it exists; false when it does. */
  async create(key: string, value: string, lease: string, signal: AbortSignal): Promise<boolean> {
    const body = {
      compare: [{ key: base64(key), target: 'VERSION', result: 'EQUAL', version: '0' }],
      success: [{ requestPut: { key: base64(key), value: base64(value), lease } }],
    }
    return (await this.#call('/v3/kv/txn', body, signal))['succeeded'] === true
  }

  /** Replaces a key that has not changed since `modRevision`; false when it has. */
  async replace(key: string, value: string, lease: string, modRevision: string, signal: AbortSignal): Promise<boolean> {
    const body = {
      compare: [{ key: base64(key), target: 'MOD', result: 'EQUAL', modRevision }],
      success: [{ requestPut: { key: base64(key), value: base64(value), lease } }],
    }
    return (await this.#call('/v3/kv/txn', body, signal))['succeeded'] === true
  }

  /** Removes a key that has not changed since `modRevision`; false when it has. */
  async remove(key: string, modRevision: string, signal: AbortSignal): Promise<boolean> {
    const body = {
      compare: [{ key: base64(key), target: 'MOD', result: 'EQUAL', modRevision }],
      success: [{ requestDeleteRange: { key: base64(key) } }],
    }
    return (await this.#call('/v3/kv/txn', body, signal))['succeeded'] === true
  }

  /** A lease of `ttlSeconds`; its id. */
  async grantLease(ttlSeconds: number, signal: AbortSignal): Promise<string> {
    return textOf((await this.#call('/v3/lease/grant', { TTL: String(ttlSeconds) }, signal))['ID'])
  }

  /** Ends a lease, and with it the keys that are bound to it. */
  async revokeLease(id: string, signal: AbortSignal): Promise<void> {
    await this.#call('/v3/lease/revoke', { ID: id }, signal)
  }

  /** Renews a lease; its remaining seconds, 0 when it is gone. */
  async renewLease(id: string, signal: AbortSignal): Promise<number> {
    const answer = await this.#call('/v3/lease/keepalive', { ID: id }, signal)
    return Number(fieldsOf(answer['result'])['TTL'] ?? 0)
  }

  /** Remaining seconds of a lease; -1 when it is gone. */
  async leaseSeconds(id: string, signal: AbortSignal): Promise<number> {
    return Number((await this.#call('/v3/lease/timetolive', { ID: id }, signal))['TTL'] ?? 0)
  }

  /** Changes under a prefix after `revision`. Throws `CompactedError` when they are not kept any more. */
  async *watch(prefix: string, revision: string, signal: AbortSignal): AsyncGenerator<readonly Event[]> {
    const start = String(BigInt(revision) + 1n)
    const create = { key: base64(prefix), range_end: base64(prefixEnd(prefix)), start_revision: start }
    const response = await this.#open('/v3/watch', { create_request: create }, signal)
    let rest = ''
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > maxAnswerLength) throw new EtcdError('etcd: an event is too long', 2)
      for (const line of lines) if (line !== '') yield readEvents(line)
    }
  }

  /** A token that etcd does not know any more (it restarted, or it took too long) is replaced once. */
  async #call(path: string, body: Fields, signal: AbortSignal): Promise<Fields> {
    try {
      return await this.#callOnce(path, body, signal)
    } catch (error) {
      if (this.#token === undefined || !(error instanceof EtcdError) || error.code !== grpcCodes.unauthenticated)
        throw error
      this.#token = undefined
      return await this.#callOnce(path, body, signal)
    }
  }

  async #callOnce(path: string, body: Fields, signal: AbortSignal): Promise<Fields> {
    const text = await withDeadline(signal, requestLimitMs, async (limited) => {
      try {
        return await readAll(await this.#open(path, body, limited))
      } catch (error) {
        if (signal.aborted || error instanceof EtcdError) throw error
        throw new EtcdError(`etcd does not answer ${path}`, grpcCodes.unavailable, { cause: error })
      }
    })
    const answer = fieldsOf(parseLine(text.split('\n')[0] ?? ''))
    if (answer['error'] === undefined) return answer
    const error = fieldsOf(answer['error'])
    const code = Number(answer['code'] ?? error['grpc_code'] ?? 2)
    throw new EtcdError(`etcd: ${textOf(error['message']) || textOf(answer['error'])}`, code)
  }

  /** Tries every endpoint once, beginning with the one that worked last. */
  async #open(path: string, body: Fields, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const { endpoints } = this.#config
    let failure: unknown = new Error('no etcd endpoints')
    for (let attempt = 0; attempt < endpoints.length; attempt += 1) {
      const index = (this.#endpoint + attempt) % endpoints.length
      try {
        const response = await this.#send(`${endpoints[index]}${path}`, body, signal)
        this.#endpoint = index
        return response
      } catch (error) {
        if (signal.aborted) throw error
        failure = error
      }
    }
    throw new EtcdError(`etcd at ${endpoints.join(', ')} cannot be reached`, grpcCodes.unavailable, { cause: failure })
  }

  async #send(url: string, body: Fields, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    const { ca, cert, key, username } = this.#config
    if (username !== undefined && this.#token === undefined && !url.endsWith('/authenticate'))
      await this.#signIn(url, signal)
    const options: RequestOptions = {
      method: 'POST',
      signal,
      headers: {
        'Content-Type': 'application/json',
        // A member that has lost its leader ends a watch instead of leaving it silent.
        'Grpc-Metadata-Hasleader': 'true',
        ...(this.#token !== undefined && { Authorization: this.#token }),
      },
    }
    const tls = {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    }
    return await new Promise((resolve, reject) => {
      const isTls = url.startsWith('https:')
      const outgoing = isTls ? httpsRequest(url, { ...options, ...tls }) : httpRequest(url, options)
      // A watch is silent for hours; without this it would not notice that its server is gone.
      outgoing.setSocketKeepAlive(true, keepAliveMs)
      outgoing.once('response', (response) => resolve(response.setEncoding('utf8')))
      outgoing.once('error', reject)
      outgoing.end(JSON.stringify(body))
    })
  }

  async #signIn(url: string, signal: AbortSignal): Promise<void> {
    const { username = '', password = '' } = this.#config
    const response = await this.#send(
      `${new URL(url).origin}/v3/auth/authenticate`,
      { name: username, password },
      signal,
    )
    const answer = fieldsOf(parseLine(await readAll(response)))
    const token = textOf(answer['token'])
    if (token === '')
      throw new EtcdError(`etcd: ${textOf(answer['error']) || 'authentication failed'}`, grpcCodes.unauthenticated)
    this.#token = token
  }
}

async function readAll(response: AsyncIterable<unknown>): Promise<string> {
  let whole = ''
  for await (const chunk of response) {
    whole += String(chunk)
    if (whole.length > maxAnswerLength) throw new EtcdError('etcd: an answer is too long', 2)
  }
  return whole
}
