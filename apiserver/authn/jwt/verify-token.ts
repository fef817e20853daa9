/** Whether a token is what its issuer signed, for us, and at this time. Source: go-oidc's `IDTokenVerifier`. */
import { compactVerify, decodeJwt, decodeProtectedHeader, errors, type JWTPayload } from 'jose'
import { isJsonObject, type JsonObject } from '../../../apimachinery/json.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { TokenError } from '../token.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import type { IssuerKeys } from './provider.ts'

/** Signature, issuer, audience and time. Throws `TokenError` in go-oidc's words. */
export async function verifyToken(
  token: string,
  { issuer }: Pick<JwtAuthenticatorConfig, 'issuer'>,
  keys: IssuerKeys,
  { algorithms, clock }: { readonly algorithms: readonly string[]; readonly clock: Clock },
): Promise<JsonObject> {
  const claims = decodeJwt(token)
  requireAudience(claims, issuer.audiences)
  requireTime(claims, clock.now() / 1000)
  const { alg = '' } = decodeProtectedHeader(token)
  if (!algorithms.includes(alg)) {
    const wanted = `[${algorithms.map((one) => JSON.stringify(one)).join(' ')}]`
    refuse(`oidc: id token signed with unsupported algorithm, expected ${wanted} got ${JSON.stringify(alg)}`)
  }
  if (!(await isSignedBy(token, keys, algorithms)))
    refuse('failed to verify signature: failed to verify id token signature')
  const value: unknown = claims
  return isJsonObject(value) ? value : {}
}

function refuse(why: string): never {
  throw new TokenError(`oidc: verify token: ${why}`)
}

function requireAudience({ aud }: JWTPayload, wanted: readonly string[]): void {
  const named = typeof aud === 'string' ? [aud] : (aud ?? [])
  if (wanted.some((audience) => named.includes(audience))) return
  const shown = (texts: readonly string[]): string => `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`
  const [only = ''] = wanted
  const expected = wanted.length === 1 ? `audience ${JSON.stringify(only)}` : `audience in ${shown(wanted.toSorted())}`
  refuse(`oidc: expected ${expected} got ${shown(named)}`)
}

/** go-oidc gives tokens of the near future five minutes, and expired ones nothing. */
const notBeforeLeewaySeconds = 300

function requireTime({ exp = 0, nbf }: JWTPayload, now: number): void {
  if (exp < now) refuse(`oidc: token is expired (Token Expiry: ${new Date(exp * 1000).toISOString()})`)
  if (nbf !== undefined && now + notBeforeLeewaySeconds < nbf) {
    const [current, start] = [now, nbf].map((seconds) => new Date(seconds * 1000).toISOString())
    refuse(`oidc: current time ${current} before the nbf (not before) time: ${start}`)
  }
}

async function isSignedBy(token: string, keys: IssuerKeys, algorithms: readonly string[]): Promise<boolean> {
  try {
    await compactVerify(token, keys, { algorithms: [...algorithms] })
    return true
  } catch (error) {
    // Tokens without the name of their key: each that fits is tried.
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      for await (const key of error) {
        if (await isVerified(compactVerify(token, key, { algorithms: [...algorithms] }))) return true
      }
    }
    return false
  }
}

async function isVerified(verification: Promise<unknown>): Promise<boolean> {
  return await verification.then(
    () => true,
    () => false,
  )
}
