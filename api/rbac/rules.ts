/** What roles and bindings have in common. Source: pkg/apis/rbac/validation, pkg/apis/rbac/v1/defaults.go. */
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain, isPathSegmentName } from '../../apimachinery/names.ts'
import { asInternal, type Causes, each, invalidValues, sameJson, when } from '../meta/causes.ts'
import { ageColumn, createdAtColumn, nameColumn, text } from '../meta/columns.ts'
import type { ApiObject, Column } from '../resource.ts'
import type { PolicyRule, RoleRef, Subject } from './v1.ts'

export const rbacGroup = 'rbac.authorization.k8s.io'

/** Rules of a role; only cluster roles may speak of URLs. */
export function validateRules(rules: readonly PolicyRule[] | null | undefined, namespaced: boolean): Causes {
  return each('rules', rules, (rule, path) => validateRule(rule, namespaced, path))
}

function validateRule(rule: PolicyRule, namespaced: boolean, field: string): Causes {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const noVerbs = when(verbs.length === 0, required(`${field}.verbs`, 'verbs must contain at least one value'))
  const urls = `${field}.nonResourceURLs`
  if (nonResourceURLs.length > 0) {
    return [
      ...noVerbs,
      ...when(namespaced, invalidValue(urls, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs')),
      ...when(
        apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0,
        invalidValue(urls, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'),
      ),
    ]
  }
  return [
    ...noVerbs,
    ...when(
      apiGroups.length === 0,
      required(`${field}.apiGroups`, 'resource rules must supply at least one api group'),
    ),
    ...when(resources.length === 0, required(`${field}.resources`, 'resource rules must supply at least one resource')),
  ]
}

type Binding = ApiObject & { readonly roleRef: RoleRef; readonly subjects?: readonly Subject[] }

/** Users and groups are of RBAC's own group, accounts of the core group. */
export function defaultBinding<T extends Binding>(binding: T): T {
  const { roleRef, subjects } = binding
  return {
    ...binding,
    roleRef: { ...roleRef, apiGroup: roleRef?.apiGroup || rbacGroup },
    ...(subjects === undefined ? {} : { subjects: subjects.map(defaultSubject) }),
  }
}

function defaultSubject(subject: Subject): Subject {
  const isPerson = subject.kind === 'User' || subject.kind === 'Group'
  return isPerson ? { ...subject, apiGroup: subject.apiGroup || rbacGroup } : subject
}

/** Rules of a binding; `kinds` are the roles it may refer to. */
export function validateBinding({ roleRef, subjects }: Binding, kinds: readonly string[], namespaced: boolean): Causes {
  return [
    ...when(roleRef.apiGroup !== rbacGroup, notSupported('roleRef.apiGroup', roleRef.apiGroup, [rbacGroup])),
    ...when(!kinds.includes(roleRef.kind), notSupported('roleRef.kind', roleRef.kind, kinds)),
    ...(roleRef.name === ''
      ? [required('roleRef.name')]
      : invalidValues('roleRef.name', roleRef.name, isPathSegmentName(roleRef.name))),
    ...each('subjects', subjects, (subject, path) => validateSubject(subject, namespaced, path)),
  ]
}

function validateSubject(
  { kind, name, namespace = '', apiGroup = '' }: Subject,
  namespaced: boolean,
  field: string,
): Causes {
  const nameless = when(name === '', required(`${field}.name`))
  switch (kind) {
    case 'ServiceAccount':
      return [
        ...nameless,
        ...(name === '' ? [] : invalidValues(`${field}.name`, name, isDns1123Subdomain(name))),
        ...when(apiGroup !== '', notSupported(`${field}.apiGroup`, apiGroup, [''])),
        ...when(!namespaced && namespace === '', required(`${field}.namespace`)),
      ]
    case 'User':
    case 'Group':
      return [...nameless, ...when(apiGroup !== rbacGroup, notSupported(`${field}.apiGroup`, apiGroup, [rbacGroup]))]
    default:
      return [...nameless, notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group'])]
  }
}

const internalRoleRef = [
  ['APIGroup', 'apiGroup', ''],
  ['Kind', 'kind', ''],
  ['Name', 'name', ''],
] as const

/** Who has checked a binding relies on its role staying the same. */
export function validateRoleRefChange({ roleRef }: Binding, old: Binding): Causes {
  return when(
    !sameJson(roleRef, old.roleRef),
    invalidValue('roleRef', asInternal(roleRef, internalRoleRef), 'cannot change roleRef'),
  )
}

/** Columns of both roles. */
export const roleColumns: readonly Column<ApiObject>[] = [nameColumn, createdAtColumn]

/** Columns of both bindings. */
export const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  text('Role', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  text('Users', (binding) => subjectNames(binding, 'User'), true),
  text('Groups', (binding) => subjectNames(binding, 'Group'), true),
  text('ServiceAccounts', (binding) => subjectNames(binding, 'ServiceAccount'), true),
]

function subjectNames({ subjects = [] }: Binding, kind: string): string {
  return subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace = '' }) => (kind === 'ServiceAccount' ? `${namespace}/${name}` : name))
    .join(', ')
}
