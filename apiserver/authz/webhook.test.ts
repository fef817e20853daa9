import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../apimachinery/json.ts'
import { parseRequestInfo } from '../http/request-info.ts'
import { createAuthorizer } from './chain.ts'
import { authorizationCauses, parseAuthorizationConfiguration } from './configuration.ts'
import { createWebhookPlugin, decisionOf, type WebhookAuthorizerOptions } from './webhook.ts'

const question = (url: string) => ({ user: { name: 'jane', groups: ['g'] }, info: parseRequestInfo('GET', url) })
const pods = question('/api/v1/pods')

/** A plugin whose webhook answers with `status`, the reviews that it got, and its clock. */
function plugin(status: JsonObject | Error, options: Partial<WebhookAuthorizerOptions> = {}) {
  const reviews: JsonObject[] = []
  const time = { nowMs: 0 }
  const webhook = createWebhookPlugin({
    review: async (review) => {
      reviews.push(review)
      if (status instanceof Error) throw status
      return { ...review, status }
    },
    version: 'v1',
    authorizedTtlMs: 1_000,
    unauthorizedTtlMs: 0,
    onError: 'noOpinion',
    clock: { now: () => time.nowMs, sleep: async () => {} },
    ...options,
  })
  return { webhook, reviews, time }
}

describe('createWebhookPlugin()', () => {
  it('keeps a yes for its time and a no for its own', async () => {
    const yes = plugin({ allowed: true })
    for (const nowMs of [0, 999, 1_001]) {
      yes.time.nowMs = nowMs
      await yes.webhook.authorize(pods)
    }
    expect(yes.reviews).toHaveLength(2)
    const no = plugin({ allowed: false })
    await no.webhook.authorize(pods)
    await no.webhook.authorize(pods)
    expect(no.reviews).toHaveLength(2)
  })

  it('calls groups by the name of the version', async () => {
    const old = plugin({ allowed: true }, { version: 'v1beta1' })
    await old.webhook.authorize(pods)
    expect(old.reviews[0]).toMatchObject({
      apiVersion: 'authorization.k8s.io/v1beta1',
      spec: { user: 'jane', group: ['g'] },
    })
  })

  it('says what kept it from asking, and leaves or denies as it is told', async () => {
    const away = new Error('connection refused')
    expect(await plugin(away).webhook.authorize(pods)).toEqual({ type: 'noOpinion', reason: '', error: away.message })
    expect(await plugin(away, { onError: 'deny' }).webhook.authorize(pods)).toMatchObject({ type: 'deny' })
  })

  it('asks nothing where its conditions do not match', async () => {
    const { webhook, reviews } = plugin({ allowed: true }, { matches: ({ user }) => user === 'kim' })
    expect(await webhook.authorize(pods)).toEqual({ type: 'noOpinion', reason: '' })
    expect(reviews).toEqual([])
  })

  it('goes on to the next authorizer, with all reasons at the end', async () => {
    const chain = createAuthorizer([
      plugin({ allowed: false, reason: 'first' }).webhook,
      plugin({ allowed: false, reason: 'second' }).webhook,
    ])
    expect(await chain.authorize(pods)).toEqual({ type: 'noOpinion', reason: 'first\nsecond' })
    expect(chain.rulesFor(pods.user, 'ns')).toMatchObject({ incomplete: true })
  })
})

describe('decisionOf()', () => {
  it.each([
    [
      { allowed: true, reason: 'r' },
      { type: 'allow', reason: 'r' },
    ],
    [{ allowed: false }, { type: 'noOpinion', reason: '' }],
    [{ denied: true }, { type: 'deny', reason: '' }],
    [
      { allowed: true, denied: true },
      { type: 'deny', reason: '', error: 'webhook subject access review returned both allow and deny response' },
    ],
  ])('%o', (status, decision) => {
    expect(decisionOf(status)).toEqual(decision)
  })
})

describe('authorizationCauses()', () => {
  const causes = (...authorizers: readonly object[]): readonly string[] => {
    const file = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers }
    return authorizationCauses(parseAuthorizationConfiguration(file)).map(
      ({ field, message }) => `${field}: ${message}`,
    )
  }
  const webhook = {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/x' },
  }

  it.each<[readonly object[], readonly string[]]>([
    [
      [
        { type: 'RBAC', name: 'r' },
        { type: 'Webhook', name: 'w', webhook },
      ],
      [],
    ],
    [[], ['authorizers: Required value: at least one authorization mode must be defined']],
    [
      [{ type: 'Foo', name: 'f' }],
      [
        'authorizers[0].type: Unsupported value: "Foo": supported values: "ABAC", "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"',
      ],
    ],
    [
      [
        { type: 'RBAC', name: 'r' },
        { type: 'RBAC', name: 's' },
      ],
      ['authorizers[1].type: Duplicate value: "RBAC"'],
    ],
    [[{ type: 'Webhook', name: 'w' }], ['authorizers[0].webhook: Required value: required when type=Webhook']],
    [
      [{ type: 'Webhook', name: 'w', webhook: { ...webhook, timeout: '31s', failurePolicy: 'Maybe' } }],
      [
        'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s',
        'authorizers[0].failurePolicy: Unsupported value: "Maybe": supported values: "NoOpinion", "Deny"',
      ],
    ],
    [
      [{ type: 'Webhook', name: 'w', webhook: { ...webhook, matchConditions: [{ expression: 'true' }] } }],
      [
        'authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified',
      ],
    ],
  ])('%o', (authorizers, expected) => {
    expect(causes(...authorizers)).toEqual(expected)
  })

  it('refuses fields that nobody knows', () => {
    expect(() => causes({ type: 'RBAC', name: 'r', order: 1 })).toThrow('unknown field "authorizers[0].order"')
  })
})
