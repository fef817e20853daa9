/** What webhooks of both kinds have in common. Source: pkg/apis/admissionregistration/validation and v1/defaults.go. */
import { duplicate, goQuote, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1035Label, isDns1123Subdomain, isFullyQualifiedName, isPortNumber } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, repeats, sameJson, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { validateMatchConditions } from './match-conditions.ts'
import { defaultRule, matchPolicies, validateRule } from './match-rules.ts'
import type { ServiceReference, ValidatingWebhook } from './v1.ts'

type Webhook = ValidatingWebhook

const reviewVersions = ['v1', 'v1beta1']
const harmless = ['None', 'NoneOnDryRun']
const sideEffectClasses = ['None', 'NoneOnDryRun', 'Some', 'Unknown']
const maxTimeoutSeconds = 30

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

/** What an update may keep, because the stored webhooks have it already. */
type Leniency = {
  readonly sideEffects: boolean
  readonly reviewVersions: boolean
  readonly names: boolean
  readonly matchConditions: boolean
}
const strict: Leniency = { sideEffects: false, reviewVersions: false, names: false, matchConditions: false }

/** Rules of all webhooks of one configuration; `old` is what is stored. `more` holds the rules of the kind. */
export function validateWebhooks<T extends Webhook>(
  webhooks: readonly T[] = [],
  old: readonly T[] | undefined,
  more: (webhook: T, field: string) => Causes = () => [],
): Causes {
  const leniency = old === undefined ? strict : leniencyOf(webhooks, old)
  const names = webhooks.map(({ name }) => name)
  const again = new Set(leniency.names ? [] : repeats(names))
  return each('webhooks', webhooks, (webhook, field, index) => [
    ...validateWebhook(webhook, field, leniency),
    ...more(webhook, field),
    ...validateReviewVersions(webhook.admissionReviewVersions ?? [], `${field}.admissionReviewVersions`, leniency),
    ...when(webhook.name !== '' && again.has(index), duplicate(`${field}.name`, webhook.name)),
  ])
}

function leniencyOf(webhooks: readonly Webhook[], old: readonly Webhook[]): Leniency {
  const conditions = (list: readonly Webhook[]) => list.map(({ matchConditions }) => matchConditions ?? null)
  return {
    sideEffects: old.some(({ sideEffects }) => !harmless.includes(sideEffects)),
    reviewVersions: old.some(({ admissionReviewVersions: versions = [] }) => versions.length > 0 && !isKnown(versions)),
    names: repeats(old.map(({ name }) => name)).length > 0,
    matchConditions: webhooks.length === old.length && sameJson(conditions(webhooks), conditions(old)),
  }
}

function validateWebhook(webhook: Webhook, field: string, leniency: Leniency): Causes {
  const { name, sideEffects, timeoutSeconds, failurePolicy, matchPolicy } = webhook
  const allowed = leniency.sideEffects ? sideEffectClasses : harmless
  return [
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isWebhookName(name))),
    ...each(`${field}.rules`, webhook.rules, validateRule),
    ...(failurePolicy === undefined ? [] : oneOf(`${field}.failurePolicy`, failurePolicy, ['Fail', 'Ignore'])),
    ...(matchPolicy === undefined ? [] : oneOf(`${field}.matchPolicy`, matchPolicy, matchPolicies)),
    ...(sideEffects === undefined
      ? [required(`${field}.sideEffects`, `must specify one of ${allowed.join(', ')}`)]
      : oneOf(`${field}.sideEffects`, sideEffects, allowed)),
    ...when(
      timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > maxTimeoutSeconds),
      invalidValue(
        `${field}.timeoutSeconds`,
        timeoutSeconds,
        `the timeout value must be between 1 and ${maxTimeoutSeconds} seconds`,
      ),
    ),
    ...validateLabelSelector(webhook.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${field}.objectSelector`),
    ...validateClientConfig(webhook, `${field}.clientConfig`),
    ...(leniency.matchConditions
      ? []
      : validateMatchConditions(webhook.matchConditions, `${field}.matchConditions`, { params: false })),
  ]
}

function isWebhookName(name: string): readonly string[] {
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
  return service === undefined ? validateUrl(url ?? '', `${field}.url`) : validateService(service, `${field}.service`)
}

function validateService({ name, namespace, path = '', port = 0 }: ServiceReference, field: string): Causes {
  return [
    // Upstream hands over the two the wrong way round, so that clients know them as they are here.
    ...when(namespace === '', required(`${field}.name`)),
    ...when(name === '', required(`${field}.namespace`)),
    ...invalidValues(
      `${field}.port`,
      port,
      isPortNumber(port).map((message) => `port is not valid: ${message}`),
    ),
    ...invalidValues(`${field}.path`, path, servicePathProblems(path)),
  ]
}

function servicePathProblems(path: string): readonly string[] {
  if (path === '' || path === '/') return []
  if (path === '//') return ['segment[0] may not be empty']
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  return [
    ...(path.startsWith('/') ? [] : ["must start with a '/'"]),
    ...segments.flatMap((segment, index) =>
      segment === ''
        ? [`segment[${index}] may not be empty`]
        : isDns1123Subdomain(segment).map((message) => `segment[${index}]: ${message}`),
    ),
  ]
}

const urlForm = 'desired format: https://host[/path]'
/** Source: RFC 3986, appendix B. */
const urlParts = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s

function validateUrl(url: string, field: string): Causes {
  const [, scheme = '', authority = '', , query = '', fragment = ''] = urlParts.exec(url) ?? []
  if (url.startsWith(':')) {
    return [required(field, `url must be a valid URL: parse ${goQuote(url)}: missing protocol scheme; ${urlForm}`)]
  }
  const at = authority.lastIndexOf('@')
  const host = authority.slice(at + 1)
  return [
    ...when(
      scheme.toLowerCase() !== 'https',
      invalidValue(field, scheme.toLowerCase(), `'https' is the only allowed URL scheme; ${urlForm}`),
    ),
    ...when(host === '', invalidValue(field, host, `host must be specified; ${urlForm}`)),
    ...when(at >= 0, invalidValue(field, authority.slice(0, at), 'user information is not permitted in the URL')),
    ...when(fragment !== '', invalidValue(field, fragment, 'fragments are not permitted in the URL')),
    ...when(query !== '', invalidValue(field, query, 'query parameters are not permitted in the URL')),
  ]
}

function isKnown(versions: readonly string[]): boolean {
  return versions.some((version) => reviewVersions.includes(version))
}

function validateReviewVersions(versions: readonly string[], field: string, leniency: Leniency): Causes {
  if (versions.length === 0) return [required(field, `must specify one of ${reviewVersions.join(', ')}`)]
  const again = new Set(repeats(versions))
  return [
    ...each(field, versions, (version, path, index) =>
      again.has(index)
        ? [invalidValue(path, version, 'duplicate version')]
        : invalidValues(path, version, isDns1035Label(version)),
    ),
    ...when(
      !leniency.reviewVersions && !isKnown(versions),
      invalidValue(field, versions, `must include at least one of ${reviewVersions.join(', ')}`),
    ),
  ]
}
