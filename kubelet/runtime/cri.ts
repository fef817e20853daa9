/**
 * The container runtime interface (CRI v1) over gRPC on a unix socket. One typed function, `call`, for every method;
 * the messages' types and codecs both come from the table in `cri-facts.ts`.
 */
import grpc from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import type { Clock } from '../../component-base/clock.ts'
import { criCalls, criEnums, criMessages } from './cri-facts.ts'

type Messages = typeof criMessages
type Enums = typeof criEnums
type Calls = typeof criCalls
export type CriMethod = Exclude<keyof Calls, 'GetContainerEvents'>

type Scalars = {
  string: string
  bool: boolean
  bytes: Uint8Array
  int32: number
  uint32: number
  int64: number
  uint64: number
  double: number
}
// The conditional types below read the table of `cri-facts.ts`, as `apimachinery/schema/facts.ts` does for the API.
type Value<Text, Mode> = Text extends `[]${infer Item}`
  ? readonly Value<Item, Mode>[]
  : Text extends 'map<string>'
    ? Readonly<Record<string, string>>
    : Text extends keyof Scalars
      ? Scalars[Text]
      : Text extends keyof Enums
        ? keyof Enums[Text]
        : Text extends keyof Messages
          ? Mode extends 'read'
            ? Cri<Text> | null
            : CriDraft<Text>
          : never
type Item<Text, Mode> = Text extends `[]${infer Of}` ? readonly NonNullable<Value<Of, Mode>>[] : Value<Text, Mode>
type Field<Spec, Mode> = Spec extends `${number} ${infer Text}` ? Item<Text, Mode> : never

/** A message as it comes from the runtime: every field present, an absent message is null. */
export type Cri<Name extends keyof Messages> = {
  readonly [Key in keyof Messages[Name]]: Field<Messages[Name][Key], 'read'>
}
/** A message as we send it: absent fields are zero. */
export type CriDraft<Name extends keyof Messages> = {
  readonly [Key in keyof Messages[Name]]?: Field<Messages[Name][Key], 'draft'> | undefined
}
/** The names of one enumeration. */
export type CriEnum<Name extends keyof Enums> = keyof Enums[Name]

/** The runtime's refusal or silence. `message` is the runtime's own text; `code` the gRPC name, such as `Unavailable`. */
export class CriError extends Error {
  override readonly name = 'CriError'
  readonly method: string
  readonly code: string
  readonly details: string

  constructor(method: string, code: string, details: string) {
    super(`rpc error: code = ${code} desc = ${details}`)
    this.method = method
    this.code = code
    this.details = details
  }
}

/** True for an answer that says that the thing is gone. */
export function isNotFound(error: unknown): boolean {
  return error instanceof CriError && error.code === 'NotFound'
}

/** The seam between the kubelet and its container runtime. */
export type Runtime = {
  readonly call: <M extends CriMethod>(
    method: M,
    request: CriDraft<Calls[M]['request']>,
    signal: AbortSignal,
    timeoutMs?: number,
  ) => Promise<Cri<Calls[M]['response']>>
  /** Lifecycle events as they happen; rejects at once with `Unimplemented` where the runtime has none (containerd before 1.7). */
  readonly events: (signal: AbortSignal) => AsyncIterable<Cri<'ContainerEventResponse'>>
  readonly close: () => void
}

/** Upstream's `runtimeRequestTimeout`: what a call may take unless the caller says otherwise. */
export const defaultCallTimeoutMs = 120_000
/** Upstream's limit for one CRI message. */
const maxMessageBytes = 16 * 1024 * 1024

const root = protobuf.Root.fromJSON({ nested: { runtime: { nested: { v1: { nested: describeMessages() } } } } })

