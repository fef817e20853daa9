/** All issuers of one configuration, exchanged as a whole when the file changes. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { equalJson, type Json } from '../../../apimachinery/json.ts'
import type { StatusCause } from '../../../apimachinery/status.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { withDeadline } from '../../../component-base/deadline.ts'
import { linkSignals } from '../../../component-base/linked-signal.ts'
import type { Logger } from '../../../component-base/logger.ts'
import type { AnonymousOptions } from '../anonymous.ts'
import { ConfigFileError } from '../config-object.ts'
import { followFile } from '../follow-file.ts'
import { joinErrors } from '../join-errors.ts'
import { anyVerifier, type TokenVerifier } from '../token.ts'
import { createJwtAuthenticator, type JwtAuthenticator, signingAlgorithms } from './authenticator.ts'
import {
  type AuthenticationConfig,
  type JwtAuthenticatorConfig,
  parseAuthenticationConfiguration,
} from './configuration.ts'
import { compileJwtExpressions } from './expressions.ts'
import { authenticationCauses } from './validation.ts'

export type JwtAuthenticationOptions = {
  /** `--authentication-config`; `''`: `fromFlags` counts. */
  readonly configFile: string
  readonly fromFlags: JwtAuthenticatorConfig | undefined
  /** `--oidc-signing-algs`; a file allows all. */
  readonly flagAlgorithms: readonly string[]
  /** Our own issuers: no other may sign in their name. */
  readonly serviceAccountIssuers: readonly string[]
  readonly apiAudiences: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
}

/** The verifier of tokens, the task behind it, and what the file says about anonymous requests. */
export type JwtAuthentication = {
  readonly verify: TokenVerifier
  readonly anonymous: AnonymousOptions | undefined
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** New issuers must answer within this time, or the old configuration stays. Source: `updateAuthenticationConfigTimeout`. */
const exchangeLimitMs = 60_000
const pollMs = 100

type Generation = {
  readonly authenticators: readonly JwtAuthenticator[]
  readonly verify: TokenVerifier
  readonly stop: AbortController
}

/** Reads the file; throws when it cannot be used. A file that goes bad later changes nothing. */
export async function createJwtAuthentication(options: JwtAuthenticationOptions): Promise<JwtAuthentication> {
  const { configFile, fromFlags, logger } = options
  const text = configFile === '' ? '' : await readFile(configFile, 'utf8')
  const initial = configFile === '' ? { jwt: fromFlags === undefined ? [] : [fromFlags] } : readConfig(text, options)
  refuseCauses(initial, options)
  let current = generation(initial.jwt, options)
  return {
    verify: async (token, audiences, lifetime) => await current.verify(token, audiences, lifetime),
    anonymous: initial.anonymous,
    run: async (signal) => {
      let running = start(current, signal)
      const onChange = async (changed: string): Promise<void> => {
        const config = readConfig(changed, options)
        refuseCauses(config, options)
        if (!equalJson(config.anonymous as Json | undefined, initial.anonymous as Json | undefined)) {
          throw new ConfigFileError('changes to anonymous authenticator config are not allowed via dynamic reload')
        }
        const next = generation(config.jwt, options)
        const nextRunning = start(next, signal)
        try {
          await untilReady(next, options.clock, signal)
        } catch (error) {
          next.stop.abort(error)
          throw error
        }
        const old = current
        const oldRunning = running
        current = next
        running = nextRunning
        old.stop.abort(new Error('another configuration has taken its place'))
        await oldRunning
        logger.info('Reloaded the authentication configuration', { file: configFile })
      }
      if (configFile !== '') await followFile({ ...options, path: configFile, text, onChange }, signal)
      else await running
    },
  }
}

function readConfig(text: string, { configFile }: JwtAuthenticationOptions): AuthenticationConfig {
  try {
    return parseAuthenticationConfiguration(parse(text))
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new ConfigFileError(
      `failed to load authentication configuration from file ${JSON.stringify(configFile)}: ${problem}`,
    )
  }
}

function refuseCauses(config: AuthenticationConfig, { serviceAccountIssuers }: JwtAuthenticationOptions): void {
  const causes: readonly StatusCause[] = [
    ...authenticationCauses(config, serviceAccountIssuers),
    ...config.jwt.flatMap((one, index) => compileJwtExpressions(one, `jwt[${index}]`).causes),
  ]
  if (causes.length === 0) return
  const texts = causes.map(({ field, message }) => `${field ?? ''}: ${message}`)
  throw new ConfigFileError(`invalid authentication configuration: ${joinErrors(texts)}`)
}

function generation(configs: readonly JwtAuthenticatorConfig[], options: JwtAuthenticationOptions): Generation {
  const algorithms = options.configFile === '' ? options.flagAlgorithms : signingAlgorithms
  const authenticators = configs.map((config) => createJwtAuthenticator(config, { ...options, algorithms }))
  const verify = anyVerifier(authenticators.map((authenticator) => authenticator.verify))
  return { authenticators, verify, stop: new AbortController() }
}

/** Discovers every issuer, until all are known or the generation ends. */
async function start({ authenticators, stop }: Generation, signal: AbortSignal): Promise<void> {
  const linked = linkSignals([signal, stop.signal])
  try {
    await Promise.all(
      authenticators.map(async ({ run }) => {
        await run(linked.signal).catch((error: unknown) => {
          if (!linked.signal.aborted) throw error
        })
      }),
    )
  } finally {
    linked.unlink()
  }
}

async function untilReady({ authenticators }: Generation, clock: Clock, signal: AbortSignal): Promise<void> {
  const problems = (): readonly string[] => authenticators.flatMap(({ problem }) => problem() ?? [])
  try {
    await withDeadline(signal, exchangeLimitMs, async (limited) => {
      while (problems().length > 0) await clock.sleep(pollMs, limited)
    })
  } catch {
    signal.throwIfAborted()
    throw new ConfigFileError(joinErrors(problems()))
  }
}
