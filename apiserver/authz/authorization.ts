/** The chain of authorizers, from flags or from a file that may change while the server runs. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import type { StatusCause } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { ConfigFileError } from '../authn/config-object.ts'
import { followFile } from '../authn/follow-file.ts'
import { joinErrors } from '../authn/join-errors.ts'
import { createReviewClient } from '../authn/review-client.ts'
import { timeLimit } from '../cel/time-limit.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { createAbacPlugin, parseAbacPolicies } from './abac.ts'
import type { AuthorizationPlugin } from './authorizer.ts'
import { createAuthorizer } from './chain.ts'
import {
  type AuthorizerConfig,
  authorizationCauses,
  parseAuthorizationConfiguration,
  type WebhookConfig,
} from './configuration.ts'
import { compileMatchConditions } from './match-conditions.ts'
import { localModes, type Modes } from './modes.ts'
import { createWebhookPlugin } from './webhook.ts'

export type AuthorizationOptions = {
  /** `--authorization-config`; `''`: `fromFlags` counts. */
  readonly configFile: string
  readonly fromFlags: readonly AuthorizerConfig[]
  /** `--authorization-policy-file`. */
  readonly policyFile: string
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

/** The authorizer, and the task that follows its file. */
export type Authorization = AuthorizationPlugin & { readonly run: (signal: AbortSignal) => Promise<void> }

/** Reads the files; throws when they cannot be used. A file that goes bad later changes nothing. */
export async function createAuthorization(options: AuthorizationOptions): Promise<Authorization> {
  const { configFile, fromFlags, policyFile, logger } = options
  const abac = policyFile === '' ? undefined : parseAbacPolicies(await readFile(policyFile, 'utf8'), policyFile)
  const modes = localModes(options.reader, abac === undefined ? undefined : createAbacPlugin(abac))
  const text = configFile === '' ? '' : await readFile(configFile, 'utf8')
  const authorizers = configFile === '' ? fromFlags : readConfiguration(text, configFile)
  let current = await assemble(options, modes, authorizers)
  const reload = async (changed: string): Promise<void> => {
    current = await assemble(options, modes, readConfiguration(changed, configFile))
    logger.info('Reloaded the authorization configuration', { file: configFile })
  }
  return {
    authorize: (attributes) => current.authorize(attributes),
    rulesFor: (user, namespace) => current.rulesFor(user, namespace),
    run: async (signal) => {
      if (configFile !== '') await followFile({ ...options, path: configFile, text, onChange: reload }, signal)
    },
  }
}

function readConfiguration(text: string, path: string): readonly AuthorizerConfig[] {
  const authorizers = parseAuthorizationConfiguration(parse(text))
  const expressions = authorizers.flatMap(({ webhook }, index) => {
    const compiled = compileMatchConditions(webhook?.matchConditions ?? [], `authorizers[${index}].matchConditions`)
    return compiled.causes
  })
  refuseCauses(`failed to load AuthorizationConfiguration from ${path}`, [
    ...authorizationCauses(authorizers),
    ...expressions,
  ])
  return authorizers
}

function refuseCauses(what: string, causes: readonly StatusCause[]): void {
  if (causes.length === 0) return
  throw new ConfigFileError(`${what}: ${joinErrors(causes.map(({ field, message }) => `${field ?? ''}: ${message}`))}`)
}

async function assemble(
  options: AuthorizationOptions,
  modes: Modes,
  authorizers: readonly AuthorizerConfig[],
): Promise<AuthorizationPlugin> {
  return createAuthorizer(
    await Promise.all(
      authorizers.map(async ({ type, webhook }) => {
        if (webhook !== undefined) return await webhookPlugin(options, webhook)
        const plugin = Object.entries(modes).find(([mode]) => mode === type)?.[1]
        if (plugin !== undefined) return plugin
        throw new ConfigFileError(
          `authorizer type ${type} is not allowed if it was not enabled at initial server startup`,
        )
      }),
    ),
  )
}

async function webhookPlugin(
  { clock, random }: AuthorizationOptions,
  config: WebhookConfig,
): Promise<AuthorizationPlugin> {
  const { kubeConfigFile, timeoutMs, matchConditions } = config
  if (config.connectionType !== 'KubeConfigFile') {
    throw new ConfigFileError(`connectionInfo.type ${config.connectionType} is not supported by this server`)
  }
  const { matches } = compileMatchConditions(matchConditions, 'matchConditions', timeLimit(clock))
  return createWebhookPlugin({
    review: await createReviewClient({ kubeconfig: kubeConfigFile, timeoutMs, clock, random }),
    version: config.version,
    authorizedTtlMs: config.cacheAuthorized ? config.authorizedTtlMs : 0,
    unauthorizedTtlMs: config.cacheUnauthorized ? config.unauthorizedTtlMs : 0,
    onError: config.failurePolicy === 'Deny' ? 'deny' : 'noOpinion',
    ...(matches === undefined ? {} : { matches }),
    clock,
  })
}
