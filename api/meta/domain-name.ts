/** Domain names of several segments. Source: `IsFullyQualifiedDomainName`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import type { Causes } from './causes.ts'

/** At least two segments, each a label; a dot may end them. The first mistake is told. */
export function validateFullyQualifiedName(field: string, value: string): Causes {
  if (value === '') return [required(field)]
  const name = value.endsWith('.') ? value.slice(0, -1) : value
  const messages = isDns1123Subdomain(name)
  if (messages.length > 0) return [invalidValue(field, name, messages.join(','))]
  const segments = name.split('.')
  if (segments.length < 2) {
    return [invalidValue(field, name, 'should be a domain with at least two segments separated by dots')]
  }
  const wrong = segments.find((segment) => isDns1123Label(segment).length > 0)
  return wrong === undefined ? [] : [invalidValue(field, wrong, isDns1123Label(wrong).join(','))]
}
