/**
 * The messages of etcd's v3 API that this project uses, with their protobuf field numbers. int64 is decoded to a number:
 * revisions stay far below 2^53. Lease ids do not, and are kept as decimal text.
 * Source: etcd API v3, `rpc.proto` and `kv.proto`; the names and numbers are the wire format.
 */
import protobuf from 'protobufjs'

type FieldTable = Readonly<Record<string, readonly [number: number, type: string, rule?: 'repeated']>>

const messages: Readonly<Record<string, FieldTable>> = {
  ResponseHeader: { revision: [3, 'int64'] },
  KeyValue: { key: [1, 'bytes'], modRevision: [3, 'int64'], version: [4, 'int64'], value: [5, 'bytes'] },
  RangeRequest: {
    key: [1, 'bytes'],
    rangeEnd: [2, 'bytes'],
    limit: [3, 'int64'],
    revision: [4, 'int64'],
    keysOnly: [8, 'bool'],
    countOnly: [9, 'bool'],
  },
  RangeResponse: {
    header: [1, 'ResponseHeader'],
    kvs: [2, 'KeyValue', 'repeated'],
    more: [3, 'bool'],
    count: [4, 'int64'],
  },
  PutRequest: { key: [1, 'bytes'], value: [2, 'bytes'], lease: [3, 'int64'] },
  PutResponse: { header: [1, 'ResponseHeader'] },
  DeleteRangeRequest: { key: [1, 'bytes'], rangeEnd: [2, 'bytes'] },
  DeleteRangeResponse: { header: [1, 'ResponseHeader'], deleted: [2, 'int64'] },
  RequestOp: {
    requestRange: [1, 'RangeRequest'],
    requestPut: [2, 'PutRequest'],
    requestDeleteRange: [3, 'DeleteRangeRequest'],
  },
  ResponseOp: {
    responseRange: [1, 'RangeResponse'],
    responsePut: [2, 'PutResponse'],
    responseDeleteRange: [3, 'DeleteRangeResponse'],
  },
  // `result` 0 is EQUAL; `target` 0 is VERSION, 2 is MOD.
  Compare: {
    result: [1, 'int32'],
    target: [2, 'int32'],
    key: [3, 'bytes'],
    version: [4, 'int64'],
    modRevision: [6, 'int64'],
  },
  TxnRequest: {
    compare: [1, 'Compare', 'repeated'],
    success: [2, 'RequestOp', 'repeated'],
    failure: [3, 'RequestOp', 'repeated'],
  },
  TxnResponse: {
    header: [1, 'ResponseHeader'],
    succeeded: [2, 'bool'],
    responses: [3, 'ResponseOp', 'repeated'],
  },
  CompactionRequest: { revision: [1, 'int64'], physical: [2, 'bool'] },
  CompactionResponse: { header: [1, 'ResponseHeader'] },
  LeaseGrantRequest: { TTL: [1, 'int64'], ID: [2, 'int64'] },
  LeaseGrantResponse: { header: [1, 'ResponseHeader'], ID: [2, 'int64'], TTL: [3, 'int64'], error: [4, 'string'] },
  WatchCreateRequest: { key: [1, 'bytes'], rangeEnd: [2, 'bytes'], startRevision: [3, 'int64'], fragment: [8, 'bool'] },
  WatchRequest: { createRequest: [1, 'WatchCreateRequest'] },
  // `type` 0 is PUT, 1 is DELETE.
  Event: { type: [1, 'int32'], kv: [2, 'KeyValue'] },
  WatchResponse: {
    header: [1, 'ResponseHeader'],
    created: [3, 'bool'],
    canceled: [4, 'bool'],
    compactRevision: [5, 'int64'],
    cancelReason: [6, 'string'],
    fragment: [7, 'bool'],
    events: [11, 'Event', 'repeated'],
  },
}