/** Opens a connection to `unix:///run/containerd/containerd.sock`. Connects lazily and again after a loss. */
export function connectRuntime(endpoint: string, clock: Pick<Clock, 'now'>): Runtime {
  const target = endpoint.startsWith('/') ? `unix://${endpoint}` : endpoint
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    // grpc-js would send the socket's path as authority, which containerd's HTTP/2 refuses.
    'grpc.default_authority': 'localhost',
  })
  return {
    call: (method, request, signal, timeoutMs = defaultCallTimeoutMs) =>
      unary(client, method, request, signal, clock.now() + timeoutMs),
    events: (signal) => containerEvents(client, signal),
    close: () => client.close(),
  }
}

function unary<M extends CriMethod>(
  client: grpc.Client,
  method: M,
  request: CriDraft<Calls[M]['request']>,
  signal: AbortSignal,
  deadline: number,
): Promise<Cri<Calls[M]['response']>> {
  const codec = codecOf(method)
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const abort = () => call.cancel()
    const call = client.makeUnaryRequest(
      codec.path,
      codec.encode,
      codec.decode,
      request,
      new grpc.Metadata(),
      { deadline },
      (error, response) => {
        signal.removeEventListener('abort', abort)
        if (error !== null) reject(signal.aborted ? signal.reason : criError(method, error))
        // The codec made it from the response type of this very method.
        else resolve(response as Cri<Calls[M]['response']>)
      },
    )
    signal.addEventListener('abort', abort, { once: true })
  })
}

async function* containerEvents(
  client: grpc.Client,
  signal: AbortSignal,
): AsyncGenerator<Cri<'ContainerEventResponse'>> {
  const codec = codecOf('GetContainerEvents')
  const call = client.makeServerStreamRequest(codec.path, codec.encode, codec.decode, {}, new grpc.Metadata(), {})
  const abort = () => call.cancel()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for await (const event of call) yield event
  } catch (error) {
    throw signal.aborted ? signal.reason : criError('GetContainerEvents', error as grpc.ServiceError)
  } finally {
    signal.removeEventListener('abort', abort)
    call.cancel()
  }
}

function codecOf(method: keyof Calls) {
  const { service, request, response } = criCalls[method]
  const requestType = root.lookupType(`runtime.v1.${request}`)
  const responseType = root.lookupType(`runtime.v1.${response}`)
  return {
    path: `/runtime.v1.${service}/${method}`,
    encode: (value: object): Buffer => Buffer.from(requestType.encode(requestType.fromObject(value)).finish()),
    decode: (bytes: Buffer): unknown => responseType.toObject(responseType.decode(bytes), decoding),
  }
}

const decoding: protobuf.IConversionOptions = { longs: Number, enums: String, defaults: true }

function criError(method: string, error: grpc.ServiceError): CriError {
  const code = grpc.status[error.code] ?? 'UNKNOWN'
  return new CriError(method, goCodeName(code), error.details ?? error.message)
}

/** `DEADLINE_EXCEEDED` as gRPC for Go prints it: `DeadlineExceeded`. */
function goCodeName(code: string): string {
  return code
    .split('_')
    .map((word) => `${word[0] ?? ''}${word.slice(1).toLowerCase()}`)
    .join('')
}

function describeMessages(): Record<string, protobuf.AnyNestedObject> {
  const enums = Object.entries(criEnums).map(([name, values]) => [name, { values: { ...values } }] as const)
  const messages = Object.entries(criMessages).map(
    ([name, fields]) =>
      [
        name,
        { fields: Object.fromEntries(Object.entries(fields).map(([field, spec]) => [field, describeField(spec)])) },
      ] as const,
  )
  return Object.fromEntries([...enums, ...messages])
}

function describeField(spec: string): protobuf.IField | protobuf.IMapField {
  const [number = '', type = ''] = spec.split(' ')
  if (type === 'map<string>') return { id: Number(number), keyType: 'string', type: 'string' }
  if (type.startsWith('[]')) {
    const scalar = type === '[]int32' || type === '[]int64'
    return {
      id: Number(number),
      rule: 'repeated',
      type: type.slice(2),
      ...(scalar ? { options: { packed: true } } : {}),
    }
  }
  return { id: Number(number), type }
}
