/** What a caller may do, asked of the API server; answers are kept for a while. Source: the defaults of `DelegatingAuthorizationOptions`. */
import type { Clock } from '../../component-base/clock.ts'
import type { Client } from '../rest/client.ts'
import { subjectAccessReviews } from '../rest/resource-refs.ts'
import type { User } from './authentication.ts'

/** A path, or a resource: one of the two. */
export type AccessQuestion =
  | { readonly nonResourceAttributes: { readonly verb: string; readonly path: string } }
  | {
      readonly resourceAttributes: {
        readonly verb: string
        readonly version: string
        readonly resource: string
        readonly subresource: string
        readonly name: string
      }
    }
export type ReviewAccess = (user: User, question: AccessQuestion, signal: AbortSignal) => Promise<boolean>

/** How long a yes and a no are good for. */
export type AccessTtls = { readonly allowedMs: number; readonly deniedMs: number }

const maxCached = 4096

/** Asks by SubjectAccessReview. */
export function createAccessReviewer(client: Client, clock: Clock, ttls: AccessTtls): ReviewAccess {
  const cache = new Map<string, { readonly allowed: boolean; readonly untilMs: number }>()
  return async (user, question, signal) => {
    const key = JSON.stringify([user, question])
    const cached = cache.get(key)
    if (cached !== undefined && clock.now() < cached.untilMs) return cached.allowed
    const { username, groups, uid, extra } = user
    const spec = {
      user: username,
      groups,
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
      ...question,
    }
    const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec } as const
    const review = await client.create(subjectAccessReviews, body, signal)
    const allowed = review.status?.allowed === true
    if (cache.size >= maxCached) cache.clear()
    cache.set(key, { allowed, untilMs: clock.now() + (allowed ? ttls.allowedMs : ttls.deniedMs) })
    return allowed
  }
}
