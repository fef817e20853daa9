/** The webhook that converts between versions. Source: apiextensions-apiserver `validateCustomResourceConversion`, apiserver `pkg/util/webhook`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1035Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, each, when } from '../meta/causes.ts'
import type { CustomResourceConversion, ServiceReference, WebhookClientConfig } from './v1.ts'

const knownReviews = ['v1', 'v1beta1']

/** Rules that do not hold for definitions that break them already. */
export type ConversionOptions = { readonly knownReview: boolean; readonly goodBundle: boolean }

/** What is wrong with a conversion. Paths are those of upstream's internal form. */
export function validateConversion(
  { strategy, webhook }: CustomResourceConversion,
  field: string,
  options: ConversionOptions,
): Causes {
  if (strategy !== 'Webhook') return withoutWebhook(webhook, field)
  const { clientConfig, conversionReviewVersions } = webhook ?? {}
  const at = `${field}.webhookClientConfig`
  return [
    ...(clientConfig === undefined
      ? [required(at, 'required when strategy is set to Webhook')]
      : validateClient(clientConfig, at, options)),
    ...validateReviews(conversionReviewVersions ?? [], `${field}.conversionReviewVersions`, options),
  ]
}

function withoutWebhook(webhook: CustomResourceConversion['webhook'], field: string): Causes {
  const notSet = 'should not be set when strategy is not set to Webhook'
  return [
    ...when(webhook?.clientConfig !== undefined, () => forbiddenField(`${field}.webhookClientConfig`, notSet)),
    ...when((webhook?.conversionReviewVersions ?? []).length > 0, () =>
      forbiddenField(`${field}.conversionReviewVersions`, notSet),
    ),
  ]
}

function validateClient(
  { url, service, caBundle }: WebhookClientConfig,
  field: string,
  options: ConversionOptions,
): Causes {
  return [
    ...((url === undefined) === (service === undefined)
      ? [required(field, 'exactly one of url or service is required')]
      : [
          ...(url === undefined ? [] : validateUrl(url, `${field}.url`)),
          ...(service === undefined ? [] : validateService(service, `${field}.service`)),
        ]),
    ...when(options.goodBundle && caBundle !== undefined && caBundle !== '' && !isCaBundle(caBundle), () =>
      invalidValue(
        `${field}.caBundle`,
        caBundle,
        'unable to load root certificates: unable to parse bytes as PEM block',
      ),
    ),
  ]
}

/** Whether a base64-encoded bundle has certificates. */
export function isCaBundle(caBundle: string): boolean {
  return /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(
    Buffer.from(caBundle, 'base64').toString('latin1'),
  )
}

const form = '; desired format: https://host[/path]'

function validateUrl(url: string, field: string): Causes {
  const match =
    /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/(?:([^/?#]*)@)?([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(url)
  if (match === null || /[\s\p{Cc}]/u.test(url)) {
    return [required(field, `url must be a valid URL: parse ${JSON.stringify(url)}: invalid URL${form}`)]
  }
  const [, scheme = '', user, host = '', , query = '', fragment = ''] = match
  const notPermitted = 'permitted in the URL'
  return [
    ...when(scheme.toLowerCase() !== 'https', () =>
      invalidValue(field, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`),
    ),
    ...when(host === '', () => invalidValue(field, '', `host must be specified${form}`)),
    ...when(user !== undefined, () => invalidValue(field, user, `user information is not ${notPermitted}`)),
    ...when(fragment !== '', () => invalidValue(field, fragment, `fragments are not ${notPermitted}`)),
    ...when(query !== '', () => invalidValue(field, query, `query parameters are not ${notPermitted}`)),
  ]
}

/** Upstream hands over name and namespace in the wrong order; its answers tell so. */
function validateService({ name, namespace, path, port = 443 }: ServiceReference, field: string): Causes {
  return [
    ...when(namespace === '', () => required(`${field}.name`)),
    ...when(name === '', () => required(`${field}.namespace`)),
    ...when(port < 1 || port > 65_535, () =>
      invalidValue(`${field}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'),
    ),
    ...(path === undefined || path === '' || path === '/' ? [] : validatePath(path, `${field}.path`)),
  ]
}

function validatePath(path: string, field: string): Causes {
  if (path === '//') return [invalidValue(field, path, 'segment[0] may not be empty')]
  const steps = path.slice(1).replace(/\/$/, '').split('/')
  return [
    ...when(!path.startsWith('/'), () => invalidValue(field, path, "must start with a '/'")),
    ...steps.flatMap((step, index) =>
      step === ''
        ? [invalidValue(field, path, `segment[${index}] may not be empty`)]
        : isDns1123Subdomain(step).map((message) => invalidValue(field, path, `segment[${index}]: ${message}`)),
    ),
  ]
}

function validateReviews(versions: readonly string[], field: string, { knownReview }: ConversionOptions): Causes {
  if (versions.length === 0) return [required(field)]
  return [
    ...each(field, versions, (version, at, index) =>
      versions.indexOf(version) < index
        ? [invalidValue(at, version, 'duplicate version')]
        : isDns1035Label(version).map((message) => invalidValue(at, version, message)),
    ),
    ...when(knownReview && !hasKnownReview(versions), () =>
      invalidValue(field, versions, `must include at least one of ${knownReviews.join(', ')}`),
    ),
  ]
}

/** Whether the webhook understands a review that is sent here. */
export function hasKnownReview(versions: readonly string[]): boolean {
  return versions.some((version) => knownReviews.includes(version))
}
