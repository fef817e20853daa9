/** Talking to etcd: unary calls on their own channel, streams through gRPC's client. */
import { readFileSync } from 'node:fs'
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import type { Clock } from '../../component-base/clock.ts'
import type { Method } from './etcd-messages.ts'
import { storageError, UnaryChannel } from './grpc-unary.ts'
import { UnavailableError } from './storage.ts'

export type EtcdOptions = {
  /** `http://127.0.0.1:2379`; several are members of one cluster. */
  readonly servers: readonly string[]
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** A call waits this long for etcd to come back before the request that needs it fails. */
const callTimeoutMs = 10_000

/** Calls made while etcd is away wait for it until their time limit. */
export class EtcdClient {
  readonly #unary: UnaryChannel
  readonly #streams: Client

  constructor(options: EtcdOptions, clock: Clock) {
    const pems = readPems(options)
    this.#unary = new UnaryChannel({
      servers: options.servers,
      tls: {
        ...(pems.ca === null ? {} : { ca: pems.ca }),
        ...(pems.cert === null ? {} : { cert: pems.cert }),
        ...(pems.key === null ? {} : { key: pems.key }),
      },
      clock,
      timeoutMs: callTimeoutMs,
    })
    this.#streams = new Client(target(options.servers), channelCredentials(options, pems), {
      'grpc.max_receive_message_length': -1,
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
    const { path, repeatable } = method
    return method.deserialize(await this.#unary.call(path, method.serialize(request), repeatable, signal))
  }

  /** A bidirectional stream; the caller ends it with `cancel()`. */
  stream<Request, Response>(method: Method<Request, Response>): ClientDuplexStream<Request, Response> {
    const metadata = new Metadata({ waitForReady: true })
    // etcd ends the stream when its member loses the leader, instead of falling silent.
    metadata.set('hasleader', 'true')
    return this.#streams.makeBidiStreamRequest(method.path, method.serialize, method.deserialize, metadata, {})
  }

  close(): void {
    this.#unary.close()
    this.#streams.close()
  }
}

/** Turns a failure of a stream into one of the storage's errors. */
export function fromGrpc(error: unknown): Error {
  if (!(error instanceof Error)) return new UnavailableError(String(error))
  const { code, details } = error as ServiceError
  return storageError(code ?? 0, details ?? error.message)
}

type Pems = { readonly ca: Buffer | null; readonly cert: Buffer | null; readonly key: Buffer | null }

function readPems({ caFile, certFile, keyFile }: EtcdOptions): Pems {
  const read = (file: string | undefined): Buffer | null => (file === undefined ? null : readFileSync(file))
  return { ca: read(caFile), cert: read(certFile), key: read(keyFile) }
}

function target(servers: readonly string[]): string {
  const hosts = servers.map((server) => new URL(server.includes('://') ? server : `http://${server}`)).map(hostOf)
  const areAddresses = hosts.every((host) => /^\d+\.\d+\.\d+\.\d+:\d+$/.test(host))
  return areAddresses ? `ipv4:${hosts.join(',')}` : `dns:${hosts[0] ?? '127.0.0.1:2379'}`
}

function hostOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? '2379' : url.port}`
}

function channelCredentials({ servers }: EtcdOptions, { ca, cert, key }: Pems): ChannelCredentials {
  if (!servers.some((server) => server.startsWith('https://'))) return credentials.createInsecure()
  return credentials.createSsl(ca, key, cert)
}
