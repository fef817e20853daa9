/**
 * Service-account tokens: signed by one of our keys, for one of our audiences, and bound to objects that still exist.
 * Source: "Managing Service Accounts", bound tokens; claims as upstream writes them.
 */
import { compactVerify, decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import type { ApiObject } from '../../api/resource.ts'
import { isJsonObject } from '../../apimachinery/json.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Lifetime } from '../http/api-request.ts'
import { type BuiltIn, kinds } from '../registry/typed-reader.ts'
import { joinErrors } from './join-errors.ts'
import { isLegacyIssuer, legacyUser, type SecretLabeller } from './legacy-token.ts'
import type { VerificationKey } from './service-account-keys.ts'
import { TokenError, type TokenUser, type TokenVerifier } from './token.ts'
import { serviceAccountGroups, serviceAccountUserName } from './user.ts'

/** Reads an object that a token is bound to, from the cache or, when it is not there, from the store. */
export type BoundObjectReader = (
  kind: BuiltIn<'core.v1.Pod' | 'core.v1.Secret' | 'core.v1.Node' | 'core.v1.ServiceAccount'>,
  namespace: string,
  name: string,
  lifetime: Lifetime,
) => Promise<ApiObject | undefined>

export type ServiceAccountOptions = {
  /** The first one signs new tokens; all are accepted. */
  readonly issuers: readonly string[]
  readonly keys: readonly VerificationKey[]
  readonly apiAudiences: readonly string[]
  readonly readObject: BoundObjectReader
  /** Notes on the Secret of a legacy token that it was used today. */
  readonly labelSecret?: SecretLabeller
  readonly clock: Clock
}

/** An object that is being deleted stays good for this long, so that its pods can shut down in order. */
const deletionLeewayMs = 60_000
/** Signatures are checked once per token; what a token is bound to is looked at every time. */
const maxCachedTokens = 10_000

/** Verifies a token; `undefined` when it is no service-account token of ours. */
export function createServiceAccountVerifier(options: ServiceAccountOptions): TokenVerifier {
  const verified = new Map<string, JWTPayload>()
  return async (token, audiences, lifetime) => {
    const known = verified.get(token)
    if (known === undefined && !isOurs(token, options.issuers)) return undefined
    const claims = known ?? (await verifySignature(token, options))
    remember(verified, token, claims)
    const wanted = audiences.length === 0 ? options.apiAudiences : audiences
    const shared = audiencesOf(claims, wanted, options.apiAudiences)
    const input = { claims, token, lifetime }
    return {
      ...(await (isLegacyIssuer(claims.iss) ? legacyUser(input, options) : boundUser(input, options))),
      audiences: shared,
    }
  }
}

function isOurs(token: string, issuers: readonly string[]): boolean {
  if (token.split('.').length !== 3) return false
  try {
    const { iss } = decodeJwt(token)
    return iss !== undefined && (issuers.includes(iss) || isLegacyIssuer(iss)) && decodeProtectedHeader(token) !== null
  } catch {
    return false
  }
}

/** Any date is good here: whether the token still is, is asked at every request. */
async function verifySignature(token: string, { keys }: Pick<ServiceAccountOptions, 'keys'>): Promise<JWTPayload> {
  const { kid } = decodeProtectedHeader(token)
  const candidates = kid === undefined ? keys : keys.filter(({ id }) => id === kid)
  if (candidates.length === 0) throw new TokenError('invalid signature, no keys found')
  for (const { key, algorithm } of candidates) {
    try {
      await compactVerify(token, key, { algorithms: [algorithm] })
      return decodeJwt(token)
    } catch {
      // Another key may fit; none fitting is the answer.
    }
  }
  throw new TokenError(joinErrors(candidates.map(() => 'go-jose/go-jose: error in cryptographic primitive')))
}

function remember(verified: Map<string, JWTPayload>, token: string, claims: JWTPayload): void {
  verified.delete(token)
  verified.set(token, claims)
  const oldest = verified.size > maxCachedTokens ? verified.keys().next().value : undefined
  if (oldest !== undefined) verified.delete(oldest)
}

/** Legacy tokens name no audience: they are good for the API server. */
function audiencesOf({ aud }: JWTPayload, wanted: readonly string[], implicit: readonly string[]): readonly string[] {
  const named = asList(aud)
  const own = named.length === 0 ? implicit : named
  const shared = wanted.filter((audience) => own.includes(audience))
  if (shared.length > 0 || implicit.length === 0) return shared
  throw new TokenError(`token audiences ${quotedList(own)} is invalid for the target audiences ${quotedList(wanted)}`)
}

function quotedList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`
}

/** go-jose's leeway: clocks of machines differ. */
const clockLeewaySeconds = 60

function requireInTime({ exp, nbf, iat }: JWTPayload, nowMs: number): void {
  const now = nowMs / 1000
  if (nbf !== undefined && now + clockLeewaySeconds < nbf)
    throw new TokenError('service account token is not valid yet')
  if (exp !== undefined && now - clockLeewaySeconds > exp) throw new TokenError('service account token has expired')
  if (iat !== undefined && now + clockLeewaySeconds < iat) {
    throw new TokenError('service account token is issued in the future')
  }
}

/** A token under test. */
export type TokenInput = { readonly claims: JWTPayload; readonly token: string; readonly lifetime: Lifetime }
type Reference = { readonly name: string; readonly uid: string }

async function boundUser(
  { claims, lifetime }: TokenInput,
  options: ServiceAccountOptions,
): Promise<Omit<TokenUser, 'audiences'>> {
  requireInTime(claims, options.clock.now())
  const bound = claims['kubernetes.io']
  const namespace = isJsonObject(bound) ? bound['namespace'] : undefined
  const account = isJsonObject(bound) ? referenceOf(bound['serviceaccount']) : undefined
  if (!isJsonObject(bound) || typeof namespace !== 'string' || account === undefined) {
    throw new TokenError('service account token claims could not be validated due to unexpected validation error')
  }
  const [pod, secret, node] = [bound['pod'], bound['secret'], bound['node']].map(referenceOf)
  const check = { options, namespace, account, lifetime }
  await requireAccount(check)
  if (secret !== undefined) await requireBound(check, kinds.secrets, secret)
  if (pod !== undefined) await requireBound(check, kinds.pods, pod)
  // With a pod, the node is only where the pod ran; the pod's own check says whether it still does.
  else if (node !== undefined) await requireBound(check, kinds.nodes, node)
  return {
    user: {
      name: serviceAccountUserName(namespace, account.name),
      uid: account.uid,
      groups: serviceAccountGroups(namespace),
      extra: extraOf(claims, pod, node),
    },
  }
}

type Check = {
  readonly options: ServiceAccountOptions
  readonly namespace: string
  readonly account: Reference
  readonly lifetime: Lifetime
}

async function requireAccount({ options, namespace, account, lifetime }: Check): Promise<void> {
  const found = await options.readObject(kinds.serviceAccounts, namespace, account.name, lifetime)
  if (found === undefined) throw new TokenError(`serviceaccounts ${JSON.stringify(account.name)} not found`)
  if (found.metadata.uid !== account.uid) {
    throw new TokenError(`service account UID (${found.metadata.uid}) does not match claim (${account.uid})`)
  }
  if (isLongDeleted(found, options.clock.now())) {
    throw new TokenError(`service account ${namespace}/${account.name} has been deleted`)
  }
}

type BoundKind = typeof kinds.pods | typeof kinds.secrets | typeof kinds.nodes

async function requireBound(
  { options, namespace, lifetime }: Check,
  kind: BoundKind,
  { name, uid }: Reference,
): Promise<void> {
  const { namespaced, kind: kindName } = kind.facts
  const found = await options.readObject(kind, namespaced ? namespace : '', name, lifetime)
  if (found !== undefined && found.metadata.uid !== uid) {
    const word = kindName.toLowerCase()
    throw new TokenError(
      `${word} UID (${found.metadata.uid}) does not match service account ${word} ref claim (${uid})`,
    )
  }
  if (found === undefined || isLongDeleted(found, options.clock.now())) {
    throw new TokenError('service account token has been invalidated')
  }
}

function extraOf(
  { jti }: JWTPayload,
  pod: Reference | undefined,
  node: Reference | undefined,
): Readonly<Record<string, readonly string[]>> {
  return {
    ...(jti === undefined ? {} : { 'authentication.kubernetes.io/credential-id': [`JTI=${jti}`] }),
    ...(node === undefined
      ? {}
      : {
          'authentication.kubernetes.io/node-name': [node.name],
          'authentication.kubernetes.io/node-uid': [node.uid],
        }),
    ...(pod === undefined
      ? {}
      : { 'authentication.kubernetes.io/pod-name': [pod.name], 'authentication.kubernetes.io/pod-uid': [pod.uid] }),
  }
}

function referenceOf(value: unknown): Reference | undefined {
  if (!isJsonObject(value)) return undefined
  const { name, uid } = value
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined
}

function isLongDeleted(object: ApiObject, nowMs: number): boolean {
  const { deletionTimestamp } = object.metadata
  return deletionTimestamp !== undefined && parseTime(deletionTimestamp) + deletionLeewayMs < nowMs
}

function asList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}
