/**
 * The file of `--authorization-config`: which authorizers are asked, in which order, and how webhooks are reached.
 * Source: `AuthorizationConfiguration` of apiserver.config.k8s.io/v1 and its validation.
 */
import { duplicate, invalidValue, notSupported, required, tooMany } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { parseDuration } from '../../component-base/flags.ts'
import {
  booleanField,
  type ConfigObject,
  hasField,
  objectField,
  objectsField,
  openFile,
  refuseProblems,
  textField,
} from '../authn/config-object.ts'
import { authorizationModes } from './modes.ts'

/** One authorizer of the chain. */
export type AuthorizerConfig = { readonly type: string; readonly name: string; readonly webhook?: WebhookConfig }

/** How a webhook is asked. */
export type WebhookConfig = {
  readonly authorizedTtlMs: number
  readonly cacheAuthorized: boolean
  readonly unauthorizedTtlMs: number
  readonly cacheUnauthorized: boolean
  readonly timeoutMs: number
  readonly version: string
  readonly matchConditionVersion: string
  readonly failurePolicy: string
  readonly connectionType: string
  readonly kubeConfigFile: string
  readonly matchConditions: readonly string[]
}

const webhookFields = [
  'authorizedTTL',
  'cacheAuthorizedRequests',
  'unauthorizedTTL',
  'cacheUnauthorizedRequests',
  'timeout',
  'subjectAccessReviewVersion',
  'matchConditionSubjectAccessReviewVersion',
  'failurePolicy',
  'connectionInfo',
  'matchConditions',
]

/** Reads the file; throws `ConfigFileError` for what is not its form. */
export function parseAuthorizationConfiguration(value: unknown): readonly AuthorizerConfig[] {
  const file = openFile(value, 'AuthorizationConfiguration', ['v1', 'v1beta1', 'v1alpha1'], ['authorizers'])
  const authorizers = objectsField(file, 'authorizers', ['type', 'name', 'webhook']).map((object) => ({
    type: textField(object, 'type'),
    name: textField(object, 'name'),
    ...(hasField(object, 'webhook') ? { webhook: parseWebhook(objectField(object, 'webhook', webhookFields)) } : {}),
  }))
  refuseProblems(file.problems)
  return authorizers
}

function parseWebhook(object: ConfigObject): WebhookConfig {
  const connection = objectField(object, 'connectionInfo', ['type', 'kubeConfigFile'])
  return {
    authorizedTtlMs: durationField(object, 'authorizedTTL', '5m'),
    cacheAuthorized: booleanField(object, 'cacheAuthorizedRequests', true),
    unauthorizedTtlMs: durationField(object, 'unauthorizedTTL', '30s'),
    cacheUnauthorized: booleanField(object, 'cacheUnauthorizedRequests', true),
    timeoutMs: durationField(object, 'timeout', '0s'),
    version: textField(object, 'subjectAccessReviewVersion'),
    matchConditionVersion: textField(object, 'matchConditionSubjectAccessReviewVersion'),
    failurePolicy: textField(object, 'failurePolicy'),
    connectionType: textField(connection, 'type'),
    kubeConfigFile: textField(connection, 'kubeConfigFile'),
    matchConditions: objectsField(object, 'matchConditions', ['expression']).map((one) => textField(one, 'expression')),
  }
}

function durationField(object: ConfigObject, field: string, absent: string): number {
  const text = textField(object, field) || absent
  const parsed = parseDuration(text)
  if (parsed === undefined) object.problems.push(`time: invalid duration ${JSON.stringify(text)}`)
  return parsed ?? 0
}

/** What is wrong with the chain as a whole and with each part, besides expressions. */
export function authorizationCauses(authorizers: readonly AuthorizerConfig[]): readonly StatusCause[] {
  if (authorizers.length === 0) return [required('authorizers', 'at least one authorization mode must be defined')]
  return authorizers.flatMap((one, index) =>
    authorizerCauses(one, `authorizers[${index}]`, authorizers.slice(0, index)),
  )
}

