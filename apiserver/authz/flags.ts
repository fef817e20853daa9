/** The flags of authorization under upstream's names. Pure. */
import { defineFlags, type FlagValues } from '../../component-base/flags.ts'
import type { AuthorizerConfig } from './configuration.ts'
import { authorizationModes } from './modes.ts'

const text = (description: string, value = '') => ({ type: 'string', default: value, description }) as const
const duration = (description: string, value: number) => ({ type: 'duration', default: value, description }) as const

const defaultModes = ['AlwaysAllow']

export const authorizationFlags = defineFlags({
  'authorization-config': text('File with an AuthorizationConfiguration, in place of the other flags.'),
  'authorization-mode': { type: 'strings', default: defaultModes, description: 'Plugins that authorize, in order.' },
  'authorization-policy-file': text('Policies of the mode ABAC, one a line.'),
  'authorization-webhook-cache-authorized-ttl': duration('How long the webhook may be taken at its yes.', 300_000),
  'authorization-webhook-cache-unauthorized-ttl': duration('How long the webhook may be taken at its no.', 30_000),
  'authorization-webhook-config-file': text('Kubeconfig of the webhook of the mode Webhook.'),
  'authorization-webhook-version': text('Version of SubjectAccessReview that the webhook is asked in.', 'v1beta1'),
})
export type AuthorizationFlags = FlagValues<typeof authorizationFlags>

const quote = (value: string): string => JSON.stringify(value)

/** What does not go together. Source: `BuiltInAuthorizationOptions.Validate`. */
export function authorizationFlagProblems(flags: AuthorizationFlags): readonly string[] {
  const modes = flags['authorization-mode']
  const [policyFile, webhookFile] = [flags['authorization-policy-file'], flags['authorization-webhook-config-file']]
  const isChanged = Object.entries(authorizationFlags).some(
    ([name, { default: value }]) =>
      name !== 'authorization-config' &&
      name !== 'authorization-policy-file' &&
      JSON.stringify(Object.entries(flags).find(([flag]) => flag === name)?.[1]) !== JSON.stringify(value),
  )
  if (flags['authorization-config'] !== '') {
    const message =
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined'
    return isChanged ? [message] : []
  }
  const unknown = modes.filter((mode) => !authorizationModes.some((one) => one === mode))
  const version = flags['authorization-webhook-version']
  return [
    ...(modes.length === 0 ? ['at least one authorization-mode must be passed'] : []),
    ...unknown.map((mode) => `authorization-mode ${quote(mode)} is not a valid mode`),
    ...(modes.includes('ABAC') && policyFile === ''
      ? ["authorization-mode ABAC's authorization policy file not passed"]
      : []),
    ...(modes.includes('Webhook') && webhookFile === ''
      ? ["authorization-mode Webhook's authorization config file not passed"]
      : []),
    ...(policyFile !== '' && !modes.includes('ABAC')
      ? ['cannot specify --authorization-policy-file without mode ABAC']
      : []),
    ...(webhookFile !== '' && !modes.includes('Webhook')
      ? ['cannot specify --authorization-webhook-config-file without mode Webhook']
      : []),
    ...(new Set(modes).size === modes.length
      ? []
      : [`authorization-mode [${modes.map(quote).join(' ')}] has mode specified more than once`]),
    ...(webhookFile !== '' && version !== 'v1' && version !== 'v1beta1'
      ? [`unsupported webhook authorizer version ${quote(version)}, supported versions are "v1", "v1beta1"`]
      : []),
  ]
}

const webhookTimeoutMs = 30_000

/** The chain that the flags mean. */
export function authorizersOfFlags(flags: AuthorizationFlags): readonly AuthorizerConfig[] {
  return flags['authorization-mode'].map((type) => {
    if (type !== 'Webhook') return { type, name: type.toLowerCase() }
    const [authorizedTtlMs, unauthorizedTtlMs] = [
      flags['authorization-webhook-cache-authorized-ttl'],
      flags['authorization-webhook-cache-unauthorized-ttl'],
    ]
    return {
      type,
      name: 'default',
      webhook: {
        authorizedTtlMs,
        cacheAuthorized: authorizedTtlMs !== 0,
        unauthorizedTtlMs,
        cacheUnauthorized: unauthorizedTtlMs !== 0,
        timeoutMs: webhookTimeoutMs,
        version: flags['authorization-webhook-version'],
        matchConditionVersion: '',
        failurePolicy: 'NoOpinion',
        connectionType: 'KubeConfigFile',
        kubeConfigFile: flags['authorization-webhook-config-file'],
        matchConditions: [],
      },
    }
  })
}
