/**
 * The RBAC authorizer: bindings name subjects and a role, the role's rules allow. Nothing ever denies; what no rule
 * allows is denied at the end of the chain.
 */
import type { ClusterRole } from '../../api/rbac/v1.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read, readAll } from '../registry/typed-reader.ts'
import type { Attributes, Decision } from './authorizer.ts'
import { type Action, type PolicyRule, ruleAllows } from './rbac-rules.ts'

/** Who a binding names. */
export type Subject = { readonly kind: string; readonly name: string; readonly namespace?: string }
type RoleRef = { readonly kind: string; readonly name: string }

/** One rule that applies to a user, with the sentence that says through which binding. */
export type AppliedRule = { readonly rule: PolicyRule; readonly because: () => string }
/** All rules that apply to a user in a namespace, and the bindings whose role is missing. */
export type AppliedRules = { readonly rules: Iterable<AppliedRule>; readonly errors: readonly string[] }

/** Decides by the roles and bindings of the watch caches. */
export function createRbacAuthorizer(reader: ObjectReader): (attributes: Attributes) => Decision {
  return (attributes) => {
    const action = actionOf(attributes)
    const errors: string[] = []
    for (const { rule, because } of appliedRules(reader, attributes.user, attributes.info.namespace, errors)) {
      if (ruleAllows(rule, action)) return { type: 'allow', reason: `RBAC: allowed by ${because()}` }
    }
    return { type: 'noOpinion', reason: errors.length === 0 ? '' : `RBAC: ${aggregate(errors)}` }
  }
}

/** Several messages as upstream joins them. */
export function aggregate(messages: readonly string[]): string {
  const unique = [...new Set(messages)]
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`
}

function actionOf({ info }: Attributes): Action {
  if (!info.isResourceRequest) return { type: 'url', verb: info.verb, path: info.path }
  return {
    type: 'resource',
    verb: info.verb,
    apiGroup: info.group,
    resource: info.resource,
    subresource: info.subresource,
    name: info.name,
  }
}

/** Every rule of every role bound to the user, cluster-wide and in `namespace` (`''`: cluster-wide only). */
export function* appliedRules(
  reader: ObjectReader,
  user: UserInfo,
  namespace: string,
  errors: string[],
): Generator<AppliedRule> {
  for (const binding of readAll(reader, kinds.clusterRoleBindings)) {
    const subject = (binding.subjects ?? []).find((one) => isSubject(user, one, ''))
    if (subject === undefined) continue
    const rules = rulesOf(reader, binding.roleRef, '')
    if (rules === undefined) errors.push(missingRole(binding.roleRef))
    const because = () => describe(`ClusterRoleBinding ${quote(binding.metadata.name)}`, binding.roleRef, subject, '')
    for (const rule of rules ?? []) yield { rule, because }
  }
  if (namespace === '') return
  for (const binding of readAll(reader, kinds.roleBindings, namespace)) {
    const subject = (binding.subjects ?? []).find((one) => isSubject(user, one, namespace))
    if (subject === undefined) continue
    const rules = rulesOf(reader, binding.roleRef, namespace)
    if (rules === undefined) errors.push(missingRole(binding.roleRef))
    const name = quote(`${binding.metadata.name}/${namespace}`)
    const because = () => describe(`RoleBinding ${name}`, binding.roleRef, subject, namespace)
    for (const rule of rules ?? []) yield { rule, because }
  }
}

/** Whether a binding's subject means this user. */
export function isSubject(user: UserInfo, subject: Subject, bindingNamespace: string): boolean {
  switch (subject.kind) {
    case 'User':
      return user.name === subject.name
    case 'Group':
      return user.groups.includes(subject.name)
    case 'ServiceAccount': {
      const namespace =
        subject.namespace === undefined || subject.namespace === '' ? bindingNamespace : subject.namespace
      return namespace !== '' && user.name === `system:serviceaccount:${namespace}:${subject.name}`
    }
    default:
      return false
  }
}

/** The rules behind a role reference; `undefined` when the role does not exist. */
export function rulesOf(reader: ObjectReader, roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
  if (roleRef.kind === 'ClusterRole') {
    const role = read(reader, kinds.clusterRoles, '', roleRef.name)
    return role === undefined ? undefined : clusterRoleRules(reader, role, new Set())
  }
  const role = read(reader, kinds.roles, namespace, roleRef.name)
  return role === undefined ? undefined : (role.rules ?? [])
}

/**
 * The role's own rules, or the sum of the roles it aggregates as they are now: a role that was just labelled counts
 * before the controller that writes the sum down has run.
 */
function clusterRoleRules(reader: ObjectReader, role: ClusterRole, seen: Set<string>): readonly PolicyRule[] {
  const { aggregationRule, rules } = role
  if (aggregationRule?.clusterRoleSelectors === undefined) return rules ?? []
  seen.add(role.metadata.name)
  const selectors = aggregationRule.clusterRoleSelectors.map(selectorFromLabelSelector)
  return readAll(reader, kinds.clusterRoles)
    .filter(({ metadata }) => !seen.has(metadata.name) && selectors.some((one) => matches(one, metadata.labels)))
    .flatMap((part) => clusterRoleRules(reader, part, seen))
}

function missingRole({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${quote(name)} not found`
}

function describe(binding: string, roleRef: RoleRef, subject: Subject, bindingNamespace: string): string {
  return `${binding} of ${roleRef.kind} ${quote(roleRef.name)} to ${describeSubject(subject, bindingNamespace)}`
}

function describeSubject(subject: Subject, bindingNamespace: string): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${quote(subject.name)}`
  return `ServiceAccount ${quote(`${subject.name}/${subject.namespace ?? bindingNamespace}`)}`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
