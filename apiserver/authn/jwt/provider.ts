/** An issuer on the network: its discovery document and its keys, which are read again when a token names an unknown one. */
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { createRemoteJWKSet, customFetch, type FetchImplementation } from 'jose'
import { isJsonObject, type Json } from '../../../apimachinery/json.ts'
import { withDeadline } from '../../../component-base/deadline.ts'
import type { IssuerConfig } from './configuration.ts'

/** Source: the client of upstream's OIDC authenticator. */
const requestLimitMs = 30_000
const maxAnswerBytes = 1024 * 1024
/** How soon after another unknown key the keys are read again: a stream of bad tokens must not flood the issuer. */
const keyCooldownMs = 1_000
const wellKnownPath = '/.well-known/openid-configuration'

/** The keys of an issuer. */
export type IssuerKeys = ReturnType<typeof createRemoteJWKSet>

/** Reads the discovery document; throws in go-oidc's words when the issuer is away or says that it is another. */
export async function discoverKeys(issuer: IssuerConfig, signal: AbortSignal): Promise<IssuerKeys> {
  const url = issuer.discoveryUrl === '' ? `${issuer.url.replace(/\/$/, '')}${wellKnownPath}` : issuer.discoveryUrl
  const { code, body } = await get(url, issuer.certificateAuthority, {}, signal)
  if (code !== 200) throw new Error(`${code}: ${body}`)
  const document = parse(body)
  const { issuer: named, jwks_uri: keysUrl } = isJsonObject(document) ? document : {}
  if (named !== issuer.url) {
    throw new Error(
      `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuer.url)} got ${JSON.stringify(named ?? '')}`,
    )
  }
  if (typeof keysUrl !== 'string' || keysUrl === '') throw new Error('provider did not return JWKS URL')
  return createRemoteJWKSet(new URL(keysUrl), {
    cooldownDuration: keyCooldownMs,
    timeoutDuration: requestLimitMs,
    [customFetch]: fetchThrough(issuer.certificateAuthority),
  })
}

function parse(body: string): Json {
  try {
    return JSON.parse(body) as Json
  } catch (error) {
    throw new Error(`oidc: failed to decode provider discovery object: ${String(error)}`)
  }
}

/** Node's `fetch` knows no certificate authorities of ours. */
function fetchThrough(ca: string): FetchImplementation {
  return async (url, { headers, signal }) => {
    const { code, body } = await get(url, ca, Object.fromEntries(headers), signal)
    return new Response(body, { status: code, headers: { 'content-type': 'application/json' } })
  }
}

/** One GET over HTTPS. */
export async function get(
  url: string,
  ca: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly body: string }> {
  return await withDeadline(signal, requestLimitMs, async (limited) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { method: 'GET', headers, signal: limited, ...(ca === '' ? {} : { ca }) }
      httpsRequest(url, options, resolve).on('error', reject).end()
    })
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`)
      chunks.push(chunk)
    }
    return { code: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }
  })
}
