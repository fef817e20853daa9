/** The plugin behind its socket. It may come later than this server and go away at any time. */
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { Clock } from '../../../../component-base/clock.ts'
import {
  type DecryptRequest,
  type DecryptResponse,
  type EncryptRequest,
  type EncryptResponse,
  type MethodName,
  methodPath,
  methods,
  type StatusResponse,
} from './messages.ts'
import type { KmsMetrics } from './metrics.ts'

/** One provider of kind `kms` of the configuration. */
export type KmsSettings = {
  readonly name: string
  /** `unix:///run/plugin.sock`. */
  readonly endpoint: string
  readonly timeoutMs: number
}

export type KmsPlugin = {
  readonly status: () => Promise<StatusResponse>
  readonly encrypt: (request: EncryptRequest) => Promise<EncryptResponse>
  readonly decrypt: (request: DecryptRequest) => Promise<DecryptResponse>
  readonly close: () => void
}

/** A call had no answer; the text is that of Go's client. */
export class KmsCallError extends Error {
  override readonly name = 'KmsCallError'
}

/** Connects when first asked; calls wait for the plugin until their time limit. */
export function connectKmsPlugin(settings: KmsSettings, clock: Clock, metrics: KmsMetrics): KmsPlugin {
  const { name, endpoint, timeoutMs } = settings
  const client = new Client(endpoint, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
  })
  const call = async <Request, Response>(
    method: MethodName,
    encode: (request: Request) => Buffer,
    decode: (bytes: Buffer) => Response,
    request: Request,
  ): Promise<Response> => {
    const startedMs = clock.now()
    const observe = (code: string): void => metrics.called(name, methodPath(method), code, clock.now() - startedMs)
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        methodPath(method),
        encode,
        decode,
        request,
        new Metadata({ waitForReady: true }),
        { deadline: clock.now() + timeoutMs },
        (error, response) => {
          observe(error === null ? 'OK' : codeName(error))
          if (error !== null) reject(new KmsCallError(goText(error), { cause: error }))
          else if (response === undefined) reject(new KmsCallError('the plugin gave no answer'))
          else resolve(response)
        },
      )
    })
  }
  return {
    status: async () => await call('Status', methods.Status.request.encode, methods.Status.response.decode, {}),
    encrypt: async (request) =>
      await call('Encrypt', methods.Encrypt.request.encode, methods.Encrypt.response.decode, request),
    decrypt: async (request) =>
      await call('Decrypt', methods.Decrypt.request.encode, methods.Decrypt.response.decode, request),
    close: () => client.close(),
  }
}

/** `DEADLINE_EXCEEDED` is `DeadlineExceeded` in Go. */
function codeName({ code }: ServiceError): string {
  const name = status[code] ?? 'UNKNOWN'
  if (name === 'CANCELLED') return 'Canceled'
  return name.replace(/([A-Z])([A-Z]*)_?/g, (_, first: string, rest: string) => first + rest.toLowerCase())
}

function goText(error: ServiceError): string {
  const isLate = error.code === status.DEADLINE_EXCEEDED
  return `rpc error: code = ${codeName(error)} desc = ${isLate ? 'context deadline exceeded' : error.details}`
}
