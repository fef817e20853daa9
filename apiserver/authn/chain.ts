/** All ways to say who one is, in upstream's order: front proxy, certificate, token, anonymous. */
import { StatusError } from '../../apimachinery/status.ts'
import type { IncomingRequest, Lifetime } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'
import { type AnonymousOptions, anonymousFor } from './anonymous.ts'
import type { Authenticator } from './authenticator.ts'
import { bearerToken, hasSpaceBeforeToken, spaceBeforeTokenWarning, TokenError, type TokenVerifier } from './token.ts'
import { unauthorized, withAuthenticatedGroup } from './user.ts'

export type AuthenticationOptions = {
  readonly requestHeader?: Authenticator
  readonly clientCert?: Authenticator
  readonly verifyToken: TokenVerifier
  readonly anonymous: AnonymousOptions
}

/** Never answers `undefined`: without usable credentials the request is anonymous or refused. */
export function createAuthenticator(
  options: AuthenticationOptions,
): (request: IncomingRequest, lifetime: Lifetime) => Promise<UserInfo> {
  const methods = [options.requestHeader, options.clientCert, tokenAuthenticator(options.verifyToken)]
  return async (request, lifetime) => {
    let refusal: StatusError | undefined
    for (const method of methods) {
      try {
        const found = method?.(request, lifetime)
        const user = found instanceof Promise ? await found : found
        if (user !== undefined) return withAuthenticatedGroup(user)
      } catch (error) {
        // A later method may still know the user; bad credentials must not become anonymous.
        if (!(error instanceof StatusError)) throw error
        refusal = error
      }
    }
    const anonymous = anonymousFor(options.anonymous, pathOf(request))
    if (refusal !== undefined || anonymous === undefined) throw refusal ?? unauthorized()
    return anonymous
  }
}

function pathOf({ url }: IncomingRequest): string {
  const queryAt = url.indexOf('?')
  return queryAt === -1 ? url : url.slice(0, queryAt)
}

function tokenAuthenticator(verify: TokenVerifier): Authenticator {
  return async ({ headers, warn }, lifetime) => {
    try {
      const token = bearerToken(headers)
      if (token === undefined) {
        if (hasSpaceBeforeToken(headers)) warn?.(spaceBeforeTokenWarning)
        return undefined
      }
      const found = await verify(token, [], lifetime)
      if (found === undefined) throw unauthorized()
      for (const text of found.warnings ?? []) warn?.(text)
      return found.user
    } catch (error) {
      throw error instanceof TokenError ? unauthorized() : error
    }
  }
}
