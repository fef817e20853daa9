/**
 * The RBAC authorizer: bindings name subjects and a role, the role's rules allow. Nothing ever denies; what no rule
 * allows is denied at the end of the chain.
 */
import type { ClusterRole } from '../../api/rbac/v1.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { joinErrors } from '../authn/join-errors.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read, readAll } from '../registry/typed-reader.ts'
import type { Attributes, AuthorizationPlugin, Decision } from './authorizer.ts'
import { type Grant, grantsOf, type RoleRef, type Subject } from './grants.ts'
import { type Action, type PolicyRule, ruleAllows } from './rbac-rules.ts'

/** One rule that applies to a user, with the sentence that says through which binding. */
export type AppliedRule = { readonly rule: PolicyRule; readonly because: () => string }
/** All rules that apply to a user in a namespace, and the bindings whose role is missing. */
export type AppliedRules = { readonly rules: Iterable<AppliedRule>; readonly errors: readonly string[] }

/** Decides by the roles and bindings of the watch caches. */
export function createRbacPlugin(reader: ObjectReader): AuthorizationPlugin {
  return {
    authorize: (attributes) => decide(reader, attributes),
    rulesFor: (user, namespace) => {
      const errors: string[] = []
      const rules = [...appliedRules(reader, user, namespace, errors)].map(({ rule }) => rule)
      return { rules, incomplete: false, errors }
    },
  }
}

function decide(reader: ObjectReader, attributes: Attributes): Decision {
  const action = actionOf(attributes)
  const errors: string[] = []
  for (const { rule, because } of appliedRules(reader, attributes.user, attributes.info.namespace, errors)) {
    if (ruleAllows(rule, action)) return { type: 'allow', reason: `RBAC: allowed by ${because()}` }
  }
  return { type: 'noOpinion', reason: errors.length === 0 ? '' : `RBAC: ${joinErrors(errors)}` }
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
  const grants = grantsOf(reader)
  yield* rulesOfGrants(reader, grants.inCluster(user), '', errors)
  if (namespace !== '') yield* rulesOfGrants(reader, grants.inNamespace(user, namespace), namespace, errors)
}

function* rulesOfGrants(
  reader: ObjectReader,
  grants: readonly Grant[],
  namespace: string,
  errors: string[],
): Generator<AppliedRule> {
  for (const grant of grants) {
    const rules = rulesOf(reader, grant.roleRef, namespace)
    if (rules === undefined) errors.push(missingRole(grant.roleRef))
    const because = () => describe(grant, namespace)
    for (const rule of rules ?? []) yield { rule, because }
  }
}

/** The rules behind a role reference; `undefined` when the role does not exist. */
export function rulesOf(reader: ObjectReader, roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
  if (roleRef.kind === 'ClusterRole') {
    const role = read(reader, kinds.clusterRoles, '', roleRef.name)
    return role === undefined ? undefined : clusterRoleRules(reader, role)
  }
  const role = read(reader, kinds.roles, namespace, roleRef.name)
  return role === undefined ? undefined : (role.rules ?? [])
}

/**
 * The role's own rules, or the sum of the roles it aggregates as they are now: a role that was just labelled counts
 * before the controller that writes the sum down has run.
 */
function clusterRoleRules(reader: ObjectReader, role: ClusterRole): readonly PolicyRule[] {
  if (role.aggregationRule?.clusterRoleSelectors === undefined) return role.rules ?? []
  const revision = reader.revision(kinds.clusterRoles.facts)
  const kept = sums.get(role)
  if (kept?.revision === revision) return kept.rules
  const rules = sumOfRoles(reader, role, new Set())
  sums.set(role, { revision, rules })
  return rules
}

/** What `clusterRoleRules` has summed up, until any ClusterRole changes. */
const sums = new WeakMap<ClusterRole, { readonly revision: number; readonly rules: readonly PolicyRule[] }>()

function sumOfRoles(reader: ObjectReader, role: ClusterRole, seen: Set<string>): readonly PolicyRule[] {
  const { aggregationRule, rules } = role
  if (aggregationRule?.clusterRoleSelectors === undefined) return rules ?? []
  seen.add(role.metadata.name)
  const selectors = aggregationRule.clusterRoleSelectors.map(selectorFromLabelSelector)
  return readAll(reader, kinds.clusterRoles)
    .filter(({ metadata }) => !seen.has(metadata.name) && selectors.some((one) => matches(one, metadata.labels)))
    .flatMap((part) => sumOfRoles(reader, part, seen))
}

function missingRole({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io ${quote(name)} not found`
}

function describe({ binding, roleRef, subject }: Grant, namespace: string): string {
  const name = namespace === '' ? binding : `${binding}/${namespace}`
  const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding'
  return `${kind} ${quote(name)} of ${roleRef.kind} ${quote(roleRef.name)} to ${describeSubject(subject, namespace)}`
}

function describeSubject(subject: Subject, bindingNamespace: string): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind} ${quote(subject.name)}`
  return `ServiceAccount ${quote(`${subject.name}/${subject.namespace ?? bindingNamespace}`)}`
}

function quote(text: string): string {
  return JSON.stringify(text)
}
