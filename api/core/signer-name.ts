/** Names of those who sign certificates. Source: `ValidateSignerName`, `ValidateClusterTrustBundleName`. */
import { invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, when } from '../meta/causes.ts'

const maxDomain = 253
/** A domain, a slash, and room for `namespace.name`. */
const maxSignerName = maxDomain + 1 + 253 + 63 + 1

/** `example.com/signer-name`. */
export function validateSignerName(name: string, field: string): Causes {
  if (name === '') return [required(field)]
  const [domain = '', path = '', ...more] = name.split('/')
  if (!name.includes('/') || more.length > 0) {
    return [
      invalidValue(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ]
  }
  return [
    ...when(domain.length > maxDomain, tooLong(field, maxDomain)),
    ...firstBadLabel(domain, isDns1123Label, field),
    ...when(!domain.includes('.'), () =>
      invalidValue(field, domain, 'should be a domain with at least two segments separated by dots'),
    ),
    ...firstBadLabel(path, isDns1123Subdomain, field),
    ...when(name.length > maxSignerName, tooLong(field, maxSignerName)),
  ]
}

function firstBadLabel(text: string, rule: (label: string) => readonly string[], field: string): Causes {
  const label = text.split('.').find((one) => rule(one).length > 0)
  if (label === undefined) return []
  return rule(label).map((message) => invalidValue(field, text, `validating label "${label}": ${message}`))
}

/** Whether the signer is one of Kubernetes' own. */
export function isKubernetesSigner(name: string): boolean {
  const [host = ''] = name.split('/')
  return host === 'kubernetes.io' || host.endsWith('.kubernetes.io')
}

/** Messages for a bundle's name: before the last colon, if any, stands its signer. */
export function isTrustBundleName(name: string): readonly string[] {
  return isDns1123Subdomain(name.slice(name.lastIndexOf(':') + 1))
}
