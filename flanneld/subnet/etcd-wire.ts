/** What etcd's JSON gateway says: keys and values are base64, numbers are texts. Pure. */

/** One key with its value. */
export type KeyValue = {
  readonly key: string
  readonly value: string
  readonly modRevision: string
  readonly lease: string
}

/** A range of keys at one revision. */
export type Range = { readonly revision: string; readonly items: readonly KeyValue[] }

/** A change of a watched key. */
export type Event = KeyValue & { readonly type: 'put' | 'delete' }

/** An answer of etcd that is not a result; `code` is gRPC's. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError'
  readonly code: number

  constructor(message: string, code: number, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The watched revision is compacted: read everything again. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError'
}

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>

/** Codes of gRPC. */
export const grpcCodes = { unavailable: 14, unauthenticated: 16 } as const

/** A line of JSON; a proxy in between may answer with something else. */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new EtcdError(`etcd: not an answer of etcd: ${line.slice(0, 100)}`, grpcCodes.unavailable, { cause: error })
  }
}

/** The changes in one line of a watch; throws when the watch is over. */
export function readEvents(line: string): readonly Event[] {
  const answer = fieldsOf(parseLine(line))
  if (answer['error'] !== undefined) {
    throw new EtcdError(`etcd: ${textOf(fieldsOf(answer['error'])['message']) || textOf(answer['error'])}`, 2)
  }
  const result = fieldsOf(answer['result'])
  if (result['canceled'] === true || Number(result['compact_revision'] ?? 0) > 0) {
    throw new CompactedError(`watch cancelled: ${textOf(result['cancel_reason'])}`)
  }
  return listOf(result['events']).map((event) => {
    return { ...readKeyValue(fieldsOf(event['kv'])), type: event['type'] === 'DELETE' ? 'delete' : 'put' }
  })
}

/** One key of an answer. */
export function readKeyValue(item: Fields): KeyValue {
  return {
    key: fromBase64(item['key']),
    value: fromBase64(item['value']),
    modRevision: textOf(item['mod_revision']),
    lease: textOf(item['lease']) || '0',
  }
}

/** As keys and values travel. */
export function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

function fromBase64(value: unknown): string {
  return Buffer.from(textOf(value), 'base64').toString('utf8')
}

/** The first key behind all that start with `prefix`, which ends in an ASCII character. */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

/** An object, or an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {}
}

/** A list of objects, or an empty one. */
export function listOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : []
}

/** A text, or the empty one. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
