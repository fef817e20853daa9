/** Names such as `acme.io/foo`. Source: `IsDomainPrefixedPath`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, invalidValues, when } from './causes.ts'

const pathCharacters = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"

/** A domain, a slash and a path; each part is told of by itself. */
export function validateDomainPrefixedPath(field: string, value: string): Causes {
  if (value === '') return [required(field)]
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) {
    return [invalidValue(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  }
  const host = value.slice(0, slash)
  const path = value.slice(slash + 1)
  return [
    ...invalidValues(field, host, isDns1123Subdomain(host)),
    ...when(!new RegExp(`^${pathCharacters}$`).test(path), () =>
      invalidValue(field, path, `Invalid path (regex used for validation is '${pathCharacters}')`),
    ),
  ]
}
