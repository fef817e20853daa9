/** What webhooks and policies have in common. Source: pkg/apis/admissionregistration/validation and v1/defaults.go. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isFullyQualifiedName, isQualifiedName } from '../../apimachinery/names.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { type Causes, each, inRange, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import type {
  MatchCondition,
  MatchResources,
  NamedRuleWithOperations,
  RuleWithOperations,
  ValidatingWebhook,
} from './v1.ts'

type Rule = Pick<RuleWithOperations, 'operations' | 'apiGroups' | 'apiVersions' | 'resources' | 'scope'>
type Webhook = ValidatingWebhook

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const reviewVersions = ['v1', 'v1beta1']
const maxTimeoutSeconds = 30

function defaultRule<T extends Rule>(rule: T): T {
  return { ...rule, scope: rule.scope || '*' }
}

/**
 * A policy does nothing without its binding. While this server has no CEL, it takes no binding: one that is stored and ignored
 * would look like a protection and be none.
 */
export const notEvaluated: StatusCause = forbiddenField(
  'spec.policyName',
  'this server does not evaluate CEL expressions',
)

/** Defaults of one webhook, of either kind. */
export function defaultWebhook<T extends Webhook>(webhook: T): T {
  const { service } = webhook.clientConfig
  return {
    ...webhook,
    clientConfig: {
      ...webhook.clientConfig,
      ...(service === undefined ? {} : { service: { ...service, port: service.port ?? 443 } }),
    },
    failurePolicy: webhook.failurePolicy ?? 'Fail',
    matchPolicy: webhook.matchPolicy ?? 'Equivalent',
    namespaceSelector: webhook.namespaceSelector ?? {},
    objectSelector: webhook.objectSelector ?? {},
    timeoutSeconds: webhook.timeoutSeconds ?? 10,
    ...(webhook.rules === undefined ? {} : { rules: webhook.rules.map(defaultRule) }),
  }
}

/** Rules of one webhook, of either kind. */
export function validateWebhook(webhook: Webhook, field: string): Causes {
  const {
    name,
    sideEffects,
    admissionReviewVersions: versions = [],
    timeoutSeconds,
    failurePolicy,
    matchPolicy,
  } = webhook
  return [
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isQualifiedWebhookName(name))),
    ...each(`${field}.rules`, webhook.rules, validateRule),
    ...(failurePolicy === undefined ? [] : oneOf(`${field}.failurePolicy`, failurePolicy, ['Fail', 'Ignore'])),
    ...(matchPolicy === undefined ? [] : oneOf(`${field}.matchPolicy`, matchPolicy, ['Equivalent', 'Exact'])),
    ...(sideEffects === undefined
      ? [required(`${field}.sideEffects`, 'must specify one of None, NoneOnDryRun')]
      : oneOf(`${field}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun'])),
    ...(timeoutSeconds === undefined
      ? []
      : inRange(`${field}.timeoutSeconds`, timeoutSeconds, 1, maxTimeoutSeconds).map((cause) => ({
          ...cause,
          message: `Invalid value: ${timeoutSeconds}: the timeout value must be between 1 and ${maxTimeoutSeconds} seconds`,
        }))),
    ...validateLabelSelector(webhook.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${field}.objectSelector`),
    ...validateClientConfig(webhook, `${field}.clientConfig`),
    ...validateReviewVersions(versions, `${field}.admissionReviewVersions`),
    ...validateMatchConditions(webhook.matchConditions, `${field}.matchConditions`),
    // A condition that is not evaluated would let pass what its author wants to be looked at, or the other way round.
    ...when(
      (webhook.matchConditions ?? []).length > 0,
      forbiddenField(`${field}.matchConditions`, 'this server does not evaluate CEL expressions'),
    ),
  ]
}

function isQualifiedWebhookName(name: string): readonly string[] {
  const messages = isFullyQualifiedName(name)
  return messages.length > 0 || name.split('.').length > 2
    ? messages
    : ['should be a domain with at least three segments separated by dots']
}

function validateClientConfig({ clientConfig }: Webhook, field: string): Causes {
  const { url, service } = clientConfig
  if ((url === undefined) === (service === undefined)) {
    return [required(field, 'exactly one of url or service is required')]
  }
  if (service !== undefined) {
    return [
      ...when(service.name === '', required(`${field}.service.name`, 'service name is required')),
      ...when(service.namespace === '', required(`${field}.service.namespace`, 'service namespace is required')),
      ...when(
        service.port !== undefined && (service.port < 1 || service.port > 65535),
        invalidValue(
          `${field}.service.port`,
          service.port,
          'port is not valid: must be between 1 and 65535, inclusive',
        ),
      ),
      ...when(
        service.path !== undefined && service.path !== '' && !service.path.startsWith('/'),
        invalidValue(`${field}.service.path`, service.path, "must start with a '/'"),
      ),
    ]
  }
  return validateUrl(url ?? '', `${field}.url`)
}

const urlForm = 'desired format: https://host[/path]'

