/** From the claims of a verified token to the user, by claims or by expressions. Pure. */
import { getOwn, isJsonList, type Json, type JsonObject } from '../../../apimachinery/json.ts'
import type { UserInfo } from '../../http/request-info.ts'
import { TokenError } from '../token.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import type { CompiledRule, JwtExpressions } from './expressions.ts'

/** The user that these claims make. Throws `TokenError` in upstream's words. */
export function userOfClaims(
  config: JwtAuthenticatorConfig,
  expressions: JwtExpressions,
  claims: JsonObject,
): UserInfo {
  const uid = uidOf(config, expressions, claims)
  const name = usernameOf(config, expressions, claims)
  const groups = groupsOf(config, expressions, claims)
  const extra = extraOf(expressions, claims)
  requireClaims(config, claims)
  requireRules(expressions.claimRules, claims, 'claim validation expression')
  const user = {
    name,
    ...(uid === '' ? {} : { uid }),
    groups,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
  requireRules(expressions.userRules, user, 'user info validation rule')
  return user
}

function usernameOf(
  { claimMappings }: JwtAuthenticatorConfig,
  { username }: JwtExpressions,
  claims: JsonObject,
): string {
  if (username !== undefined) {
    const value = evaluated('username claim', () => username(claims))
    if (typeof value !== 'string') {
      throw new TokenError(
        'oidc: error evaluating username claim expression: username claim expression must return a string',
      )
    }
    if (value === '') throw new TokenError('oidc: empty username via CEL expression is not allowed')
    return value
  }
  const { claim, prefix = '' } = claimMappings.username
  const name = textClaim(claims, claim, `oidc: parse username claims ${JSON.stringify(claim)}`)
  const verified = getOwn(claims, 'email_verified')
  if (claim === 'email' && verified !== undefined) {
    if (typeof verified !== 'boolean') {
      throw new TokenError(`oidc: parse 'email_verified' claim: ${wrongType(verified, 'bool')}`)
    }
    if (!verified) throw new TokenError('oidc: email not verified')
  }
  return `${prefix}${name}`
}

function groupsOf(
  { claimMappings }: JwtAuthenticatorConfig,
  { groups }: JwtExpressions,
  claims: JsonObject,
): readonly string[] {
  const { claim, prefix = '' } = claimMappings.groups
  const value = claim === '' ? undefined : getOwn(claims, claim)
  if (value !== undefined) {
    // A single text is a list of one.
    const texts: readonly Json[] = isJsonList(value) ? value : [value]
    return texts.map((one) => {
      if (typeof one === 'string') return `${prefix}${one}`
      throw new TokenError(`oidc: parse groups claim ${JSON.stringify(claim)}: ${wrongType(value, 'string')}`)
    })
  }
  return groups === undefined
    ? []
    : textList(
        evaluated('group claim', () => groups(claims)),
        'group claim expression',
      )
}

function uidOf({ claimMappings }: JwtAuthenticatorConfig, { uid }: JwtExpressions, claims: JsonObject): string {
  const { claim } = claimMappings.uid
  if (claim !== '') return textClaim(claims, claim, `oidc: parse uid claim ${JSON.stringify(claim)}`)
  if (uid === undefined) return ''
  const value = evaluated('uid claim', () => uid(claims))
  if (typeof value === 'string') return value
  throw new TokenError('oidc: error evaluating uid claim expression: uid claim expression must return a string')
}

function extraOf({ extra }: JwtExpressions, claims: JsonObject): Readonly<Record<string, readonly string[]>> {
  const id = getOwn(claims, 'jti')
  const mapped = extra.flatMap(({ key, source, value }) => {
    const texts = textList(
      evaluated('extra claim', () => value(claims)),
      `extra claim expression: ${source}`,
    )
    return texts.length === 0 ? [] : [[key, texts] as const]
  })
  const credential =
    typeof id === 'string' && id !== '' ? [['authentication.kubernetes.io/credential-id', [`JTI=${id}`]] as const] : []
  return Object.fromEntries([...credential, ...mapped])
}

function requireClaims({ claimValidationRules }: JwtAuthenticatorConfig, claims: JsonObject): void {
  for (const { claim, requiredValue } of claimValidationRules) {
    if (claim === '') continue
    if (getOwn(claims, claim) === undefined) {
      throw new TokenError(`oidc: required claim ${claim} not present in ID token`)
    }
    const value = textClaim(claims, claim, `oidc: parse claim ${claim}`)
    if (value === requiredValue) continue
    throw new TokenError(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${requiredValue}`)
  }
}

function requireRules<Input>(rules: readonly CompiledRule<Input>[], input: Input, what: string): void {
  for (const { expression, message, holds } of rules) {
    let isFulfilled: boolean
    try {
      isFulfilled = holds(input)
    } catch (error) {
      throw new TokenError(`oidc: error evaluating ${what}: ${messageOf(error)}`)
    }
    if (isFulfilled) continue
    throw new TokenError(`oidc: error evaluating ${what}: validation expression '${expression}' failed: ${message}`)
  }
}

function evaluated(what: string, evaluate: () => Json): Json {
  try {
    return evaluate()
  } catch (error) {
    throw new TokenError(`oidc: error evaluating ${what} expression: ${messageOf(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A text or a list of texts; empty ones do not count. */
function textList(value: Json, what: string): readonly string[] {
  if (value === null) return []
  const values = isJsonList(value) ? value : [value]
  return values.flatMap((one) => {
    if (typeof one === 'string') return one === '' ? [] : [one]
    throw new TokenError(`oidc: error evaluating ${what}: expression must return a string or a list of strings`)
  })
}

function textClaim(claims: JsonObject, name: string, what: string): string {
  const value = getOwn(claims, name)
  if (value === undefined) throw new TokenError(`${what}: claim not present`)
  if (value === null) return ''
  if (typeof value === 'string') return value
  throw new TokenError(`${what}: ${wrongType(value, 'string')}`)
}

/** Go's words for a JSON value of another type. */
function wrongType(value: Json, wanted: string): string {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
  return `json: cannot unmarshal ${kind} into Go value of type ${wanted}`
}
