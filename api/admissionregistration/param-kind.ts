/** Parameters of policies: which kind they are of, and which of them a binding takes. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDns1035Label, isDns1123Subdomain, isPathSegmentName } from '../../apimachinery/names.ts'
import { type Causes, invalidValues, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import type { ParamKind, ParamRef } from './v1.ts'

/** `v1/ConfigMap`, or `<unset>`. */
export function paramKind(kind: ParamKind | undefined): string {
  return kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`
}

/** `namespace/name`, a name for all namespaces as `*`, or `<unset>`. */
export function paramRef(ref: { readonly name?: string; readonly namespace?: string } | undefined): string {
  if (ref === undefined) return '<unset>'
  const { name = '', namespace = '' } = ref
  return namespace === '' ? name : `${namespace}/${name}`
}

/** The group and version of `apiVersion`; `undefined` where it has too many parts. Source: `schema.ParseGroupVersion`. */
export function parseGroupVersion(
  apiVersion: string,
): { readonly group: string; readonly version: string } | undefined {
  const [first = '', second, ...more] = apiVersion.split('/')
  if (more.length > 0) return undefined
  return second === undefined ? { group: '', version: first } : { group: first, version: second }
}

/** Rules of a policy's `paramKind`. */
export function validateParamKind({ apiVersion = '', kind = '' }: ParamKind, field: string): Causes {
  return [...validateApiVersion(apiVersion, `${field}.apiVersion`), ...validateKind(kind, `${field}.kind`)]
}

function validateApiVersion(apiVersion: string, field: string): Causes {
  if (apiVersion === '') return [required(field)]
  const parsed = parseGroupVersion(apiVersion)
  if (parsed === undefined) {
    return [invalidValue(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)]
  }
  const { group, version } = parsed
  const groupProblems = group === '' ? [] : isDns1123Subdomain(group)
  const versionProblems = isDns1035Label(version)
  return [
    ...when(groupProblems.length > 0, invalidValue(field, group, groupProblems.join(','))),
    ...(version === ''
      ? [invalidValue(field, apiVersion, 'version must be specified')]
      : when(versionProblems.length > 0, invalidValue(field, version, versionProblems.join(',')))),
  ]
}

function validateKind(kind: string, field: string): Causes {
  if (kind === '') return [required(field)]
  const problems = isDns1035Label(kind.toLowerCase())
  const detail = `may have mixed case, but should otherwise match: ${problems.join(',')}`
  return when(problems.length > 0, invalidValue(field, kind, detail))
}

const exclusive = 'name and selector are mutually exclusive'

/** How a binding finds its parameters. */
export function validateParamRef(ref: ParamRef | undefined, field: string): Causes {
  if (ref === undefined) return []
  const { name = '', selector, parameterNotFoundAction: action = '' } = ref
  const both = name !== '' && selector !== undefined
  const actions = ['Deny', 'Allow']
  return [
    ...(name === '' ? [] : invalidValues(`${field}.name`, name, isPathSegmentName(name))),
    ...when(both, forbiddenField(`${field}.name`, exclusive)),
    ...validateLabelSelector(selector, `${field}.selector`),
    ...when(both, forbiddenField(`${field}.selector`, exclusive)),
    ...when(name === '' && selector === undefined, required(field, 'one of name or selector must be specified')),
    ...(action === ''
      ? [required(`${field}.parameterNotFoundAction`)]
      : when(!actions.includes(action), notSupported(`${field}.parameterNotFoundAction`, action, actions))),
  ]
}
