/**
 * Service-account tokens: signed by one of our keys, for one of our audiences, and bound to objects that still exist.
 * Source: "Managing Service Accounts", bound tokens; claims as upstream writes them.
 */
import { decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose'
import type { ApiObject } from '../../api/resource.ts'
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { UserInfo } from '../http/request-info.ts'
import { type BuiltIn, kinds } from '../registry/typed-reader.ts'
import type { VerificationKey } from './service-account-keys.ts'
import type { TokenVerifier } from './token.ts'
import { serviceAccountGroups, serviceAccountUserName } from './user.ts'

/** Reads an object that a token is bound to, from the cache or, when it is not there, from the store. */
export type BoundObjectReader = (
  kind: BuiltIn<'core.v1.Pod' | 'core.v1.Secret' | 'core.v1.Node' | 'core.v1.ServiceAccount'>,
  namespace: string,
  name: string,
  signal: AbortSignal,
) => Promise<ApiObject | undefined>

export type ServiceAccountOptions = {
  /** The first one signs new tokens; all are accepted. */
  readonly issuers: readonly string[]
  readonly keys: readonly VerificationKey[]
  readonly apiAudiences: readonly string[]
  readonly readObject: BoundObjectReader
  readonly clock: Clock
}

const legacyIssuer = 'kubernetes/serviceaccount'
/** An object that is being deleted stays good for this long, so that its pods can shut down in order. */
const deletionLeewayMs = 60_000
/** Signatures are checked once per token; what a token is bound to is looked at every time. */
const maxCachedTokens = 10_000

/** Verifies a token; `undefined` when it is no service-account token of ours or no longer good. */
export function createServiceAccountVerifier(options: ServiceAccountOptions): TokenVerifier {
  const verified = new Map<string, JWTPayload>()
  return async (token, audiences, signal) => {
    const known = verified.get(token)
    if (known === undefined && !isOurs(token, options.issuers)) return undefined
    const claims = known ?? (await verifySignature(token, options))
    if (claims === undefined) return undefined
    remember(verified, token, claims)
    if (!isInTime(claims, options.clock.now())) return undefined
    const wanted = audiences.length === 0 ? options.apiAudiences : audiences
    const user = await userOf(claims, token, options, signal)
    if (user === undefined) return undefined
    // Legacy tokens name no audience: they are good for the API server.
    const audienceOfToken = claims.iss === legacyIssuer ? options.apiAudiences : asList(claims.aud)
    const shared = wanted.filter((audience) => audienceOfToken.includes(audience))
    return shared.length === 0 ? undefined : { user, audiences: shared }
  }
}

function isOurs(token: string, issuers: readonly string[]): boolean {
  if (token.split('.').length !== 3) return false
  try {
    const { iss } = decodeJwt(token)
    return iss !== undefined && (issuers.includes(iss) || iss === legacyIssuer)
  } catch {
    return false
  }
}

async function verifySignature(
  token: string,
  { keys, clock }: Pick<ServiceAccountOptions, 'keys' | 'clock'>,
): Promise<JWTPayload | undefined> {
  const { kid } = headerOf(token)
  const candidates = kid === undefined ? keys : keys.filter(({ id }) => id === kid)
  for (const { key, algorithm } of candidates) {
    try {
      const options = { algorithms: [algorithm], currentDate: new Date(clock.now()), clockTolerance: 60 }
      return (await jwtVerify(token, key, options)).payload
    } catch {
      // Another key may fit; none fitting is the answer.
    }
  }
  return undefined
}

/** What cannot be read names no key; then no signature will fit either. */
function headerOf(token: string): { readonly kid?: string } {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return {}
  }
}

function remember(verified: Map<string, JWTPayload>, token: string, claims: JWTPayload): void {
  verified.delete(token)
  verified.set(token, claims)
  const oldest = verified.size > maxCachedTokens ? verified.keys().next().value : undefined
  if (oldest !== undefined) verified.delete(oldest)
}

function isInTime({ exp, nbf }: JWTPayload, nowMs: number): boolean {
  const now = nowMs / 1000
  return (exp === undefined || now <= exp) && (nbf === undefined || now >= nbf - 60)
}

async function userOf(
  claims: JWTPayload,
  token: string,
  options: ServiceAccountOptions,
  signal: AbortSignal,
): Promise<UserInfo | undefined> {
  return claims.iss === legacyIssuer
    ? await legacyUser(claims, token, options, signal)
    : await boundUser(claims, options, signal)
}

type Reference = { readonly name: string; readonly uid: string }

async function boundUser(
  claims: JWTPayload,
  { readObject, clock }: ServiceAccountOptions,
  signal: AbortSignal,
): Promise<UserInfo | undefined> {
  const bound = claims['kubernetes.io']
  if (!isJsonObject(bound) || typeof bound['namespace'] !== 'string') return undefined
  const namespace = bound['namespace']
  const account = referenceOf(bound['serviceaccount'])
  if (account === undefined || claims.sub !== serviceAccountUserName(namespace, account.name)) return undefined
  const alive = async (kind: Parameters<BoundObjectReader>[0], reference: Reference | undefined): Promise<boolean> => {
    if (reference === undefined) return true
    const object = await readObject(kind, kind.facts.namespaced ? namespace : '', reference.name, signal)
    return object !== undefined && object.metadata.uid === reference.uid && !isLongDeleted(object, clock.now())
  }
  const [pod, secret, node] = [bound['pod'], bound['secret'], bound['node']].map(referenceOf)
  const checks = [
    [kinds.serviceAccounts, account],
    [kinds.pods, pod],
    [kinds.secrets, secret],
    // With a pod, the node is only where the pod ran; the pod's own check says whether it still does.
    [kinds.nodes, pod === undefined ? node : undefined],
  ] as const
  for (const [kind, reference] of checks) if (!(await alive(kind, reference))) return undefined
  return {
    name: claims.sub,
    uid: account.uid,
    groups: serviceAccountGroups(namespace),
    extra: extraOf(claims, pod, node),
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

const legacyPrefix = 'kubernetes.io/serviceaccount/'

/** Tokens in Secrets of type `kubernetes.io/service-account-token`: good as long as the secret holds them. */
async function legacyUser(
  claims: JWTPayload,
  token: string,
  { readObject, clock }: ServiceAccountOptions,
  signal: AbortSignal,
): Promise<UserInfo | undefined> {
  const claim = (name: string): string => String(claims[`${legacyPrefix}${name}`] ?? '')
  const namespace = claim('namespace')
  const [accountName, uid] = [claim('service-account.name'), claim('service-account.uid')]
  const secret = await readObject(kinds.secrets, namespace, claim('secret.name'), signal)
  const account = await readObject(kinds.serviceAccounts, namespace, accountName, signal)
  if (secret === undefined || account === undefined || account.metadata.uid !== uid) return undefined
  if (isLongDeleted(account, clock.now()) || storedToken(secret) !== token) return undefined
  return { name: serviceAccountUserName(namespace, accountName), uid, groups: serviceAccountGroups(namespace) }
}

function storedToken(secret: ApiObject): string {
  const data = (secret as unknown as { readonly data?: JsonObject }).data ?? {}
  return Buffer.from(String(data['token'] ?? ''), 'base64').toString()
}

function asList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}
