/** One gRPC channel to etcd: unary calls and server streams, with etcd's failures turned into the storage's errors. */
import { readFileSync } from 'node:fs'
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import type { Method } from './etcd-messages.ts'
import { CompactedError, FutureRevisionError, UnavailableError } from './storage.ts'

export type EtcdOptions = {
  /** `http://127.0.0.1:2379`; several are members of one cluster. */
  readonly servers: readonly string[]
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** A call waits this long for etcd to come back before the request that needs it fails. */
const callTimeoutMs = 10_000

/** Talks to etcd. Calls made while etcd is away wait for it until their deadline. */
export class EtcdClient {
  readonly #client: Client

  constructor(options: EtcdOptions) {
    this.#client = new Client(target(options.servers), channelCredentials(options), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.enable_retries': 0,
    })
  }

  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    signal: AbortSignal,
  ): Promise<Response> {
    signal.throwIfAborted()
    return await new Promise<Response>((resolve, reject) => {
      const metadata = new Metadata({ waitForReady: true })
      const deadline = Date.now() + callTimeoutMs
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.serialize,
        method.deserialize,
        request,
        metadata,
        { deadline },
        (error, response) => {
          signal.removeEventListener('abort', cancel)
          if (error !== null) reject(signal.aborted ? signal.reason : fromGrpc(error))
          else if (response === undefined) reject(new UnavailableError(`${method.path} answered nothing`))
          else resolve(response)
        },
      )
      const cancel = (): void => call.cancel()
      signal.addEventListener('abort', cancel, { once: true })
    })
  }

  /** A bidirectional stream; the caller ends it with `cancel()`. */
  stream<Request, Response>(method: Method<Request, Response>): ClientDuplexStream<Request, Response> {
    const metadata = new Metadata({ waitForReady: true })
    // etcd ends the stream when its member loses the leader, instead of falling silent.
    metadata.set('hasleader', 'true')
    return this.#client.makeBidiStreamRequest(method.path, method.serialize, method.deserialize, metadata, {})
  }

  close(): void {
    this.#client.close()
  }
}

/** Turns a gRPC failure into one of the storage's errors. */
export function fromGrpc(error: unknown): Error {
  if (!(error instanceof Error)) return new UnavailableError(String(error))
  const { code, details } = error as ServiceError
  if (code === status.OUT_OF_RANGE) {
    return details.includes('compacted') ? new CompactedError(0) : new FutureRevisionError(details, { cause: error })
  }
  return new UnavailableError(details ?? error.message, { cause: error })
}

function target(servers: readonly string[]): string {
  const hosts = servers.map((server) => new URL(server.includes('://') ? server : `http://${server}`)).map(hostOf)
  const areAddresses = hosts.every((host) => /^\d+\.\d+\.\d+\.\d+:\d+$/.test(host))
  return areAddresses ? `ipv4:${hosts.join(',')}` : `dns:${hosts[0] ?? '127.0.0.1:2379'}`
}

function hostOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? '2379' : url.port}`
}

function channelCredentials({ servers, caFile, certFile, keyFile }: EtcdOptions): ChannelCredentials {
  if (!servers.some((server) => server.startsWith('https://'))) return credentials.createInsecure()
  const read = (file: string | undefined): Buffer | null => (file === undefined ? null : readFileSync(file))
  return credentials.createSsl(read(caFile), read(keyFile), read(certFile))
}
