/**
 * JSON web tokens of other issuers (OpenID Connect). Each issuer is discovered in the background, because it may run in this
 * very cluster. Source: `plugin/pkg/authenticator/token/oidc`.
 */
import { decodeJwt } from 'jose'
import type { Clock } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logger.ts'
import { timeLimit } from '../../cel/time-limit.ts'
import { goodFor, TokenError, type TokenVerifier } from '../token.ts'
import { userOfClaims } from './claims.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { expandGroups } from './distributed-claims.ts'
import { compileJwtExpressions } from './expressions.ts'
import { discoverKeys, type IssuerKeys } from './provider.ts'
import { verifyToken } from './verify-token.ts'

/** Every signature that is not symmetric. */
export const signingAlgorithms = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512']

export type JwtOptions = {
  readonly algorithms: readonly string[]
  readonly apiAudiences: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

/** One issuer: verifies its tokens once `run` has found its keys. */
export type JwtAuthenticator = {
  readonly verify: TokenVerifier
  /** Discovers the issuer; resolves when its keys are known. */
  readonly run: (signal: AbortSignal) => Promise<void>
  /** Why the issuer cannot be used yet. */
  readonly problem: () => string | undefined
}

const retryMs = 10_000

/** The authenticator of one issuer. */
export function createJwtAuthenticator(config: JwtAuthenticatorConfig, options: JwtOptions): JwtAuthenticator {
  const { clock, logger } = options
  const { issuer } = config
  const { expressions } = compileJwtExpressions(config, '', timeLimit(clock))
  let keys: IssuerKeys | undefined
  let problem: string | undefined = `oidc: authenticator for issuer ${JSON.stringify(issuer.url)} is not initialized`
  return {
    problem: () => problem,
    run: async (signal) => {
      while (keys === undefined) {
        try {
          keys = await discoverKeys(issuer, signal)
          problem = undefined
        } catch (error) {
          signal.throwIfAborted()
          problem = error instanceof Error ? error.message : String(error)
          logger.error('Could not discover an issuer of tokens', { issuer: issuer.url, error })
          await clock.sleep(retryMs, signal)
        }
      }
    },
    verify: async (token, audiences, lifetime) => {
      if (issuerOf(token) !== issuer.url) return undefined
      if (keys === undefined) throw new TokenError('oidc: authenticator not initialized')
      const verified = await verifyToken(token, config, keys, options)
      const claims = await expandGroups(verified, config, keys, options, lifetime.signal)
      const user = userOfClaims(config, expressions, claims)
      return goodFor(user, audiences, options.apiAudiences)
    },
  }
}

/** What a token says about its issuer, before anything is verified. */
function issuerOf(token: string): string | undefined {
  try {
    return token.split('.').length === 3 ? decodeJwt(token).iss : undefined
  } catch {
    return undefined
  }
}
