/** "Who is this?": `tokenreviews` for the holder of a token, `selfsubjectreviews` for the caller. */
import type { TokenReview } from '../../api/authentication/v1.ts'
import { badRequest } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import { TokenError, type TokenVerifier } from '../authn/token.ts'
import { withAuthenticatedGroup } from '../authn/user.ts'
import type { Lifetime } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'
import { asJson } from './answers.ts'
import { admittedBody } from './own-kind.ts'
import type { SubresourceHandler } from './subresource.ts'

/** Both reviews of `authentication.k8s.io`. */
export function identityReviewHandlers(verifyToken: TokenVerifier): readonly SubresourceHandler[] {
  return [
    {
      group: 'authentication.k8s.io',
      plural: 'tokenreviews',
      subresource: '',
      verbs: ['create'],
      handle: async (request, _, context) => {
        const { body: review, validate } = await admittedBody(request, context, 'authentication.v1.TokenReview')
        if ((review.spec.token ?? '') === '') throw badRequest('token is required for TokenReview in authentication')
        await validate()
        const status = await reviewToken(review, verifyToken, request)
        return { code: 201, object: asJson({ ...review, status }) }
      },
    },
    {
      group: 'authentication.k8s.io',
      plural: 'selfsubjectreviews',
      subresource: '',
      verbs: ['create'],
      handle: async (request, _, context) => {
        const { clock } = context
        const { validate } = await admittedBody(request, context, 'authentication.v1.SelfSubjectReview')
        await validate()
        const metadata = { creationTimestamp: formatTime(clock.now()) }
        const status = { userInfo: userInfo(request.user) }
        const object = { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1', metadata, status }
        return { code: 201, object: asJson(object) }
      },
    },
  ]
}

async function reviewToken({ spec }: TokenReview, verify: TokenVerifier, lifetime: Lifetime): Promise<object> {
  const found = await verify(spec.token, spec.audiences ?? [], lifetime).catch(reasonOf)
  if (found === undefined || typeof found === 'string') return { user: {}, error: found ?? 'invalid bearer token' }
  const audiences = found.audiences.length === 0 ? {} : { audiences: found.audiences }
  return { authenticated: true, user: userInfo(withAuthenticatedGroup(found.user)), ...audiences }
}

function reasonOf(error: unknown): string {
  if (error instanceof TokenError) return error.message
  throw error
}

function userInfo({ name, uid, groups, extra }: UserInfo): object {
  return {
    username: name,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    groups,
    ...(extra === undefined ? {} : { extra }),
  }
}