function authorizerCauses(
  { type, name, webhook }: AuthorizerConfig,
  path: string,
  before: readonly AuthorizerConfig[],
): readonly StatusCause[] {
  if (type === '') return [required(`${path}.type`)]
  if (!authorizationModes.some((mode) => mode === type)) {
    return [notSupported(`${path}.type`, type, authorizationModes.toSorted())]
  }
  if (type !== 'Webhook' && before.some((one) => one.type === type)) return [duplicate(`${path}.type`, type)]
  return [...nameCauses(name, `${path}.name`, before), ...webhookPartCauses(type, webhook, path)]
}

function nameCauses(name: string, path: string, before: readonly AuthorizerConfig[]): readonly StatusCause[] {
  if (name === '') return [required(path)]
  if (before.some((one) => one.name === name)) return [duplicate(path, name)]
  const problems = isDns1123Subdomain(name)
  return problems.length === 0 ? [] : [invalidValue(path, name, `authorizer name is invalid: ${problems.join(', ')}`)]
}

function webhookPartCauses(type: string, webhook: WebhookConfig | undefined, path: string): readonly StatusCause[] {
  if (type !== 'Webhook') {
    return webhook === undefined
      ? []
      : [invalidValue(`${path}.webhook`, 'non-null', 'may only be specified when type=Webhook')]
  }
  return webhook === undefined
    ? [required(`${path}.webhook`, 'required when type=Webhook')]
    : webhookCauses(webhook, path)
}

const maxTimeoutMs = 30_000

function webhookCauses(webhook: WebhookConfig, path: string): readonly StatusCause[] {
  const at = (field: string): string => `${path}.${field}`
  const { timeoutMs, authorizedTtlMs, unauthorizedTtlMs, matchConditions, matchConditionVersion } = webhook
  return [
    ...(timeoutMs === 0
      ? [required(at('timeout'))]
      : timeoutMs > maxTimeoutMs || timeoutMs < 0
        ? [invalidValue(at('timeout'), `${timeoutMs / 1000}s`, 'must be > 0s and <= 30s')]
        : []),
    ...ttlCauses(at('authorizedTTL'), authorizedTtlMs),
    ...ttlCauses(at('unauthorizedTTL'), unauthorizedTtlMs),
    ...choiceCauses(at('subjectAccessReviewVersion'), webhook.version, ['v1', 'v1beta1']),
    ...(matchConditionVersion !== ''
      ? choiceCauses(at('matchConditionSubjectAccessReviewVersion'), matchConditionVersion, ['v1'])
      : matchConditions.length > 0
        ? [required(at('matchConditionSubjectAccessReviewVersion'), 'required if match conditions are specified')]
        : []),
    ...choiceCauses(at('failurePolicy'), webhook.failurePolicy, ['NoOpinion', 'Deny']),
    ...connectionCauses(webhook, at('connectionInfo')),
    ...conditionCauses(matchConditions, at('matchConditions')),
  ]
}

function ttlCauses(field: string, ttlMs: number): readonly StatusCause[] {
  if (ttlMs === 0) return [required(field)]
  return ttlMs < 0 ? [invalidValue(field, `${ttlMs / 1000}s`, 'must be > 0s')] : []
}

function choiceCauses(field: string, value: string, choices: readonly string[]): readonly StatusCause[] {
  if (value === '') return [required(field)]
  return choices.includes(value) ? [] : [notSupported(field, value, choices)]
}

function connectionCauses({ connectionType, kubeConfigFile }: WebhookConfig, path: string): readonly StatusCause[] {
  const file = `${path}.kubeConfigFile`
  const causes = choiceCauses(`${path}.type`, connectionType, ['InClusterConfig', 'KubeConfigFile'])
  if (causes.length > 0) return causes
  if (connectionType === 'InClusterConfig') {
    return kubeConfigFile === '' ? [] : [invalidValue(file, kubeConfigFile, 'can only be set when type=KubeConfigFile')]
  }
  if (kubeConfigFile === '') return [required(file)]
  return kubeConfigFile.startsWith('/') ? [] : [invalidValue(file, kubeConfigFile, 'must be an absolute path')]
}

const maxMatchConditions = 64

function conditionCauses(conditions: readonly string[], path: string): readonly StatusCause[] {
  if (conditions.length > maxMatchConditions) return [tooMany(path, conditions.length, maxMatchConditions)]
  return conditions.flatMap((expression, index) => {
    const field = `${path}[${index}].expression`
    if (expression.trim() === '') return [required(field)]
    return conditions.indexOf(expression) < index ? [duplicate(field, expression)] : []
  })
}
