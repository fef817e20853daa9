/**
 * Claims that a token only points to: the issuer keeps long lists of groups elsewhere and signs them there.
 * Source: OpenID Connect Core 1.0, section 5.6.2.
 */
import { decodeJwt } from 'jose'
import { getOwn, isJsonObject, type Json, type JsonObject } from '../../../apimachinery/json.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { TokenError } from '../token.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { discoverKeys, get, type IssuerKeys } from './provider.ts'
import { verifyToken } from './verify-token.ts'

type Verification = { readonly algorithms: readonly string[]; readonly clock: Clock }

/** The claims with the groups that they point to. */
export async function expandGroups(
  claims: JsonObject,
  config: JwtAuthenticatorConfig,
  keys: IssuerKeys,
  options: Verification,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { claim } = config.claimMappings.groups
  if (claim === '' || getOwn(claims, claim) !== undefined) return claims
  const source = sourceOf(claims, claim)
  if (source === undefined) return claims
  try {
    return { ...claims, [claim]: await fetchClaim(claim, source, config, keys, options, signal) }
  } catch (error) {
    signal.throwIfAborted()
    throw new TokenError(`oidc: could not expand distributed claims: ${error instanceof Error ? error.message : ''}`)
  }
}

type Source = { readonly endpoint: string; readonly accessToken: string }

function sourceOf(claims: JsonObject, claim: string): Source | undefined {
  const names = getOwn(claims, '_claim_names')
  const name = isJsonObject(names) ? getOwn(names, claim) : undefined
  if (typeof name !== 'string') return undefined
  const sources = getOwn(claims, '_claim_sources')
  const source = isJsonObject(sources) ? getOwn(sources, name) : undefined
  if (!isJsonObject(source)) {
    throw new TokenError('oidc: could not expand distributed claims: oidc: no claim sources')
  }
  const { endpoint, access_token: accessToken } = source
  // Without an endpoint the claim may be an aggregated one, which nobody reads.
  return typeof endpoint === 'string' && endpoint !== ''
    ? { endpoint, accessToken: typeof accessToken === 'string' ? accessToken : '' }
    : undefined
}

async function fetchClaim(
  claim: string,
  { endpoint, accessToken }: Source,
  config: JwtAuthenticatorConfig,
  keys: IssuerKeys,
  options: Verification,
  signal: AbortSignal,
): Promise<Json> {
  const { issuer } = config
  const headers: Readonly<Record<string, string>> = accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` }
  const { code, body } = await get(endpoint, issuer.certificateAuthority, headers, signal)
  if (code < 200 || code > 226) throw new Error(`error while getting distributed claim JWT: ${code}`)
  const { iss = '' } = decodeJwt(body)
  // The claim may be signed by another issuer than the token; it is discovered as the first one was.
  const other = { ...issuer, url: iss, discoveryUrl: '' }
  const signers = iss === issuer.url ? keys : await discoverKeys(other, signal)
  const verified = await verifyToken(body, { issuer: other }, signers, options)
  const value = getOwn(verified, claim)
  if (value !== undefined) return value
  throw new Error(
    `jwt returned by distributed claim endpoint ${JSON.stringify(endpoint)} did not contain claim: ${claim}`,
  )
}
