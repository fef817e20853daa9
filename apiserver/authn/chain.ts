/** All ways to say who one is, in upstream's order: front proxy, certificate, token, anonymous. */
import { StatusError } from '../../apimachinery/status.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { Authenticator } from './authenticator.ts'
import { bearerToken, type TokenVerifier } from './token.ts'
import { anonymousUser, unauthorized, withAuthenticatedGroup } from './user.ts'

export type AuthenticationOptions = {
  readonly requestHeader?: Authenticator
  readonly clientCert?: Authenticator
  readonly verifyToken: TokenVerifier
  readonly anonymous: boolean
}

/** Never answers `undefined`: without usable credentials the request is anonymous or refused. */
export function createAuthenticator(
  options: AuthenticationOptions,
): (...args: Parameters<Authenticator>) => Promise<UserInfo> {
  const methods = [options.requestHeader, options.clientCert, tokenAuthenticator(options.verifyToken)]
  return async (request, signal) => {
    let refusal: StatusError | undefined
    for (const method of methods) {
      try {
        const user = await method?.(request, signal)
        if (user !== undefined) return withAuthenticatedGroup(user)
      } catch (error) {
        // A later method may still know the user; bad credentials must not become anonymous.
        if (!(error instanceof StatusError)) throw error
        refusal = error
      }
    }
    if (refusal !== undefined) throw refusal
    if (!options.anonymous) throw unauthorized()
    return anonymousUser
  }
}

function tokenAuthenticator(verify: TokenVerifier): Authenticator {
  return async ({ headers }, signal) => {
    const token = bearerToken(headers)
    if (token === undefined) return undefined
    const found = await verify(token, [], signal)
    if (found === undefined) throw unauthorized()
    return found.user
  }
}