/** An int64 as protobufjs decodes it (a number, or a Long where the package is present). */
export type Int64 = number | string | { toNumber(): number; toString(): string }
export type Header = { readonly revision?: Int64 }
export type KeyValue = {
  readonly key: Buffer
  readonly value?: Buffer
  readonly modRevision?: Int64
  readonly version?: Int64
}
export type RangeRequest = {
  readonly key: Buffer
  readonly rangeEnd?: Buffer
  readonly limit?: number
  readonly revision?: number
  readonly keysOnly?: boolean
}
export type RangeResponse = {
  readonly header: Header
  readonly kvs: readonly KeyValue[]
  readonly more?: boolean
  readonly count?: Int64
}
export type RequestOp = {
  readonly requestRange?: RangeRequest
  readonly requestPut?: { readonly key: Buffer; readonly value: Buffer; readonly lease?: string }
  readonly requestDeleteRange?: { readonly key: Buffer }
}
export type Compare = {
  readonly result: 0
  readonly target: 0 | 2
  readonly key: Buffer
  readonly version?: number
  readonly modRevision?: number
}
export type TxnRequest = {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}
export type TxnResponse = {
  readonly header: Header
  readonly succeeded?: boolean
  readonly responses: readonly { readonly responseRange?: RangeResponse }[]
}
export type CompactionRequest = { readonly revision: number }
export type CompactionResponse = { readonly header: Header }
export type LeaseGrantRequest = { readonly TTL: number; readonly ID: number }
export type LeaseGrantResponse = { readonly ID: Int64; readonly TTL: Int64; readonly error?: string }
export type WatchRequest = {
  readonly createRequest: {
    readonly key: Buffer
    readonly rangeEnd: Buffer
    readonly startRevision: number
    readonly fragment: boolean
  }
}
export type WatchResponse = {
  readonly header: Header
  readonly created?: boolean
  readonly canceled?: boolean
  readonly compactRevision?: Int64
  readonly cancelReason?: string
  readonly fragment?: boolean
  readonly events: readonly { readonly type?: number; readonly kv: KeyValue }[]
}

/** Encodes one message type and decodes another. */
export type Method<Request, Response> = {
  readonly path: string
  /** Carrying it out twice is the same as once. */
  readonly repeatable: boolean
  readonly serialize: (request: Request) => Buffer
  readonly deserialize: (bytes: Buffer) => Response
}

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(messages).map(([name, fields]) => [
      name,
      {
        fields: Object.fromEntries(
          Object.entries(fields).map(([field, [id, type, rule]]) => [
            field,
            { id, type, ...(rule === undefined ? {} : { rule }) },
          ]),
        ),
      },
    ]),
  ),
})

function method<Request extends object, Response>(
  service: string,
  name: string,
  request: string,
  response: string,
): Method<Request, Response> {
  const input = root.lookupType(request)
  const output = root.lookupType(response)
  return {
    path: `/etcdserverpb.${service}/${name}`,
    repeatable: name !== 'Txn',
    // In Node the writer's bytes are a Buffer.
    serialize: (value) => input.encode(value).finish() as Buffer,
    // The table above is what was decoded; its TypeScript form is `Response`.
    deserialize: (bytes) => output.decode(bytes) as unknown as Response,
  }
}

export const rangeMethod = method<RangeRequest, RangeResponse>('KV', 'Range', 'RangeRequest', 'RangeResponse')
export const txnMethod = method<TxnRequest, TxnResponse>('KV', 'Txn', 'TxnRequest', 'TxnResponse')
export const compactMethod = method<CompactionRequest, CompactionResponse>(
  'KV',
  'Compact',
  'CompactionRequest',
  'CompactionResponse',
)
export const leaseGrantMethod = method<LeaseGrantRequest, LeaseGrantResponse>(
  'Lease',
  'LeaseGrant',
  'LeaseGrantRequest',
  'LeaseGrantResponse',
)
export const watchMethod = method<WatchRequest, WatchResponse>('Watch', 'Watch', 'WatchRequest', 'WatchResponse')

/** A decoded int64 that is known to be a revision or count. */
export function toNumber(value: Int64 | undefined): number {
  if (value === undefined) return 0
  return typeof value === 'object' ? value.toNumber() : Number(value)
}
