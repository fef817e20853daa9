/**
 * Bearer tokens that a webhook knows: `--authentication-token-webhook-config-file`.
 * Source: "Webhook Token Authentication"; `plugin/pkg/authenticator/token/webhook`.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { UserInfo } from '../http/request-info.ts'
import { ExpiringCache } from './expiring-cache.ts'
import type { ReviewClient } from './review-client.ts'
import { TokenError, type TokenUser, type TokenVerifier } from './token.ts'

export type WebhookTokenOptions = {
  readonly review: ReviewClient
  /** Of `TokenReview`: `--authentication-token-webhook-version`. */
  readonly version: string
  /** What a webhook that names no audiences vouches for. */
  readonly apiAudiences: readonly string[]
  /** `--authentication-token-webhook-cache-ttl`. */
  readonly cacheTtlMs: number
  readonly clock: Clock
}

/** The versions of `TokenReview` that the webhook may be asked in. */
export const tokenReviewVersions = ['v1', 'v1beta1']
const maxCachedTokens = 10_000

/** Asks the webhook; its answers are kept for the TTL. */
export function createWebhookTokenVerifier(options: WebhookTokenOptions): TokenVerifier {
  const { clock, cacheTtlMs } = options
  const cache = new ExpiringCache<Verdict>(clock, maxCachedTokens)
  const underWay = new Map<string, Promise<Verdict>>()
  // Tokens are secrets: the cache knows only keyed hashes of them.
  const cacheKey = randomBytes(32)
  // An answer serves everyone who shows the same token: it must not end with the one who came first.
  const detached = new AbortController().signal
  return async (token, audiences) => {
    const wanted = audiences.length === 0 ? options.apiAudiences : audiences
    const key = createHmac('sha256', cacheKey)
      .update(JSON.stringify([token, wanted]))
      .digest('base64')
    const known = cache.get(key)
    if (known !== undefined) return settle(known)
    const asking = underWay.get(key) ?? reviewToken(options, token, wanted, detached)
    underWay.set(key, asking)
    try {
      const verdict = await asking
      cache.set(key, verdict, cacheTtlMs)
      return settle(verdict)
    } finally {
      underWay.delete(key)
    }
  }
}

type Verdict =
  | { readonly type: 'known'; readonly user: TokenUser }
  | { readonly type: 'unknown' }
  | { readonly type: 'refused'; readonly reason: string }

function settle(verdict: Verdict): TokenUser | undefined {
  if (verdict.type === 'refused') throw new TokenError(verdict.reason)
  return verdict.type === 'known' ? verdict.user : undefined
}

async function reviewToken(
  { review, version, apiAudiences }: WebhookTokenOptions,
  token: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<Verdict> {
  const body = {
    kind: 'TokenReview',
    apiVersion: `authentication.k8s.io/${version}`,
    metadata: { creationTimestamp: null },
    spec: { token, ...(wanted.length === 0 ? {} : { audiences: [...wanted] }) },
    status: { user: {} },
  }
  try {
    return verdictOf(await review(body, signal), wanted, apiAudiences)
  } catch (error) {
    signal.throwIfAborted()
    throw new TokenError(error instanceof Error ? error.message : String(error))
  }
}

/** What the answer says. */
export function verdictOf(answer: JsonObject, wanted: readonly string[], implicit: readonly string[]): Verdict {
  const status = objectOf(answer['status'])
  const named = textsOf(status['audiences'])
  const audiences = wanted.filter((audience) => (named.length > 0 ? named : implicit).includes(audience))
  if (wanted.length > 0 && audiences.length === 0) return { type: 'unknown' }
  if (status['authenticated'] === true) return { type: 'known', user: { user: userOf(status['user']), audiences } }
  const { error } = status
  return typeof error === 'string' && error !== '' ? { type: 'refused', reason: error } : { type: 'unknown' }
}

function userOf(value: Json | undefined): UserInfo {
  const { username, uid, groups, extra } = objectOf(value)
  const values = Object.entries(objectOf(extra)).map(([key, list]) => [key, textsOf(list)] as const)
  return {
    name: typeof username === 'string' ? username : '',
    ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
    groups: textsOf(groups),
    ...(values.length === 0 ? {} : { extra: Object.fromEntries(values) }),
  }
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}

function textsOf(value: Json | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
