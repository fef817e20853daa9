/**
 * The roles and bindings that an API server makes at its first start and keeps up to date: compact facts to API objects.
 * Source: Kubernetes' default RBAC policy; a test compares the result with the facts of the wire where those are present.
 */

import type { ApiObject } from '../../api/resource.ts'
import {
  type BindingFacts,
  clusterRoleBindingFacts,
  clusterRoleFacts,
  controllerRoleFacts,
  type RoleFacts,
  roleBindingFacts,
  roleFacts,
} from './bootstrap-facts.ts'
import type { PolicyRule } from './rbac-rules.ts'

/** Marks objects whose missing rules and subjects are put back at every start. */
export const autoUpdateAnnotation = 'rbac.authorization.kubernetes.io/autoupdate'
const aggregateLabel = 'rbac.authorization.k8s.io/aggregate-to-'
const rbacGroup = 'rbac.authorization.k8s.io'

/** A role as it is written into the store, before the server adds uid and resourceVersion. */
export type RoleDraft = {
  readonly apiVersion: 'rbac.authorization.k8s.io/v1'
  readonly kind: 'ClusterRole' | 'Role'
  readonly metadata: DraftMetadata
  readonly aggregationRule?: { readonly clusterRoleSelectors: readonly MatchLabels[] }
  readonly rules: readonly PolicyRule[] | null
}
/** A binding as it is written into the store. */
export type BindingDraft = {
  readonly apiVersion: 'rbac.authorization.k8s.io/v1'
  readonly kind: 'ClusterRoleBinding' | 'RoleBinding'
  readonly metadata: DraftMetadata
  readonly roleRef: { readonly apiGroup: string; readonly kind: string; readonly name: string }
  readonly subjects?: readonly SubjectDraft[]
}
/** Who a binding names. */
export type SubjectDraft = {
  readonly kind: string
  readonly name: string
  readonly apiGroup?: string
  readonly namespace?: string
}
type MatchLabels = { readonly matchLabels: Readonly<Record<string, string>> }
type DraftMetadata = Pick<ApiObject['metadata'], 'name' | 'namespace' | 'labels' | 'annotations'>

/** `get,list core pods` or `get url:/healthz`. */
export function parseRule(text: string): PolicyRule {
  const [verbs = '', groups = '', resources = '', names] = text.split(' ')
  if (groups.startsWith('url:'))
    return { nonResourceURLs: groups.slice('url:'.length).split(','), verbs: verbs.split(',') }
  return {
    apiGroups: groups.split(',').map((group) => (group === 'core' ? '' : group)),
    ...(names === undefined ? {} : { resourceNames: names.split(',') }),
    resources: resources.split(','),
    verbs: verbs.split(','),
  }
}

function role(kind: RoleDraft['kind'], facts: RoleFacts): RoleDraft {
  const aggregateTo = (facts.aggregateTo ?? []).map((target) => [`${aggregateLabel}${target}`, 'true'])
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: metadata(facts, Object.fromEntries(aggregateTo)),
    ...(facts.aggregates === undefined
      ? {}
      : {
          aggregationRule: {
            clusterRoleSelectors: [{ matchLabels: { [`${aggregateLabel}${facts.aggregates}`]: 'true' } }],
          },
        }),
    rules: facts.aggregates === undefined ? (facts.rules ?? []).map(parseRule) : null,
  }
}

function binding(kind: BindingDraft['kind'], facts: BindingFacts): BindingDraft {
  const subjects = facts.subjects.map(subject)
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: metadata(facts, {}),
    roleRef: { apiGroup: rbacGroup, kind: kind === 'RoleBinding' ? 'Role' : 'ClusterRole', name: facts.role },
    ...(subjects.length === 0 ? {} : { subjects }),
  }
}

function metadata(
  facts: { name: string; namespace?: string },
  labels: Readonly<Record<string, string>>,
): DraftMetadata {
  return {
    annotations: { [autoUpdateAnnotation]: 'true' },
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    name: facts.name,
    ...(facts.namespace === undefined ? {} : { namespace: facts.namespace }),
  }
}

function subject(text: string): SubjectDraft {
  const colon = text.indexOf(':')
  const [kind, name] = [text.slice(0, colon), text.slice(colon + 1)]
  if (kind !== 'ServiceAccount') return { apiGroup: rbacGroup, kind, name }
  const [namespace = '', accountName = ''] = name.split('/')
  return { kind, name: accountName, namespace }
}

/** `system:controller:x` is bound to the service account `kube-system/x`. */
function controllerBinding(facts: RoleFacts): BindingFacts {
  const account = facts.name.replace('system:controller:', '')
  return { name: facts.name, role: facts.name, subjects: [`ServiceAccount:kube-system/${account}`] }
}

/** Everything RBAC starts with: roles before the bindings that name them. */
export const bootstrapPolicy: {
  readonly clusterRoles: readonly RoleDraft[]
  readonly controllerRoles: readonly RoleDraft[]
  readonly clusterRoleBindings: readonly BindingDraft[]
  readonly controllerRoleBindings: readonly BindingDraft[]
  readonly roles: readonly RoleDraft[]
  readonly roleBindings: readonly BindingDraft[]
} = {
  clusterRoles: clusterRoleFacts.map((facts) => role('ClusterRole', facts)),
  controllerRoles: controllerRoleFacts.map((facts) => role('ClusterRole', facts)),
  clusterRoleBindings: clusterRoleBindingFacts.map((facts) => binding('ClusterRoleBinding', facts)),
  controllerRoleBindings: controllerRoleFacts.map((facts) => binding('ClusterRoleBinding', controllerBinding(facts))),
  roles: roleFacts.map((facts) => role('Role', facts)),
  roleBindings: roleBindingFacts.map((facts) => binding('RoleBinding', facts)),
}
