/** One question to a webhook over HTTPS. */

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { isJsonObject, type Json, type JsonObject } from '../../../apimachinery/json.ts'
import { withDeadline } from '../../../component-base/deadline.ts'
import type { Target } from './target.ts'

/** Connections are kept: a busy cluster asks the same webhooks again and again. */
const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 8 })
/** Far more than a review with the largest object and a patch. */
const maxAnswerBytes = 16 * 1024 * 1024

export type Question = {
  readonly target: Target
  /** PEM; absent: the authorities of the system. */
  readonly ca: string | undefined
  readonly body: JsonObject
  readonly timeoutMs: number
  /** Who asks; admission webhooks are asked by nobody in particular. */
  readonly caller?: Caller
}

/** How a webhook knows us. */
export type Caller = {
  readonly userAgent: string
  readonly cert?: string
  readonly key?: string
  readonly token?: string
  /** The kubeconfig says that the webhook's certificate does not matter. */
  readonly insecureSkipTlsVerify?: boolean
}

/** The answer's body. Throws errors in the words of Go's HTTP client. */
export async function ask(question: Question, signal: AbortSignal): Promise<Json> {
  const { target, timeoutMs } = question
  try {
    return await withDeadline(signal, timeoutMs, async (limited) => await post(question, limited))
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof AnswerError) throw error
    const cause = error instanceof Error ? error : new Error('unknown')
    throw new Error(`Post ${JSON.stringify(target.url)}: ${goMessage(cause, target)}`, { cause })
  }
}

/** The webhook has answered, with something else than a review. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  /** The HTTP code; 0 where the answer was good but could not be read. */
  readonly code: number

  constructor(message: string, code = 0) {
    super(message)
    this.code = code
  }
}

async function post(question: Question, signal: AbortSignal): Promise<Json> {
  const bytes = Buffer.from(JSON.stringify(question.body))
  const response = await send(question, bytes, signal, 1)
  const text = await readAll(response)
  const { statusCode = 0 } = response
  if (statusCode < 200 || statusCode > 299) throw new AnswerError(refusal(statusCode, text), statusCode)
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new AnswerError(
      `couldn't get version/kind; json parse error: ${JSON.stringify(text.slice(0, 100))} is no JSON`,
    )
  }
}

async function send(
  { target, ca, caller }: Question,
  bytes: Buffer,
  signal: AbortSignal,
  attempts: number,
): Promise<IncomingMessage> {
  return await new Promise((resolve, reject) => {
    const { host, port, path, serverName } = target
    const headers = {
      host: `${serverName}:${port}`,
      accept: 'application/json, */*',
      'content-type': 'application/json',
      'content-length': bytes.length,
      'user-agent': caller?.userAgent ?? 'kube-apiserver-admission',
      ...(caller?.token === undefined ? {} : { authorization: `Bearer ${caller.token}` }),
    }
    const common = { host, port, path, method: 'POST', signal, headers }
    const request = target.url.startsWith('http:')
      ? httpRequest(common, resolve)
      : httpsRequest(
          {
            ...common,
            agent,
            ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
            ...(ca === undefined ? {} : { ca }),
            ...(caller?.cert === undefined ? {} : { cert: caller.cert }),
            ...(caller?.key === undefined ? {} : { key: caller.key }),
            ...(caller?.insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
          },
          resolve,
        )
    request.on('error', (error) => {
      // A kept connection may have been closed at the other end just now.
      if (request.reusedSocket && attempts > 0 && !signal.aborted) {
        send(
          { target, ca, body: {}, timeoutMs: 0, ...(caller === undefined ? {} : { caller }) },
          bytes,
          signal,
          attempts - 1,
        ).then(resolve, reject)
      } else reject(error)
    })
    request.end(bytes)
  })
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxAnswerBytes) throw new AnswerError(`the answer is larger than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Source: `NewGenericServerResponse`. */
function refusal(code: number, text: string): string {
  const status = parsedStatus(text)
  if (status !== undefined) return status
  switch (code) {
    case 404:
      return 'the server could not find the requested resource'
    case 400:
      return 'the server rejected our request for an unknown reason'
    case 401:
      return 'the server has asked for the client to provide credentials'
    case 403:
      return text === '' ? 'unknown' : text.trim()
    case 503:
      return 'the server is currently unable to handle the request'
    default:
      return code >= 500
        ? `an error on the server (${JSON.stringify(text.trim() || 'unknown')}) has prevented the request from succeeding`
        : `the server responded with the status code ${code} but did not return more information`
  }
}

function parsedStatus(text: string): string | undefined {
  try {
    const value = JSON.parse(text) as Json
    return isJsonObject(value) && value['kind'] === 'Status' ? String(value['message'] ?? 'unknown') : undefined
  } catch {
    return undefined
  }
}

/** The words of Go for what Node has met. */
function goMessage(error: Error, { host, port, serverName }: Target): string {
  const code = 'code' in error ? String(error.code) : ''
  const cause = error.cause instanceof Error ? error.cause : error
  if (error.name === 'TimeoutError' || cause.name === 'TimeoutError' || error.name === 'AbortError') {
    return 'context deadline exceeded'
  }
  const dial = `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}: `
  switch (code) {
    case 'ECONNREFUSED':
      return `${dial}connect: connection refused`
    case 'EHOSTUNREACH':
      return `${dial}connect: no route to host`
    case 'ENETUNREACH':
      return `${dial}connect: network is unreachable`
    case 'ETIMEDOUT':
      return `${dial}i/o timeout`
    case 'ECONNRESET':
      return 'EOF'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `dial tcp: lookup ${host}: no such host`
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
    case 'CERT_HAS_EXPIRED':
      return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid'
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `tls: failed to verify certificate: x509: certificate is not valid for ${serverName}`
    default:
      return error.message
  }
}
