/**
 * A webhook that is asked whether a request is allowed. Its answers are kept for a while.
 * Source: "Webhook Mode"; `plugin/pkg/authorizer/webhook`.
 */
import { isJsonObject, type JsonObject } from '../../apimachinery/json.ts'
import type { Clock } from '../../component-base/clock.ts'
import { ExpiringCache } from '../authn/expiring-cache.ts'
import type { ReviewClient } from '../authn/review-client.ts'
import { accessQuestion } from './access-question.ts'
import type { Attributes, AuthorizationPlugin, Decision } from './authorizer.ts'

/** Whether the webhook is to be asked at all; throws when the conditions cannot tell. */
export type MatchConditions = (question: JsonObject) => boolean

export type WebhookAuthorizerOptions = {
  readonly review: ReviewClient
  /** Of `SubjectAccessReview`. */
  readonly version: string
  readonly authorizedTtlMs: number
  readonly unauthorizedTtlMs: number
  /** What a webhook that does not answer means. */
  readonly onError: 'noOpinion' | 'deny'
  readonly matches?: MatchConditions
  readonly clock: Clock
}

const maxCachedAnswers = 8192
/** Longer questions are not worth their memory. Source: `maxControlledAttrCacheSize`. */
const maxCachedQuestion = 10_000

/** Asks the webhook about everything that its conditions match. */
export function createWebhookPlugin(options: WebhookAuthorizerOptions): AuthorizationPlugin {
  const cache = new ExpiringCache<JsonObject>(options.clock, maxCachedAnswers)
  return {
    authorize: async (attributes) => await ask(options, cache, attributes),
    rulesFor: () => ({
      rules: [],
      incomplete: true,
      errors: ['webhook authorizer does not support user rule resolution'],
    }),
  }
}

async function ask(
  options: WebhookAuthorizerOptions,
  cache: ExpiringCache<JsonObject>,
  attributes: Attributes,
): Promise<Decision> {
  const { matches, onError } = options
  const question = accessQuestion(attributes)
  try {
    if (matches?.(question) === false) return { type: 'noOpinion', reason: '' }
    return decisionOf(await answerTo(options, cache, question, attributes))
  } catch (error) {
    return { type: onError, reason: '', error: error instanceof Error ? error.message : String(error) }
  }
}

async function answerTo(
  { review, version, authorizedTtlMs, unauthorizedTtlMs }: WebhookAuthorizerOptions,
  cache: ExpiringCache<JsonObject>,
  question: JsonObject,
  attributes: Attributes,
): Promise<JsonObject> {
  const key = JSON.stringify(question)
  const known = cache.get(key)
  if (known !== undefined) return known
  const body = {
    kind: 'SubjectAccessReview',
    apiVersion: `authorization.k8s.io/${version}`,
    metadata: { creationTimestamp: null },
    spec: version === 'v1' ? question : oldQuestion(question),
    status: { allowed: false },
  }
  // An answer serves everyone who asks the same: it must not end with the one who asked first.
  const { status } = await review(body, new AbortController().signal)
  const answer = isJsonObject(status) ? status : {}
  if (isWorthKeeping(attributes))
    cache.set(key, answer, answer['allowed'] === true ? authorizedTtlMs : unauthorizedTtlMs)
  return answer
}

/** `v1beta1` calls groups `group`. */
function oldQuestion({ groups, ...others }: JsonObject): JsonObject {
  return groups === undefined ? others : { ...others, group: groups }
}

function isWorthKeeping({ info }: Attributes): boolean {
  const { namespace, verb, group, version, resource, subresource, name, path } = info
  const parts = [namespace, verb, group, version, resource, subresource, name, path]
  return parts.reduce((length, part) => length + part.length, 0) < maxCachedQuestion
}

/** What the answered status means. */
export function decisionOf({ allowed, denied, reason }: JsonObject): Decision {
  const said = typeof reason === 'string' ? reason : ''
  if (allowed === true && denied === true) {
    const error = 'webhook subject access review returned both allow and deny response'
    return { type: 'deny', reason: said, error }
  }
  if (denied === true) return { type: 'deny', reason: said }
  return { type: allowed === true ? 'allow' : 'noOpinion', reason: said }
}