function validateUrl(url: string, field: string): Causes {
  if (!URL.canParse(url))
    return [
      required(field, `url must be a valid URL: parse ${JSON.stringify(url)}: invalid URI for request; ${urlForm}`),
    ]
  const { protocol, host, username, search, hash } = new URL(url)
  return [
    ...when(
      protocol !== 'https:',
      invalidValue(field, protocol.slice(0, -1), `'https' is the only allowed URL scheme; ${urlForm}`),
    ),
    ...when(host === '', invalidValue(field, host, `host must be specified; ${urlForm}`)),
    ...when(username !== '', invalidValue(field, username, 'user information is not permitted in the URL')),
    ...when(hash !== '', invalidValue(field, hash.slice(1), 'fragments are not permitted in the URL')),
    ...when(search !== '', invalidValue(field, search.slice(1), 'query parameters are not permitted in the URL')),
  ]
}

function validateReviewVersions(versions: readonly string[], field: string): Causes {
  if (versions.length === 0) {
    return [required(field, 'must specify one of v1, v1beta1')]
  }
  return when(
    !versions.some((version) => reviewVersions.includes(version)),
    invalidValue(field, versions, 'must include at least one of v1, v1beta1'),
  )
}

/** CEL conditions: named once, and not empty. Whether they compile is for the evaluator to say. */
export function validateMatchConditions(conditions: readonly MatchCondition[] | undefined, field: string): Causes {
  const again = new Set(repeats((conditions ?? []).map(({ name }) => name)))
  return each(field, conditions, ({ name, expression }, path, index) => [
    ...when(expression.trim() === '', required(`${path}.expression`)),
    ...(name === '' ? [required(`${path}.name`)] : invalidValues(`${path}.name`, name, isQualifiedName(name))),
    ...when(again.has(index), {
      reason: 'FieldValueDuplicate',
      message: `Duplicate value: "${name}"`,
      field: `${path}.name`,
    }),
  ])
}

function validateRule(rule: Rule, field: string): Causes {
  const { operations: asked = [], apiGroups = [], apiVersions = [], resources = [], scope } = rule
  return [
    ...when(asked.length === 0, required(`${field}.operations`)),
    ...starAlone(asked, `${field}.operations`),
    ...each(`${field}.operations`, asked, (operation, path) => oneOf(path, operation, operations)),
    ...when(apiGroups.length === 0, required(`${field}.apiGroups`)),
    ...starAlone(apiGroups, `${field}.apiGroups`),
    ...when(apiVersions.length === 0, required(`${field}.apiVersions`)),
    ...starAlone(apiVersions, `${field}.apiVersions`),
    ...each(`${field}.apiVersions`, apiVersions, (version, path) => when(version === '', required(path))),
    ...when(resources.length === 0, required(`${field}.resources`)),
    ...each(`${field}.resources`, resources, (resource, path) => when(resource === '', required(path))),
    ...(scope === undefined ? [] : oneOf(`${field}.scope`, scope, ['*', 'Cluster', 'Namespaced'])),
  ]
}

function starAlone(list: readonly string[], field: string): Causes {
  return when(
    list.length > 1 && list.includes('*'),
    invalidValue(
      field,
      list,
      "if '*' is present, must not specify other " +
        (field.split('.').at(-1) === 'operations'
          ? 'operations'
          : field.endsWith('apiGroups')
            ? 'API groups'
            : 'API versions'),
    ),
  )
}

/** Defaults of what a policy or binding matches. */
export function defaultMatch(match: MatchResources): MatchResources {
  const rules = (list: readonly NamedRuleWithOperations[]) => list.map(defaultRule)
  return {
    ...match,
    matchPolicy: match.matchPolicy ?? 'Equivalent',
    namespaceSelector: match.namespaceSelector ?? {},
    objectSelector: match.objectSelector ?? {},
    ...(match.resourceRules === undefined ? {} : { resourceRules: rules(match.resourceRules) }),
    ...(match.excludeResourceRules === undefined ? {} : { excludeResourceRules: rules(match.excludeResourceRules) }),
  }
}

/** Rules of what a policy or binding matches. */
export function validateMatch(match: MatchResources, field: string): Causes {
  return [
    ...(match.matchPolicy === undefined
      ? []
      : oneOf(`${field}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact'])),
    ...validateLabelSelector(match.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(match.objectSelector, `${field}.objectSelector`),
    ...each(`${field}.resourceRules`, match.resourceRules, validateRule),
    ...each(`${field}.excludeResourceRules`, match.excludeResourceRules, validateRule),
  ]
}

/** The names of webhooks of one object are unique. */
export function uniqueNames(names: readonly string[]): Causes {
  return repeats(names).map((index) => ({
    reason: 'FieldValueDuplicate' as const,
    message: `Duplicate value: "${names[index]}"`,
    field: `webhooks[${index}].name`,
  }))
}

type Params = { readonly name?: string; readonly selector?: unknown; readonly parameterNotFoundAction?: string }

/** How a binding finds its parameters. */
export function validateParamRef(ref: Params, field: string): Causes {
  const { name = '', selector, parameterNotFoundAction } = ref
  return [
    ...when(name === '' && selector === undefined, required(field, 'one of name or selector must be specified')),
    ...when(name !== '' && selector !== undefined, {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: name and selector are mutually exclusive',
      field: `${field}.name`,
    }),
    ...(parameterNotFoundAction === undefined
      ? [required(`${field}.parameterNotFoundAction`)]
      : oneOf(`${field}.parameterNotFoundAction`, parameterNotFoundAction, ['Allow', 'Deny'])),
  ]
}
